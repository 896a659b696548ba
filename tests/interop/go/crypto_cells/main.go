// SPDX-License-Identifier: Apache-2.0

// The Go client's side of crypto_cells.py: one JSON object a line in, one a line out, as crypto_cells.py says.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"github.com/apache/pulsar-client-go/pulsar/crypto"
	"github.com/apache/pulsar-client-go/pulsar/log"
	"github.com/sirupsen/logrus"
	"google.golang.org/protobuf/encoding/protowire"
)

const clientModule = "github.com/apache/pulsar-client-go"

type cellKey struct {
	File     string            `json:"file"`
	Metadata map[string]string `json:"metadata"`
}

type request struct {
	Op       string             `json:"op"`
	To       []string           `json:"to"`
	Keys     map[string]cellKey `json:"keys"`
	Messages []struct {
		In  string `json:"in"`
		Out string `json:"out"`
	} `json:"messages"`
	RotateBefore int `json:"rotate_before"`
}

type answer struct {
	Error       string                       `json:"error,omitempty"`
	Errors      []string                     `json:"errors,omitempty"`
	KeyMetadata map[string]map[string]string `json:"key_metadata,omitempty"`
	Version     string                       `json:"version,omitempty"`
}

// cellKeys are the keys of one request. It remembers the key metadata that came with the messages.
type cellKeys struct {
	keys         map[string]cellKey
	metadataSeen map[string]map[string]string
}

func (k *cellKeys) PublicKey(name string, _ map[string]string) (*crypto.EncryptionKeyInfo, error) {
	pem, err := os.ReadFile(k.keys[name].File)
	return crypto.NewEncryptionKeyInfo(name, pem, k.keys[name].Metadata), err
}

func (k *cellKeys) PrivateKey(name string, metadata map[string]string) (*crypto.EncryptionKeyInfo, error) {
	key, ok := k.keys[name]
	if !ok {
		return nil, errors.New("no such key here")
	}
	k.metadataSeen[name] = metadata
	pem, err := os.ReadFile(key.File)
	return crypto.NewEncryptionKeyInfo(name, pem, metadata), err
}

// metadata is a MessageMetadata: the client's own type is internal to it, and what encryption asks of it is this.
type metadata struct {
	keys  []crypto.EncryptionKeyInfo
	nonce []byte
}

func (m *metadata) EncryptionKeys() []crypto.EncryptionKeyInfo { return m.keys }
func (m *metadata) EncryptionParam() []byte                    { return m.nonce }
func (m *metadata) SetEncryptionParam(nonce []byte)            { m.nonce = nonce }

func (m *metadata) UpsertEncryptionKey(info crypto.EncryptionKeyInfo) {
	for i := range m.keys {
		if m.keys[i].Name() == info.Name() {
			m.keys[i] = info
			return
		}
	}
	m.keys = append(m.keys, info)
}

func appendBytes(to []byte, number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(to, number, protowire.BytesType), value)
}

func appendVarint(to []byte, number protowire.Number, value uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(to, number, protowire.VarintType), value)
}

func (m *metadata) serialize(sequenceID int, size int) []byte {
	out := appendBytes(nil, 1, []byte("cells"))
	out = appendVarint(out, 2, uint64(sequenceID))
	out = appendVarint(out, 3, 1700000000000)
	out = appendVarint(out, 9, uint64(size))
	for _, info := range m.keys {
		key := appendBytes(appendBytes(nil, 1, []byte(info.Name())), 2, info.Key())
		for name, value := range info.Metadata() {
			key = appendBytes(key, 3, appendBytes(appendBytes(nil, 1, []byte(name)), 2, []byte(value)))
		}
		out = appendBytes(out, 13, key)
	}
	return appendBytes(out, 15, m.nonce)
}

// eachBytes calls take for every length-delimited field of a serialised message.
func eachBytes(message []byte, take func(protowire.Number, []byte) error) error {
	for len(message) > 0 {
		number, kind, size := protowire.ConsumeTag(message)
		if size < 0 {
			return protowire.ParseError(size)
		}
		message = message[size:]
		if size = protowire.ConsumeFieldValue(number, kind, message); size < 0 {
			return protowire.ParseError(size)
		}
		if kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(message)
			if err := take(number, value); err != nil {
				return err
			}
		}
		message = message[size:]
	}
	return nil
}

