# SPDX-License-Identifier: Apache-2.0
"""What official clients do in another way than the rest, each found by a cell: docs/interop.md has this list."""
from dataclasses import dataclass
from typing import Callable


@dataclass(frozen=True)
class Difference:
    name: str
    client: str    # and the version in which it was seen
    text: str      # what it does, and what that means to its users and to ours
    see: str       # how to see it, in as little as possible
    outcome: str   # of the cells: "impossible", where the client has no such thing; "client-defect", where it is wrong
    concerns: Callable[[dict], bool]  # whether a cell is expected to show it
    error: str = ""                   # what the client's error then has in it


def crypto(client, role, **what):
    """Cells of crypto_cells.py where `client` is the "writer" or "reader" and the members of `what` have one of the values."""
    def concerns(cell):
        return (cell["suite"] == "crypto" and cell[role] == client
                and all(cell["what"].get(name.replace("_", " "), "") in values for name, values in what.items()))
    return concerns


def topic(role, *clients, **what):
    """Cells of broker_cells.py where one of `clients` is in the role, and the members of `what` have one of the values."""
    def concerns(cell):
        return (cell["suite"] == "broker" and cell[role] in clients
                and all(cell["what"].get(name) in values for name, values in what.items()))
    return concerns


def either(*concerns):
    return lambda cell: any(one(cell) for one in concerns)


def both(*concerns):
    return lambda cell: all(one(cell) for one in concerns)


GO = "Go 0.19.0"
JAVA = "Java 4.0.13"
PYTHON = "Python 3.13.0 (C++)"
BROKER = "The broker 4.0.7"
CRYPTOGRAPHY = "Python's cryptography 38.0.4 (no client of Pulsar's: our third opinion)"
EC_NAMED = ("p-256", "p-384", "p-521")
EC_EXPLICIT = ("p-256-explicit", "p-384-explicit", "p-521-explicit")
RSA = ("rsa-2048", "rsa-3072", "rsa-4096")

WRITERS = ("java", "go", "python", "pulseal")

# The questions of broker_scenarios.py that a client answers in its own way.
TAKES_ENCRYPTED = "a topic that requires encryption takes what is encrypted"
SEND_IN_CLEAR = "action SEND, a public key missing, a topic that requires encryption: nothing in clear"
UNDECRYPTABLE = "1,000 batches of 10 that can't be decrypted, then a message that can"
SAVED = "kept undecrypted with CONSUME, decrypted later"
ROTATION = "the data key changes, under traffic"
COMPACTED = "a compacted topic: the last message of each key"
TLS = "through TLS, with a token"

