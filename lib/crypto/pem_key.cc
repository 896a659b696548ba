// SPDX-License-Identifier: Apache-2.0
#include "lib/crypto/pem_key.h"

#include <openssl/core_names.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/proverr.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/crypto/openssl_error.h"
#include "lib/crypto/openssl_ptr.h"
#include "lib/status.h"
#include "pulseal/key_readers.h"

namespace pulseal::crypto {
namespace {

using DecoderContextPtr = OwnedBy<OSSL_DECODER_CTX, OSSL_DECODER_CTX_free>;
using EncryptedPkcs8Ptr = OwnedBy<X509_SIG, X509_SIG_free>;
using Pkcs8Ptr = OwnedBy<PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free>;
using Pbes2Ptr = OwnedBy<PBE2PARAM, PBE2PARAM_free>;
using Pbkdf2Ptr = OwnedBy<PBKDF2PARAM, PBKDF2PARAM_free>;
using BignumContextPtr = OwnedBy<BN_CTX, BN_CTX_free>;

constexpr int kMaxRsaBits = 16384;    // beyond it one operation takes seconds; OpenSSL's own limit, but it looks later
constexpr int kMaxExponentBits = 64;  // honest keys have 65537; a huge one makes each wrap as dear as an unwrap
constexpr int64_t kMaxIterations = 10'000'000;  // some seconds; the number comes out of the file
constexpr char kCertificate[] = "CERTIFICATE";
constexpr char kEncryptedPrivateKey[] = "ENCRYPTED PRIVATE KEY";

struct PemForm {
  const char* label;
  bool is_private;
  const char* structure;  // OpenSSL's decoder names
  const char* key_type;   // null: the structure says it
};

constexpr PemForm kForms[] = {
    {"PUBLIC KEY", false, "SubjectPublicKeyInfo", nullptr},
    {"RSA PUBLIC KEY", false, "type-specific", "RSA"},
    {kCertificate, false, nullptr, nullptr},
    {"RSA PRIVATE KEY", true, "type-specific", "RSA"},
    {"EC PRIVATE KEY", true, "type-specific", "EC"},
    {"PRIVATE KEY", true, "PrivateKeyInfo", nullptr},
    {kEncryptedPrivateKey, true, nullptr, nullptr},
};

struct PemObject {
  std::string label;
  bool has_headers = false;
  SecretBytes der;
};

absl::Status OutOfMemory() { return absl::InternalError("OpenSSL ran out of memory while reading a key"); }

// Failures here are told in our own words: OpenSSL's say little to the owner of a key file.
absl::Status Unusable(std::string_view message) {
  if (TakeOutOfMemory()) return OutOfMemory();
  return MakeStatus(absl::StatusCode::kFailedPrecondition, Reason::kKeyUnusable, message);
}

// OpenSSL's decoders and checks don't always tell that memory ran out from a key that is wrong, and what is wrong is held
// against messages for good: what OpenSSL can't make sense of is looked at a second time.
absl::StatusOr<PkeyPtr> Twice(const std::function<PkeyPtr()>& decode) {
  PkeyPtr key = decode();
  if (key != nullptr) return key;
  if (TakeOutOfMemory()) return OutOfMemory();
  return decode();
}

const unsigned char* Bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

// What OpenSSL read of a PEM block, wiped and freed also where there is no memory for a copy of our own.
struct PemBlock {
  PemBlock() = default;
  ~PemBlock() {
    OPENSSL_secure_free(name);
    OPENSSL_secure_free(header);
    OPENSSL_secure_clear_free(data, static_cast<size_t>(size));
  }
  PemBlock(const PemBlock&) = delete;
  PemBlock& operator=(const PemBlock&) = delete;

