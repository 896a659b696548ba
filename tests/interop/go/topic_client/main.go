// SPDX-License-Identifier: Apache-2.0

// The Go client behind the command line that all topic clients share: see ../../README.md.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/apache/pulsar-client-go/pulsar"
	"github.com/apache/pulsar-client-go/pulsar/crypto"
	"github.com/apache/pulsar-client-go/pulsar/log"
	"github.com/sirupsen/logrus"
)

func main() {
	words := os.Args[1:]
	if len(words) == 1 && words[0] == "jobs" {
		serveJobs()
		return
	}
	if err := run(words, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "topic_client:", err)
		os.Exit(1)
	}
}

type job struct {
	ID        int      `json:"id"`
	Arguments []string `json:"arguments"`
	Input     string   `json:"input"`
	Output    string   `json:"output"`
}

type answer struct {
	ID    int    `json:"id"`
	Error string `json:"error"`
}

// serveJobs runs one job a line, each in a goroutine of its own, answered by a line when it is done.
func serveJobs() {
	lines := json.NewDecoder(os.Stdin)
	answers := &lineWriter{out: os.Stdout}
	for {
		var next job
		if lines.Decode(&next) != nil {
			return
		}
		go func() {
			done := answer{ID: next.ID}
			if err := serve(next); err != nil {
				done.Error = err.Error()
			}
			answers.write(done)
		}()
	}
}

func serve(next job) error {
	input, err := os.Open(next.Input)
	if err != nil {
		return err
	}
	defer input.Close()
	output, err := os.Create(next.Output)
	if err != nil {
		return err
	}
	defer output.Close()
	return run(next.Arguments, input, output)
}

func run(words []string, input io.Reader, output io.Writer) (err error) {
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("panic: %v", problem)
		}
	}()
	arguments, err := parse(words)
	if err != nil {
		return err
	}
	client, err := connect(arguments)
	if err != nil {
		return err
	}
	defer client.Close()
	if arguments.action == "produce" {
		return produce(client, arguments, input, &lineWriter{out: output})
	}
	return consume(client, arguments, &lineWriter{out: output})
}

func connect(arguments *arguments) (pulsar.Client, error) {
	logger := logrus.New()
	logger.SetLevel(logrus.WarnLevel)
	options := pulsar.ClientOptions{
		URL:                   arguments.one("--url", ""),
		TLSTrustCertsFilePath: arguments.one("--tls-ca", ""),
		TLSValidateHostname:   true,
		OperationTimeout:      15 * time.Second,
		Logger:                log.NewLoggerWithLogrus(logger),
	}
	if file := arguments.one("--token-file", ""); file != "" {
		options.Authentication = pulsar.NewAuthenticationTokenFromFile(file)
	}
	return pulsar.NewClient(options)
}

type line struct {
	Payload     []byte            `json:"payload_base64"`
	Null        bool              `json:"null"`
	Key         string            `json:"key"`
	OrderingKey []byte            `json:"ordering_key_base64"`
	Properties  map[string]string `json:"properties"`
	EventTime   int64             `json:"event_time"`
}

func produce(client pulsar.Client, arguments *arguments, input io.Reader, output *lineWriter) error {
	options, err := producerOptions(arguments)
	if err != nil {
		return err
	}
	producer, err := client.CreateProducer(options)
	if err != nil {
		return err
	}
	defer producer.Close()
	rotateAfter := arguments.number("--rotate-after-messages", 0)
	var failed error
	var sending sync.WaitGroup
	lines := json.NewDecoder(bufio.NewReader(input))
	for i := 0; ; i++ {
		var next line
		if err := lines.Decode(&next); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		if next.Null {
			return errors.New("the Go client has no tombstones")
		}
		if rotateAfter > 0 && i > 0 && i%rotateAfter == 0 {
			sending.Wait()
			// The client itself never does it.
			if err := options.Encryption.MessageCrypto.AddPublicKeyCipher(options.Encryption.Keys, options.Encryption.KeyReader); err != nil {
				return err
			}
		}
		sending.Add(1)
		producer.SendAsync(context.Background(), message(next), func(id pulsar.MessageID, _ *pulsar.ProducerMessage, err error) {
			defer sending.Done()
			if err != nil {
				failed = err
				return
			}
			output.write(map[string]string{"message_id": text(id)})
		})
	}
	if err := producer.FlushWithCtx(context.Background()); err != nil {
		return err
	}
	sending.Wait()
	return failed
}

