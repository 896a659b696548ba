// SPDX-License-Identifier: Apache-2.0
#include "lib/crypto/ecies.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "lib/as_absl.h"
#include "lib/crypto/hmac_sha1.h"
#include "lib/crypto/kdf2.h"
#include "lib/crypto/openssl_error.h"
#include "lib/crypto/openssl_ptr.h"
#include "lib/crypto/unwrap_failed.h"
#include "lib/status.h"

namespace pulseal::crypto {
namespace {

constexpr size_t kMacKeySize = 16;
constexpr std::string_view kMacSuffix("\0\0\0\0\0\0\0\0",
                                      8);  // BouncyCastle: the bit length of an empty encoding vector

const unsigned char* Bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* Bytes(absl::Span<char> span) { return reinterpret_cast<unsigned char*>(span.data()); }

size_t FieldSize(const PemKey& key) { return (static_cast<size_t>(key.bits) + 7) / 8; }

// How long a point is that starts with `first` (SEC 1 section 2.3.3); 0 for what is no point, or the point at infinity.
size_t PointSize(const PemKey& key, char first) {
  switch (first) {
    case 2:
    case 3: return 1 + FieldSize(key);
    case 4:
    case 6:
    case 7: return 1 + 2 * FieldSize(key);
    default: return 0;
  }
}

struct Parts {
  std::string_view point, ciphertext, mac;
};

// EciesFits(key, wrapped).
Parts Split(const PemKey& key, std::string_view wrapped) {
  const size_t point_size = PointSize(key, wrapped.front());
  const size_t mac_at = wrapped.size() - kHmacSha1Size;
  return {wrapped.substr(0, point_size), wrapped.substr(point_size, mac_at - point_size), wrapped.substr(mac_at)};
}

// `point` as a public key on the curve of `key`; null where it isn't on it.
PkeyPtr PublicKeyOf(const PemKey& key, std::string_view point) {
  PkeyPtr peer(EVP_PKEY_new());
  if (peer == nullptr || EVP_PKEY_copy_parameters(peer.get(), key.key.get()) != 1 ||
      EVP_PKEY_set1_encoded_public_key(peer.get(), Bytes(point), point.size()) != 1) {
    return nullptr;
  }
  return peer;
}

// Whether OpenSSL has said that it is the point's fault. Takes its errors.
bool IsNoPoint() {
  return TakeOpenSslErrors(
      {ERR_PACK(ERR_LIB_EC, 0, EC_R_POINT_IS_NOT_ON_CURVE), ERR_PACK(ERR_LIB_EC, 0, EC_R_INVALID_COMPRESSED_POINT),
       ERR_PACK(ERR_LIB_EC, 0, EC_R_INVALID_COMPRESSION_BIT), ERR_PACK(ERR_LIB_EC, 0, EC_R_COORDINATES_OUT_OF_RANGE),
       ERR_PACK(ERR_LIB_EC, 0, EC_R_INVALID_ENCODING)});
}

PkeyContextPtr EcdhContext(EVP_PKEY* own, const OpenSslSource& source) {
  PkeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(source.context, own, source.query()));
  if (context == nullptr || EVP_PKEY_derive_init(context.get()) != 1) return nullptr;
  return context;
}

// V | Z, with V as it was sent; empty where there is no Z. OpenSSL pads Z and, when the peer is set, checks that it is
// on the curve: a point elsewhere would leak the private key piece by piece.
SecretBytes SharedSecret(EVP_PKEY_CTX* ecdh, EVP_PKEY* peer, std::string_view point, size_t field_size) {
  SecretBytes secret = SecretBytes::OfSize(point.size() + field_size);
  const absl::Span<char> z = secret.mutable_span().subspan(point.size());
  size_t size = z.size();
  if (peer == nullptr || EVP_PKEY_derive_set_peer(ecdh, peer) != 1 || EVP_PKEY_derive(ecdh, Bytes(z), &size) != 1 ||
      size != z.size()) {
    return {};
  }
  std::copy(point.begin(), point.end(), secret.mutable_span().begin());
  return secret;
}

absl::StatusOr<SecretBytes> DeriveKeys(std::string_view shared_secret, size_t data_key_size,
                                       const OpenSslSource& source) {
  return Kdf2Sha1(shared_secret, kMacKeySize + data_key_size, source);
}

absl::StatusOr<std::string> Mac(std::string_view mac_key, std::string_view ciphertext, const OpenSslSource& source) {
  return HmacSha1(mac_key, absl::StrCat(AsAbsl(ciphertext), AsAbsl(kMacSuffix)), source);
}

void Xor(std::string_view text, std::string_view stream, char* out) {
  for (size_t i = 0; i < text.size(); ++i) out[i] = static_cast<char>(text[i] ^ stream[i]);
}

}  // namespace