  char* name = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;  // NOLINT(google-runtime-int): OpenSSL's type
};

absl::StatusOr<PemObject> NextObject(BIO* bio) {
  PemBlock block;
  // PEM_FLAG_SECURE wipes OpenSSL's working copies; without a secure heap they come from the ordinary one.
  if (PEM_read_bio_ex(bio, &block.name, &block.header, &block.data, &block.size, PEM_FLAG_SECURE) != 1) {
    return Unusable(
        "no complete PEM block found (\"-----BEGIN ...\" to \"-----END ...\"); "
        "a DER file becomes PEM with: openssl pkey -inform DER");
  }
  PemObject object;
  object.label = block.name;
  object.has_headers = block.header[0] != '\0';
  object.der =
      SecretBytes::CopyOf(std::string_view(reinterpret_cast<char*>(block.data), static_cast<size_t>(block.size)));
  return object;
}

absl::StatusOr<PemObject> FirstKeyObject(std::string_view pem) {
  if (pem.size() > kMaxKeyFileSize) {
    return Unusable(absl::StrCat("more than ", kMaxKeyFileSize, " bytes, which is no key"));
  }
  const char* text = pem.empty() ? "" : pem.data();  // BIO_new_mem_buf refuses a null pointer, even to nothing
  BioPtr bio(BIO_new_mem_buf(text, static_cast<int>(pem.size())));
  if (bio == nullptr) return OpenSslError("could not read PEM");
  absl::StatusOr<PemObject> object = NextObject(bio.get());
  if (object.ok() && object->label == "EC PARAMETERS") object = NextObject(bio.get());
  return object;
}

const PemForm* FormOf(std::string_view label) {
  for (const PemForm& form : kForms) {
    if (label == form.label) return &form;
  }
  return nullptr;
}

PkeyPtr DecodeKey(const PemForm& form, std::string_view der, const OpenSslSource& source) {
  EVP_PKEY* key = nullptr;
  // Without a passphrase callback the decoder fails where it would need one.
  DecoderContextPtr decoder(OSSL_DECODER_CTX_new_for_pkey(&key, "DER", form.structure, form.key_type,
                                                          form.is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
                                                          source.context, source.query()));
  const unsigned char* data = Bytes(der);
  size_t size = der.size();
  if (decoder != nullptr) OSSL_DECODER_from_data(decoder.get(), &data, &size);
  return PkeyPtr(key);
}

// The key in a certificate. Its dates and signature are not looked at: it is a container here, as for Pulsar's Java
// client.
PkeyPtr DecodeCertificate(std::string_view der, const OpenSslSource& source) {
  X509* certificate = X509_new_ex(source.context, source.query());
  const unsigned char* data = Bytes(der);
  if (certificate == nullptr || d2i_X509(&certificate, &data, static_cast<long>(der.size())) == nullptr) return nullptr;
  return PkeyPtr(X509_get_pubkey(X509Ptr(certificate).get()));
}

// Iterations of the PBKDF2 inside PBES2 (RFC 8018 A.2, A.4); -1 for any other scheme.
int64_t Pbkdf2Iterations(const X509_SIG* encrypted) {
  const X509_ALGOR* scheme = nullptr;
  X509_SIG_get0(encrypted, &scheme, nullptr);
  if (OBJ_obj2nid(scheme->algorithm) != NID_pbes2) return -1;
  Pbes2Ptr pbes2(static_cast<PBE2PARAM*>(ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), scheme->parameter)));
  if (pbes2 == nullptr || OBJ_obj2nid(pbes2->keyfunc->algorithm) != NID_id_pbkdf2) return -1;
  Pbkdf2Ptr pbkdf2(
      static_cast<PBKDF2PARAM*>(ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), pbes2->keyfunc->parameter)));
  int64_t iterations = -1;
  if (pbkdf2 == nullptr || ASN1_INTEGER_get_int64(&iterations, pbkdf2->iter) != 1) return -1;
  return iterations;
}