func parseKey(serialized []byte) (crypto.EncryptionKeyInfo, error) {
	var name string
	var wrapped []byte
	pairs := map[string]string{}
	err := eachBytes(serialized, func(number protowire.Number, value []byte) error {
		switch number {
		case 1:
			name = string(value)
		case 2:
			wrapped = value
		case 3:
			var pair [3]string
			err := eachBytes(value, func(number protowire.Number, value []byte) error {
				if number <= 2 {
					pair[number] = string(value)
				}
				return nil
			})
			pairs[pair[1]] = pair[2]
			return err
		}
		return nil
	})
	return *crypto.NewEncryptionKeyInfo(name, wrapped, pairs), err
}

func parseMetadata(serialized []byte) (*metadata, error) {
	m := &metadata{}
	return m, eachBytes(serialized, func(number protowire.Number, value []byte) error {
		switch number {
		case 13:
			info, err := parseKey(value)
			m.keys = append(m.keys, info)
			return err
		case 15:
			m.nonce = value
		}
		return nil
	})
}

func encrypt(r request, logger log.Logger) (answer, error) {
	keys := &cellKeys{keys: r.Keys}
	messageCrypto, err := crypto.NewDefaultMessageCrypto("cells", true, logger)
	if err != nil {
		return answer{}, err
	}
	if err := messageCrypto.AddPublicKeyCipher(r.To, keys); err != nil {
		return answer{}, err
	}
	for i, message := range r.Messages {
		if i == r.RotateBefore {
			if err := messageCrypto.AddPublicKeyCipher(r.To, keys); err != nil {
				return answer{}, err
			}
		}
		plaintext, err := os.ReadFile(message.In)
		if err != nil {
			return answer{}, err
		}
		m := &metadata{}
		payload, err := messageCrypto.Encrypt(r.To, keys, m, plaintext)
		if err != nil {
			return answer{}, err
		}
		if err := os.WriteFile(message.Out, payload, 0o600); err != nil {
			return answer{}, err
		}
		if err := os.WriteFile(message.Out+".metadata", m.serialize(i, len(plaintext)), 0o600); err != nil {
			return answer{}, err
		}
	}
	return answer{}, nil
}

// decrypt makes an error of a panic, which in a consumer ends the program.
func decrypt(r request, logger log.Logger, said *strings.Builder) (a answer, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("panic: %v", problem)
		}
	}()
	keys := &cellKeys{keys: r.Keys, metadataSeen: map[string]map[string]string{}}
	messageCrypto, err := crypto.NewDefaultMessageCrypto("cells", false, logger)
	if err != nil {
		return answer{}, err
	}
	for _, message := range r.Messages {
		serialized, err := os.ReadFile(message.In + ".metadata")
		if err != nil {
			return answer{}, err
		}
		m, err := parseMetadata(serialized)
		if err != nil {
			return answer{}, err
		}
		payload, err := os.ReadFile(message.In)
		if err != nil {
			return answer{}, err
		}
		said.Reset()
		plaintext, err := messageCrypto.Decrypt(m, payload, keys)
		if err != nil {
			a.Errors = append(a.Errors, fmt.Sprintf("%v: %v", err, said))
			continue
		}
		a.Errors = append(a.Errors, "")
		if err := os.WriteFile(message.Out, plaintext, 0o600); err != nil {
			return answer{}, err
		}
	}
	a.KeyMetadata = keys.metadataSeen
	return a, nil
}

func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == clientModule {
			return "pulsar-client-go " + module.Version
		}
	}
	return "pulsar-client-go"
}

func main() {
	// The client says only in its log why it can't unwrap a data key.
	var said strings.Builder
	output := logrus.New()
	output.SetOutput(&said)
	output.SetFormatter(&logrus.TextFormatter{DisableTimestamp: true, DisableColors: true})
	logger := log.NewLoggerWithLogrus(output)

	lines := bufio.NewReader(os.Stdin)
	answers := json.NewEncoder(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var r request
		a := answer{}
		if err = json.Unmarshal(line, &r); err == nil {
			switch r.Op {
			case "encrypt":
				a, err = encrypt(r, logger)
			case "decrypt":
				a, err = decrypt(r, logger, &said)
			default:
				a.Version = version()
			}
		}
		if err != nil {
			a.Error = err.Error()
		}
		if err := answers.Encode(a); err != nil {
			return
		}
	}
}
