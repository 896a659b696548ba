// SPDX-License-Identifier: Apache-2.0

// Package crypto_bench measures the Go client's encryption called directly, for bench/clients.py: one RSA-2048 recipient,
// the data key known. Metadata is neither serialised nor parsed: the client's own type for it is internal.
//
// PULSEAL_BENCH_KEYS is a folder with bench.public.pem and bench.private.pem (PKCS#1).
package crypto_bench

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/pulsar-client-go/pulsar/crypto"
	"github.com/apache/pulsar-client-go/pulsar/log"
	"github.com/sirupsen/logrus"
)

var sizes = []int{256, 1024, 65536}

type metadata struct {
	keys  []crypto.EncryptionKeyInfo
	param []byte
}

func (m *metadata) EncryptionKeys() []crypto.EncryptionKeyInfo       { return m.keys }
func (m *metadata) UpsertEncryptionKey(key crypto.EncryptionKeyInfo) { m.keys = append(m.keys, key) }
func (m *metadata) EncryptionParam() []byte                          { return m.param }
func (m *metadata) SetEncryptionParam(param []byte)                  { m.param = param }

func newCrypto(b *testing.B, producer bool) (crypto.MessageCrypto, crypto.KeyReader) {
	keys := os.Getenv("PULSEAL_BENCH_KEYS")
	reader := crypto.NewFileKeyReader(filepath.Join(keys, "bench.public.pem"), filepath.Join(keys, "bench.private.pem"))
	logger := logrus.New()
	logger.SetOutput(io.Discard)
	client, err := crypto.NewDefaultMessageCrypto("bench", producer, log.NewLoggerWithLogrus(logger))
	if err != nil {
		b.Fatal(err)
	}
	if producer {
		if err := client.AddPublicKeyCipher([]string{"bench"}, reader); err != nil {
			b.Fatal(err)
		}
	}
	return client, reader
}

func BenchmarkEncrypt(b *testing.B) {
	client, reader := newCrypto(b, true)
	for _, size := range sizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			payload := make([]byte, size)
			for i := 0; i < b.N; i++ {
				if _, err := client.Encrypt([]string{"bench"}, reader, &metadata{}, payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecrypt(b *testing.B) {
	producer, reader := newCrypto(b, true)
	consumer, _ := newCrypto(b, false)
	for _, size := range sizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			message := &metadata{}
			payload, err := producer.Encrypt([]string{"bench"}, reader, message, make([]byte, size))
			if err != nil {
				b.Fatal(err)
			}
			for i := 0; i < b.N; i++ {
				if _, err := consumer.Decrypt(message, payload, reader); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