// A wrong passphrase shows as wrong padding or, where that is right by chance, as something that is no ASN.1.
bool IsWrongPassphrase() {
  return TakeOpenSslErrors({ERR_PACK(ERR_LIB_PROV, 0, PROV_R_BAD_DECRYPT), ERR_PACK(ERR_LIB_EVP, 0, EVP_R_BAD_DECRYPT),
                            ERR_PACK(ERR_LIB_PKCS12, 0, PKCS12_R_DECODE_ERROR)});
}

absl::StatusOr<PkeyPtr> DecryptKey(std::string_view der, const PassphraseSource& passphrase,
                                   const OpenSslSource& source) {
  const unsigned char* data = Bytes(der);
  EncryptedPkcs8Ptr encrypted(d2i_X509_SIG(nullptr, &data, static_cast<long>(der.size())));
  if (encrypted == nullptr) return PkeyPtr();
  const int64_t iterations = Pbkdf2Iterations(encrypted.get());
  if (iterations < 1 || iterations > kMaxIterations) {
    return Unusable(absl::StrCat("encrypted otherwise than with PBES2 and PBKDF2 of at most ", kMaxIterations,
                                 " iterations; convert it with: openssl pkcs8 -topk8 -v2 aes-256-cbc"));
  }
  absl::StatusOr<SecretBytes> secret = passphrase();
  if (!secret.ok()) return secret.status();
  const auto decrypt = [&] {
    return Pkcs8Ptr(PKCS8_decrypt_ex(encrypted.get(), secret->view().data(), static_cast<int>(secret->size()),
                                     source.context, source.query()));
  };
  Pkcs8Ptr plain = decrypt();
  if (plain == nullptr && !IsWrongPassphrase()) plain = decrypt();
  if (plain == nullptr) return Unusable("the passphrase doesn't open this encrypted key");
  return Twice([&] { return PkeyPtr(EVP_PKCS82PKEY_ex(plain.get(), source.context, source.query())); });
}

absl::StatusOr<PkeyPtr> Decode(const PemForm& form, std::string_view der, const PassphraseSource& passphrase,
                               const OpenSslSource& source) {
  if (form.label == kEncryptedPrivateKey) return DecryptKey(der, passphrase, source);
  return Twice(
      [&] { return form.label == kCertificate ? DecodeCertificate(der, source) : DecodeKey(form, der, source); });
}

BignumPtr Number(const EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  EVP_PKEY_get_bn_param(key, name, &number);
  return BignumPtr(number);
}

// n = pq and everything else in range: bounds what the operation below can cost, and refuses multi-prime keys.
bool RsaPrivatePartsFit(const EVP_PKEY* key, const BIGNUM* modulus) {
  const BignumPtr p = Number(key, OSSL_PKEY_PARAM_RSA_FACTOR1), q = Number(key, OSSL_PKEY_PARAM_RSA_FACTOR2),
                  d = Number(key, OSSL_PKEY_PARAM_RSA_D), dp = Number(key, OSSL_PKEY_PARAM_RSA_EXPONENT1),
                  dq = Number(key, OSSL_PKEY_PARAM_RSA_EXPONENT2), qinv = Number(key, OSSL_PKEY_PARAM_RSA_COEFFICIENT1);
  const BignumPtr product(BN_secure_new());
  const BignumContextPtr context(BN_CTX_secure_new());
  return p != nullptr && q != nullptr && d != nullptr && dp != nullptr && dq != nullptr && qinv != nullptr &&
         product != nullptr && context != nullptr && BN_mul(product.get(), p.get(), q.get(), context.get()) == 1 &&
         BN_cmp(product.get(), modulus) == 0 && BN_cmp(d.get(), modulus) < 0 && BN_cmp(dp.get(), p.get()) < 0 &&
         BN_cmp(dq.get(), q.get()) < 0 && BN_cmp(qinv.get(), p.get()) < 0;
}