func message(next line) *pulsar.ProducerMessage {
	sent := &pulsar.ProducerMessage{
		Payload:     next.Payload,
		Key:         next.Key,
		OrderingKey: string(next.OrderingKey),
		Properties:  next.Properties,
	}
	if next.EventTime > 0 {
		sent.EventTime = time.UnixMilli(next.EventTime)
	}
	return sent
}

func producerOptions(arguments *arguments) (pulsar.ProducerOptions, error) {
	compressions := map[string]pulsar.CompressionType{
		"none": pulsar.NoCompression, "lz4": pulsar.LZ4, "zlib": pulsar.ZLib, "zstd": pulsar.ZSTD, "snappy": pulsar.SNAPPY,
	}
	options := pulsar.ProducerOptions{
		Topic:               arguments.one("--topic", ""),
		Name:                arguments.one("--producer-name", ""),
		SendTimeout:         20 * time.Second,
		CompressionType:     compressions[arguments.one("--compression", "none")],
		DisableBatching:     !arguments.has("--batch"),
		EnableChunking:      arguments.has("--chunk"),
		ChunkMaxMessageSize: uint(arguments.number("--max-message-size", 0)),
	}
	if arguments.has("--batch") {
		options.BatchingMaxMessages = uint(arguments.number("--batch", 0))
		options.BatchingMaxSize = 4 * 1024 * 1024
		options.BatchingMaxPublishDelay = time.Second
	}
	names := arguments.all("--to")
	if len(names) == 0 {
		return options, nil
	}
	messageCrypto, err := crypto.NewDefaultMessageCrypto("topic_client", true, log.NewLoggerWithLogrus(logrus.StandardLogger()))
	if err != nil {
		return options, err
	}
	actions := map[string]int{"fail": crypto.ProducerCryptoFailureActionFail, "send": crypto.ProducerCryptoFailureActionSend}
	options.Encryption = &pulsar.ProducerEncryptionInfo{
		KeyReader:                   keyDirectory(arguments.one("--keys", "")),
		MessageCrypto:               messageCrypto,
		Keys:                        names,
		ProducerCryptoFailureAction: actions[arguments.one("--on-failure", "fail")],
	}
	return options, nil
}

func consume(client pulsar.Client, arguments *arguments, output *lineWriter) error {
	consumer, err := client.Subscribe(consumerOptions(arguments))
	if err != nil {
		return err
	}
	defer consumer.Close()
	timeout := time.Duration(arguments.number("--timeout", 10)) * time.Second
	for i := 0; i < arguments.number("--count", 1<<31-1); i++ {
		deadline, cancel := context.WithTimeout(context.Background(), timeout)
		received, err := consumer.Receive(deadline)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			return nil
		}
		if err != nil {
			return err
		}
		output.write(describe(received))
		if !arguments.has("--no-acknowledge") {
			if err := consumer.Ack(received); err != nil {
				return err
			}
		}
	}
	return nil
}

func consumerOptions(arguments *arguments) pulsar.ConsumerOptions {
	types := map[string]pulsar.SubscriptionType{
		"exclusive": pulsar.Exclusive, "shared": pulsar.Shared, "failover": pulsar.Failover,
	}
	positions := map[string]pulsar.SubscriptionInitialPosition{
		"earliest": pulsar.SubscriptionPositionEarliest, "latest": pulsar.SubscriptionPositionLatest,
	}
	actions := map[string]int{
		"fail":    crypto.ConsumerCryptoFailureActionFail,
		"discard": crypto.ConsumerCryptoFailureActionDiscard,
		"consume": crypto.ConsumerCryptoFailureActionConsume,
	}
	options := pulsar.ConsumerOptions{
		Topic:                       arguments.one("--topic", ""),
		SubscriptionName:            arguments.one("--subscription", ""),
		Type:                        types[arguments.one("--subscription-type", "exclusive")],
		SubscriptionInitialPosition: positions[arguments.one("--from", "earliest")],
		ReceiverQueueSize:           arguments.number("--receiver-queue", 1000),
		ReadCompacted:               arguments.has("--compacted"),
	}
	if arguments.has("--ack-timeout") {
		// The Go client has no such time-out: it gives a message back at once, to come again after this time.
		options.NackRedeliveryDelay = time.Duration(arguments.number("--ack-timeout", 0)) * time.Second
	}
	// Without an Encryption the client hands out ciphertext as if it were the message.
	options.Decryption = &pulsar.MessageDecryptionInfo{
		KeyReader:                   keyDirectory(arguments.one("--keys", os.DevNull)),
		ConsumerCryptoFailureAction: actions[arguments.one("--on-failure", "fail")],
	}
	return options
}

