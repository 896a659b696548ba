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


GO = "Go 0.19.0"
CRYPTOGRAPHY = "Python's cryptography 38.0.4 (no client of Pulsar's: our third opinion)"
EC_NAMED = ("p-256", "p-384", "p-521")
EC_EXPLICIT = ("p-256-explicit", "p-384-explicit", "p-521-explicit")
RSA = ("rsa-2048", "rsa-3072", "rsa-4096")

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
        "impossible", crypto("go", "writer", key=EC_NAMED, public_key=("SPKI",)), "only RSA keys are supported"),
    Difference(
        "go-no-explicit-ec", GO, "Go's X.509 doesn't even parse EC keys with explicit parameters.",
        "AddPublicKeyCipher with a P-256 public key written with `openssl ec -param_enc explicit`.",
        "impossible", crypto("go", "writer", key=EC_EXPLICIT, public_key=("SPKI",)), "invalid ECDSA parameters"),
    Difference(
        "go-no-ec-private", GO, "Go takes every private key for RSA in PKCS#1, and its error for an EC key is about its encoding.",
        "Decrypt with an EC private key: \"unable to decrypt data key\"; the reason is in the log only.",
        "impossible", crypto("go", "reader", key=EC_NAMED + EC_EXPLICIT), "unable to decrypt data key"),
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
]