ALL = [
    Difference(
        "go-forged-is-empty", GO,
        "A message that doesn't authenticate (forged, damaged, or encrypted under another data key) is no error: "
        "DefaultMessageCrypto.Decrypt logs it and returns (nil, nil). The consumer takes nil for the plaintext of an empty "
        "message; the failure action, FAIL by default, is never asked. Java and Pulseal refuse it.",
        "Encrypt 1 KiB with crypto.DefaultMessageCrypto, flip a bit of the result, and Decrypt it with another: nil, nil. In "
        "pulsar/crypto/default_message_crypto.go getKeyAndDecryptData ends with `return nil, nil` whatever decryptData said.",
        "client-defect", crypto("go", "reader", altered=("a bit of the payload", "a bit of the tag", "a bit of the nonce",
                                                         "no payload", "payload of 15 bytes")),
        "taken for a message of 0 bytes"),
    Difference(
        "go-nonce-panic", GO,
        "A message whose encryption_param isn't 12 bytes long panics in DefaultMessageCrypto.Decrypt, and nothing in the client "
        "recovers: whoever has the public key and may write to the topic ends every Go consumer on it, again after each restart. "
        "Java and Pulseal refuse such a message.",
        "Decrypt a message with SetEncryptionParam(make([]byte, 11)): \"panic: crypto/cipher: incorrect nonce length given to GCM\". "
        "decryptData hands the sender's bytes to gcm.Open, which panics for any other length.",
        "client-defect", crypto("go", "reader", altered=("nonce of 0 bytes", "nonce of 11 bytes", "nonce of 13 bytes",
                                                         "nonce of 1000 bytes")), "incorrect nonce length"),
    Difference(
        "go-no-ec", GO, "Go has no EC keys, neither to write nor to read.",
        "AddPublicKeyCipher with a P-256 public key: \"only RSA keys are supported\".",
        "impossible", either(crypto("go", "writer", key=EC_NAMED, public_key=("SPKI",)),
                             topic("writer", "go", keys=("EC",))), "only RSA keys are supported"),
    Difference(
        "go-no-explicit-ec", GO, "Go's X.509 doesn't even parse EC keys with explicit parameters.",
        "AddPublicKeyCipher with a P-256 public key written with `openssl ec -param_enc explicit`.",
        "impossible", crypto("go", "writer", key=EC_EXPLICIT, public_key=("SPKI",)), "invalid ECDSA parameters"),
    Difference(
        "go-no-ec-private", GO, "Go takes every private key for RSA in PKCS#1, and its error for an EC key is about its encoding.",
        "Decrypt with an EC private key: \"unable to decrypt data key\"; the reason is in the log only.",
        "impossible", either(crypto("go", "reader", key=EC_NAMED + EC_EXPLICIT), topic("reader", "go", keys=("EC",))),
        "unable to decrypt data key"),
    Difference(
        "go-private-pkcs1-only", GO,
        "Go reads private keys in PKCS#1 only (`RSA PRIVATE KEY`), and `openssl genpkey` writes PKCS#8. `pulseal keygen` writes "
        "PKCS#1 for this reason.",
        "Decrypt with a key of `openssl genpkey -algorithm RSA`: \"unable to decrypt data key\"; the reason is in the log only.",
        "impossible", crypto("go", "reader", key=RSA, private_key=("PKCS#8",)), "ParsePKCS8PrivateKey"),
    Difference(
        "go-public-no-pkcs1", GO,
        "Go reads public keys in SPKI only (`PUBLIC KEY`), not in PKCS#1 (`RSA PUBLIC KEY`). Java and Pulseal read both.",
        "AddPublicKeyCipher with a key of `openssl rsa -RSAPublicKey_out`.",
        "impossible", crypto("go", "writer", public_key=("PKCS#1",)), "ParsePKCS1PublicKey"),
    Difference(
        "go-public-no-certificate", GO, "Go doesn't take a certificate for a public key. Java and Pulseal do.",
        "AddPublicKeyCipher with a certificate of `openssl req -x509`.",
        "impossible", crypto("go", "writer", public_key=("certificate",)), "asn1: structure error"),
    Difference(
        "cryptography-no-explicit-ec-public", CRYPTOGRAPHY,
        "Refuses public EC keys with explicit parameters, which Pulsar's documentation tells users to make.",
        "load_pem_public_key with a key of `openssl ec -param_enc explicit -pubout`.",
        "impossible", crypto("python", "writer", key=EC_EXPLICIT), "explicit parameters are unsupported"),
    Difference(
        "cryptography-no-explicit-ec-private", CRYPTOGRAPHY, "Refuses private EC keys with explicit parameters.",
        "load_pem_private_key with a key of `openssl ec -param_enc explicit`.",
        "impossible", crypto("python", "reader", key=EC_EXPLICIT), "explicit parameters are unsupported"),
    Difference(
        "go-uncompressed-size-zero", GO,
        "A message whose metadata says no uncompressed_size, or 0, is decrypted, and then handed out as it came from the broker: "
        "the application gets ciphertext and no error. A batch of that kind is \"corrupted\" instead: acknowledged, and lost. It "
        "hits every empty payload (also Go's own), everything that Python (C++) doesn't compress, and Java's uncompressed "
        "batches. Pulseal always sets uncompressed_size, so that of its messages only empty ones are hit.",
        "Java: a producer with enableBatching and without compression; Go: a consumer. In pulsar/consumer_partition.go, "
        "MessageReceived, `if n := msgMeta.UncompressedSize; n != nil && *n > 0` is the only place where the reader is given "
        "the plaintext.",
        "client-defect", both(topic("reader", "go", keys=("RSA",)), either(
            topic("writer", *WRITERS, mode=("empty payloads",)), topic("writer", "java", mode=("batch of 10",)),
            topic("writer", "python", mode=("plain", "batch of 10", "12 MiB in chunks"))))),
    Difference(
        "cpp-empty-zlib", PYTHON,
        "An empty payload with ZLIB is \"corrupted\": acknowledged, and lost, its own too. Java and Go read each other's and C++'s. "
        "Pulseal sends as it is what a codec doesn't make shorter, so all read its.",
        "Python: a producer with CompressionType.ZLib, send(b\"\"); a consumer gets nothing.",
        "client-defect", both(topic("reader", "python", keys=("RSA",), mode=("empty payloads",)),
                              topic("writer", "java", "go", "python"))),
    Difference(
        "cpp-chunks-repeat-keys", f"{PYTHON}; {JAVA}",
        "C++ adds its list of wrapped keys to the metadata once more for each chunk of a message, so that chunk n has n of them. "
        "Java puts them into a map, throws \"Duplicate key\", closes the connection and reads the same chunk again, for ever. Go, "
        "C++ and Pulseal read it; Pulseal writes the list once for each chunk.",
        "Python: create_producer with chunking_enabled and encryption_key, send 12 MiB; Java: a consumer.",
        "client-defect", both(topic("writer", "python"),
                              topic("reader", "java", mode=("12 MiB in chunks", "12 MiB in chunks, LZ4")))),
    Difference(
        "cpp-no-ec", PYTHON, "C++, and what is made of it, has no EC keys. Nothing says so but a failing send.",
        "Python: create_producer with a P-256 public key, send: Result.CryptoError. A consumer gets no message.",
        "impossible", either(topic("writer", "python", keys=("EC",), recipients=(1,)), topic("reader", "python", keys=("EC",)))),
    Difference(
        "python-one-recipient", PYTHON,
        "Python encrypts for one recipient: create_producer takes one encryption_key. (C++ itself takes several.)",
        "The signature of pulsar.Client.create_producer.",
        "impossible", topic("writer", "python", recipients=(2,))),
    Difference(
        "cpp-never-rotates", PYTHON,
        "A producer keeps its data key for as long as it lives: C++ has no rotation since 3.0, and no way to ask for one. Go has no "
        "rotation either, but its MessageCrypto can be told to make a new data key; Java makes one every four hours.",
        "No function of pulsar.Producer makes a new data key.",
        "impossible", topic("writer", "python", case=(ROTATION,))),
    Difference(
        "python-no-producer-action", PYTHON, "Python's producers have no failure action: what can't be encrypted fails.",
        "The signature of pulsar.Client.create_producer.",
        "impossible", topic("writer", "python", case=(SEND_IN_CLEAR,))),
    Difference(
        "go-never-says-encrypted", GO,
        "A Go producer never tells the broker that it encrypts, so that a namespace that requires encryption refuses it, keys or not.",
        "Set encryptionRequired on a namespace; Go: CreateProducer with Encryption: \"Encryption is required\". In "
        "pulsar/producer_partition.go CommandProducer is made with `Encrypted: nil`.",
        "client-defect", topic("writer", "go", case=(TAKES_ENCRYPTED,))),
    Difference(
        "discard-keeps-permits", f"{GO}; {PYTHON}",
        "Under DISCARD a batch that can't be decrypted gives the broker one permit back, whatever the number of its messages. "
        "After enough of them (1,000 permits, batches of 10: 100) the consumer gets nothing any more, without an error. Java "
        "and Pulseal give all of them back. (Under FAIL no official client gives any back: one that can't decrypt what comes first "
        "waits for good. Our example client goes on to what is behind.)",
        "1,000 batches of 10 for another's key, then one message for the consumer's key: it never comes.",
        "client-defect", topic("reader", "go", "python", case=(UNDECRYPTABLE,), action=("DISCARD",))),
    Difference(
        "consume-keeps-permits", f"{JAVA}; {GO}; {PYTHON}",
        "Under CONSUME a batch that can't be decrypted is delivered as one message, and gives one permit back, not the number of "
        "its messages: the consumer stands still after 1,000 permits' worth of batches. Pulseal gives all of them back.",
        "The same as for discard-keeps-permits, with CONSUME: 100 deliveries, then nothing.",
        "client-defect", topic("reader", "java", "go", "python", case=(UNDECRYPTABLE,), action=("CONSUME",))),
    Difference(
        "java-consume-no-chunks", JAVA,
        "Under CONSUME nothing of a message in chunks is delivered, and no error either. Pulseal and Go deliver each chunk with its context.",
        "A message in chunks for another's key; Java: a consumer with CONSUME.",
        "client-defect", topic("reader", "java", case=(SAVED,), kind=("chunks",))),
    Difference(
        "cpp-consume-joins-chunks", PYTHON,
        "Under CONSUME the chunks' ciphertexts are joined into one message, with the context of one of them: nobody can decrypt "
        "it later.",
        "A message in chunks for another's key; Python: a consumer with CONSUME; then decrypt what it got.",
        "client-defect", topic("reader", "python", case=(SAVED,), kind=("chunks",))),
    Difference(
        "java-checks-another-name", JAVA,
        "With host name verification on, and an IP address in the service URL, Java looks the address' name up and wants the "
        "certificate to be for that name. Go, C++ and ours want it to be for the address, as it stands in the URL.",
        "A certificate for 127.0.0.1 alone, pulsar+ssl://127.0.0.1, enableTlsHostnameVerification(true): \"No name matching "
        "localhost found\", in the log only.",
        "client-defect", either(topic("writer", "java", case=(TLS,)), topic("reader", "java", case=(TLS,)))),
    Difference(
        "broker-compacts-batches-whole", BROKER,
        "Compaction can't look into an encrypted batch, and takes it for one message with the key of the entry's metadata. Java "
        "puts the first message's key there: the next batch that begins with it removes all of this one. Pulseal and C++ "
        "put none there: the batch is removed. So don't batch on a topic that is compacted; messages one by one are right.",
        "Two encrypted batches, compact, and read with readCompacted.",
        "impossible", either(topic("writer", "java", "pulseal", case=(COMPACTED,), kind=("in batches",)))),
]