func describe(received pulsar.Message) map[string]any {
	described := map[string]any{
		"message_id":     text(received.ID()),
		"payload_base64": received.Payload(),
		"key":            received.Key(),
		"properties":     received.Properties(),
		"event_time":     max(received.EventTime().UnixMilli(), 0),
		"producer":       received.ProducerName(),
	}
	if received.OrderingKey() != "" {
		described["ordering_key_base64"] = []byte(received.OrderingKey())
	}
	if encryption := received.GetEncryptionContext(); encryption != nil {
		described["context"] = describeContext(encryption)
	}
	return described
}

// describeContext writes it as Pulsar's WebSocket endpoint does.
func describeContext(encryption *pulsar.EncryptionContext) map[string]any {
	keys := map[string]any{}
	for name, key := range encryption.Keys {
		keys[name] = map[string]any{"keyValue": key.KeyValue, "metadata": key.Metadata}
	}
	names := []string{"NONE", "LZ4", "ZLIB", "ZSTD", "SNAPPY"}
	described := map[string]any{
		"keys":                    keys,
		"param":                   encryption.Param,
		"compressionType":         names[encryption.CompressionType],
		"uncompressedMessageSize": encryption.UncompressedSize,
	}
	if encryption.BatchSize > 1 {
		described["batchSize"] = encryption.BatchSize
	}
	return described
}

func text(id pulsar.MessageID) string {
	return fmt.Sprintf("%d:%d:%d:%d", id.LedgerID(), id.EntryID(), id.PartitionIdx(), id.BatchIdx())
}

// keyDirectory is a folder of NAME.public.pem and NAME.private.pem.
type keyDirectory string

func (folder keyDirectory) PublicKey(name string, _ map[string]string) (*crypto.EncryptionKeyInfo, error) {
	return folder.read(name, ".public.pem")
}

func (folder keyDirectory) PrivateKey(name string, _ map[string]string) (*crypto.EncryptionKeyInfo, error) {
	return folder.read(name, ".private.pem")
}

func (folder keyDirectory) read(name, ending string) (*crypto.EncryptionKeyInfo, error) {
	pem, err := os.ReadFile(filepath.Join(string(folder), name+ending))
	if err != nil {
		return nil, err
	}
	return crypto.NewEncryptionKeyInfo(name, pem, nil), nil
}

// lineWriter writes JSON objects, one a line, from several goroutines.
type lineWriter struct {
	mutex sync.Mutex
	out   io.Writer
}

func (writer *lineWriter) write(object any) {
	text, err := json.Marshal(object)
	if err != nil {
		panic(err)
	}
	writer.mutex.Lock()
	defer writer.mutex.Unlock()
	if _, err := writer.out.Write(append(text, '\n')); err != nil {
		panic(err)
	}
}

// arguments are produce or consume, then --name value, or --name alone.
type arguments struct {
	action string
	words  []string
}

func parse(words []string) (*arguments, error) {
	if len(words) == 0 || !slices.Contains([]string{"produce", "consume"}, words[0]) {
		return nil, errors.New("usage: topic_client produce|consume|jobs ...")
	}
	return &arguments{words[0], words[1:]}, nil
}

func (arguments *arguments) has(name string) bool {
	return slices.Contains(arguments.words, name)
}

func (arguments *arguments) all(name string) []string {
	var values []string
	for i, word := range arguments.words {
		if word == name && i+1 < len(arguments.words) {
			values = append(values, arguments.words[i+1])
		}
	}
	return values
}

func (arguments *arguments) one(name, fallback string) string {
	if values := arguments.all(name); len(values) > 0 {
		return values[len(values)-1]
	}
	return fallback
}

func (arguments *arguments) number(name string, fallback int) int {
	value, err := strconv.Atoi(arguments.one(name, strconv.Itoa(fallback)))
	if err != nil {
		panic(strings.TrimPrefix(err.Error(), "strconv."))
	}
	return value
}