// One number there and back. OpenSSL's own check tests p and q for being prime, which takes a hundred times as long.
bool RsaPairWorks(EVP_PKEY* key, size_t modulus_size, const OpenSslSource& source) {
  std::string sent(modulus_size, '\0'), encrypted(modulus_size, '\0'), received(modulus_size, '\0');
  sent.back() = 2;
  size_t encrypted_size = modulus_size, received_size = modulus_size;
  PkeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(source.context, key, source.query()));
  return context != nullptr && EVP_PKEY_encrypt_init(context.get()) == 1 &&
         EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_NO_PADDING) == 1 &&
         EVP_PKEY_encrypt(context.get(), reinterpret_cast<unsigned char*>(encrypted.data()), &encrypted_size,
                          Bytes(sent), sent.size()) == 1 &&
         EVP_PKEY_decrypt_init(context.get()) == 1 &&
         EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_NO_PADDING) == 1 &&
         EVP_PKEY_decrypt(context.get(), reinterpret_cast<unsigned char*>(received.data()), &received_size,
                          Bytes(encrypted), encrypted_size) == 1 &&
         received == sent;
}

absl::Status CheckRsa(const OpenSslSource& source, PemKey* key) {
  const BignumPtr modulus = Number(key->key.get(), OSSL_PKEY_PARAM_RSA_N);
  const BignumPtr exponent = Number(key->key.get(), OSSL_PKEY_PARAM_RSA_E);
  if (modulus == nullptr || exponent == nullptr) return Unusable("an RSA key without modulus or public exponent");
  key->bits = BN_num_bits(modulus.get());
  if (key->bits > kMaxRsaBits) {
    return Unusable(absl::StrCat("an RSA key of ", key->bits, " bits; at most ", kMaxRsaBits, " are accepted"));
  }
  if (!BN_is_odd(modulus.get())) return Unusable("an RSA key with an even modulus, which no key generator makes");
  const int exponent_bits = BN_num_bits(exponent.get());
  if (!BN_is_odd(exponent.get()) || exponent_bits < 2 || exponent_bits > kMaxExponentBits) {
    return Unusable("an RSA key whose public exponent is even, 1, or over 64 bits; make a new key with exponent 65537");
  }
  if (!key->is_private) return absl::OkStatus();
  const size_t modulus_size = static_cast<size_t>(BN_num_bytes(modulus.get()));
  if (!RsaPrivatePartsFit(key->key.get(), modulus.get()) || !RsaPairWorks(key->key.get(), modulus_size, source)) {
    return Unusable("an RSA private key whose parts don't belong together: damaged, or of more than two primes");
  }
  return absl::OkStatus();
}

absl::Status CheckEc(const OpenSslSource& source, PemKey* key) {
  EVP_PKEY* pkey = key->key.get();
  std::array<char, 80> name;
  // Parameters that are written out have a name here only where every one of them, generator and order included, is that
  // curve's: a made-up generator would let its author forge (CVE-2020-0601). A cofactor isn't compared, nor ever used:
  // the named curve has replaced what was written.
  if (EVP_PKEY_get_group_name(pkey, name.data(), name.size(), nullptr) != 1) {
    return Unusable("an EC key whose written-out parameters are not exactly those of a known curve");
  }
  key->curve = name.data();
  EcGroupPtr group(EC_GROUP_new_by_curve_name_ex(source.context, source.query(), OBJ_sn2nid(name.data())));
  if (group == nullptr || !BN_is_one(EC_GROUP_get0_cofactor(group.get()))) {
    return Unusable(absl::StrCat("an EC key on the curve ", key->curve, ", whose cofactor isn't 1"));
  }
  key->bits = EC_GROUP_get_degree(group.get());

  int was_explicit = 0;
  EVP_PKEY_get_int_param(pkey, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &was_explicit);
  key->explicit_parameters = was_explicit != 0;
  // One form for all, so that fingerprints agree.
  if (EVP_PKEY_set_utf8_string_param(pkey, OSSL_PKEY_PARAM_EC_ENCODING, OSSL_PKEY_EC_ENCODING_GROUP) != 1 ||
      EVP_PKEY_set_utf8_string_param(pkey, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "uncompressed") != 1) {
    return OpenSslError("could not convert the EC key to its named curve");
  }
  PkeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(source.context, pkey, source.query()));
  if (context == nullptr ||
      (key->is_private ? EVP_PKEY_check(context.get()) : EVP_PKEY_public_check(context.get())) != 1) {
    return Unusable("an EC key whose point is not on its curve, or whose parts don't belong together");
  }
  return absl::OkStatus();
}

