// SPDX-License-Identifier: Apache-2.0
#include "lib/crypto/rsa_oaep.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "absl/strings/str_cat.h"
#include "lib/crypto/openssl_error.h"
#include "lib/crypto/openssl_ptr.h"
#include "lib/crypto/unwrap_failed.h"
#include "lib/status.h"

namespace pulseal::crypto {
namespace {

constexpr size_t kOaepOverhead = 2 * 20 + 2;  // two SHA-1 hashes and two bytes: RFC 8017 section 7.1.1 step 1b

const unsigned char* Bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

size_t ModulusSize(const PemKey& key) { return (static_cast<size_t>(key.bits) + 7) / 8; }

// Sets every parameter, although these are OpenSSL's defaults: they are the wire format. The digests are fetched from
// the same source by name, before the padding, which would fetch its own without the properties.
PkeyContextPtr OaepContext(const PemKey& key, int (*init)(EVP_PKEY_CTX*), const OpenSslSource& source) {
  PkeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(source.context, key.key.get(), source.query()));
  if (context == nullptr || init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_oaep_md_name(context.get(), "SHA1", source.query()) != 1 ||
      EVP_PKEY_CTX_set_rsa_mgf1_md_name(context.get(), "SHA1", source.query()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) != 1) {
    return nullptr;
  }
  return context;
}

}  // namespace

absl::StatusOr<std::string> RsaOaepWrap(const PemKey& recipient, std::string_view data_key,
                                        const OpenSslSource& source) {
  std::string wrapped(ModulusSize(recipient), '\0');
  if (data_key.size() + kOaepOverhead > wrapped.size()) {
    return MakeStatus(
        absl::StatusCode::kFailedPrecondition, Reason::kKeyUnusable,
        absl::StrCat("an RSA key of ", recipient.bits, " bits is too short to wrap ", data_key.size(), " bytes"));
  }
  PkeyContextPtr context = OaepContext(recipient, EVP_PKEY_encrypt_init, source);
  size_t size = wrapped.size();
  if (context == nullptr || EVP_PKEY_encrypt(context.get(), reinterpret_cast<unsigned char*>(wrapped.data()), &size,
                                             Bytes(data_key), data_key.size()) != 1) {
    return OpenSslError("RSA-OAEP could not wrap");
  }
  return wrapped;
}

bool RsaOaepFits(const PemKey& key, std::string_view wrapped) { return wrapped.size() == ModulusSize(key); }

absl::StatusOr<SecretBytes> RsaOaepUnwrap(const PemKey& key, std::string_view wrapped, const OpenSslSource& source) {
  if (!RsaOaepFits(key, wrapped)) return UnwrapFailed();
  PkeyContextPtr context = OaepContext(key, EVP_PKEY_decrypt_init, source);
  if (context == nullptr) return OpenSslError("RSA-OAEP is not available");

  SecretBytes data_key =
      SecretBytes::OfSize(ModulusSize(key));  // OpenSSL wants that much room, however short the result
  size_t size = data_key.size();
  if (EVP_PKEY_decrypt(context.get(), reinterpret_cast<unsigned char*>(data_key.mutable_span().data()), &size,
                       Bytes(wrapped), wrapped.size()) != 1) {
    // The two ways in which OpenSSL says that it is the ciphertext's fault.
    const bool is_wrong = TakeOpenSslErrors({ERR_PACK(ERR_LIB_RSA, 0, RSA_R_OAEP_DECODING_ERROR),
                                             ERR_PACK(ERR_LIB_RSA, 0, RSA_R_DATA_TOO_LARGE_FOR_MODULUS)});
    return is_wrong ? UnwrapFailed() : absl::InternalError("RSA-OAEP could not unwrap");
  }
  data_key.Truncate(size);
  return data_key;
}

}  // namespace pulseal::crypto