absl::StatusOr<std::string> EciesWrap(const PemKey& recipient, std::string_view data_key, const OpenSslSource& source) {
  PkeyPtr ephemeral(EVP_PKEY_Q_keygen(source.context, source.query(), "EC", recipient.curve.c_str()));
  if (ephemeral == nullptr) return OpenSslError(absl::StrCat("could not make an ephemeral key on ", recipient.curve));
  return EciesWrapWith(ephemeral.get(), recipient, data_key, source);
}

absl::StatusOr<std::string> EciesWrapWith(EVP_PKEY* ephemeral, const PemKey& recipient, std::string_view data_key,
                                          const OpenSslSource& source) {
  if (data_key.empty() || data_key.size() > kMaxEciesDataKeySize) {
    return Misuse(absl::StrCat("a data key of ", data_key.size(), " bytes; 1 to 64 are possible"));
  }
  const size_t point_size = 1 + 2 * FieldSize(recipient);
  std::string wrapped(point_size + data_key.size(), '\0');
  size_t written = 0;
  if (EVP_PKEY_get_octet_string_param(ephemeral, OSSL_PKEY_PARAM_PUB_KEY,
                                      reinterpret_cast<unsigned char*>(wrapped.data()), point_size, &written) != 1 ||
      written != point_size) {
    return OpenSslError("could not encode the ephemeral key");
  }
  PkeyContextPtr ecdh = EcdhContext(ephemeral, source);
  if (ecdh == nullptr) return OpenSslError("ECDH is not available");
  const SecretBytes secret = SharedSecret(ecdh.get(), recipient.key.get(),
                                          std::string_view(wrapped).substr(0, point_size), FieldSize(recipient));
  if (secret.empty()) return OpenSslError("ECDH failed");
  const absl::StatusOr<SecretBytes> keys = DeriveKeys(secret.view(), data_key.size(), source);
  if (!keys.ok()) return keys.status();
  Xor(data_key, keys->view().substr(kMacKeySize), &wrapped[point_size]);
  const absl::StatusOr<std::string> mac =
      Mac(keys->view().substr(0, kMacKeySize), std::string_view(wrapped).substr(point_size), source);
  if (!mac.ok()) return mac.status();
  return wrapped + *mac;
}

bool EciesFits(const PemKey& key, std::string_view wrapped) {
  const size_t point_size = wrapped.empty() ? 0 : PointSize(key, wrapped.front());
  return point_size != 0 && wrapped.size() > point_size + kHmacSha1Size &&
         wrapped.size() <= point_size + kMaxEciesDataKeySize + kHmacSha1Size;
}

absl::StatusOr<SecretBytes> EciesUnwrap(const PemKey& key, std::string_view wrapped, const OpenSslSource& source) {
  if (!EciesFits(key, wrapped)) return UnwrapFailed();
  const Parts parts = Split(key, wrapped);
  PkeyContextPtr ecdh = EcdhContext(key.key.get(), source);
  if (ecdh == nullptr) return OpenSslError("ECDH is not available");
  const SecretBytes secret = SharedSecret(ecdh.get(), PublicKeyOf(key, parts.point).get(), parts.point, FieldSize(key));
  if (secret.empty()) return IsNoPoint() ? UnwrapFailed() : absl::InternalError("ECDH failed");
  const absl::StatusOr<SecretBytes> keys = DeriveKeys(secret.view(), parts.ciphertext.size(), source);
  if (!keys.ok()) return keys.status();
  const absl::StatusOr<std::string> mac = Mac(keys->view().substr(0, kMacKeySize), parts.ciphertext, source);
  if (!mac.ok()) return mac.status();
  if (CRYPTO_memcmp(mac->data(), parts.mac.data(), kHmacSha1Size) != 0) return UnwrapFailed();

  SecretBytes data_key = SecretBytes::OfSize(parts.ciphertext.size());
  Xor(parts.ciphertext, keys->view().substr(kMacKeySize), data_key.mutable_span().data());
  return data_key;
}

}  // namespace pulseal::crypto