absl::Status CheckSane(const OpenSslSource& source, PemKey* key) {
  if (EVP_PKEY_is_a(key->key.get(), "RSA") == 1) {
    key->algorithm = KeyAlgorithm::kRsa;
    return CheckRsa(source, key);
  }
  if (EVP_PKEY_is_a(key->key.get(), "EC") == 1) {
    key->algorithm = KeyAlgorithm::kEc;
    return CheckEc(source, key);
  }
  const char* type = EVP_PKEY_get0_type_name(key->key.get());
  return Unusable(absl::StrCat("a key of type ", type == nullptr ? "unknown" : type, "; RSA or EC is needed"));
}

}  // namespace

absl::StatusOr<PemKey> ReadPemKey(std::string_view pem, const PassphraseSource& passphrase,
                                  const OpenSslSource& source) {
  absl::StatusOr<PemObject> object = FirstKeyObject(pem);
  if (absl::IsFailedPrecondition(object.status())) object = FirstKeyObject(pem);
  if (!object.ok()) return object.status();
  const PemForm* form = FormOf(object->label);
  if (form == nullptr) {
    return Unusable(
        absl::StrCat("a PEM block ", Quoted(object->label), "; a public key, certificate or private key is needed"));
  }
  if (object->has_headers) {
    return Unusable(
        "encrypted in the traditional PEM form, whose key derivation is MD5; "
        "convert it with: openssl pkcs8 -topk8 -v2 aes-256-cbc");
  }
  absl::StatusOr<PkeyPtr> pkey = Decode(*form, object->der.view(), passphrase, source);
  if (!pkey.ok()) return pkey.status();
  if (*pkey == nullptr) return Unusable(absl::StrCat("a damaged PEM block ", Quoted(object->label)));

  PemKey key;
  key.label = std::move(object->label);
  key.is_private = form->is_private;
  key.key = std::shared_ptr<EVP_PKEY>(std::move(*pkey));
  absl::Status status = CheckSane(source, &key);
  if (absl::IsFailedPrecondition(status)) status = CheckSane(source, &key);
  if (!status.ok()) return status;
  ClearOpenSslErrors();
  return key;
}

absl::Status CheckStrength(const PemKey& key, int min_rsa_bits, const std::vector<std::string>& extra_curves) {
  if (key.algorithm == KeyAlgorithm::kRsa) {
    if (key.bits >= min_rsa_bits) return absl::OkStatus();
    return Unusable(absl::StrCat("an RSA key of ", key.bits, " bits; at least ", min_rsa_bits, " are needed"));
  }
  constexpr std::string_view kCurves[] = {"prime256v1", "secp384r1", "secp521r1"};
  if (std::find(std::begin(kCurves), std::end(kCurves), key.curve) != std::end(kCurves) ||
      std::find(extra_curves.begin(), extra_curves.end(), key.curve) != extra_curves.end()) {
    return absl::OkStatus();
  }
  return Unusable(absl::StrCat("an EC key on the curve ", key.curve, "; P-256, P-384 or P-521 is needed"));
}

std::string CurveName(const std::string& openssl_name) {
  const char* nist = EC_curve_nid2nist(OBJ_sn2nid(openssl_name.c_str()));
  return nist == nullptr ? openssl_name : nist;
}

}  // namespace pulseal::crypto
