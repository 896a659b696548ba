// SPDX-License-Identifier: Apache-2.0
#include "tests/wipe/private_key_secrets.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string>

#include "absl/strings/escaping.h"
#include "lib/as_absl.h"
#include "lib/crypto/openssl_ptr.h"

namespace pulseal::testing {
namespace {

void Require(bool condition, const char* what) {
  if (condition) return;
  std::cerr << "KeepPrivateKey: " << what << "\n";
  std::abort();
}

std::string Number(const EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  Require(EVP_PKEY_get_bn_param(key, name, &number) == 1, name);
  const crypto::BignumPtr owned(number);
  std::string bytes(static_cast<size_t>(BN_num_bytes(number)), '\0');
  BN_bn2bin(number, reinterpret_cast<unsigned char*>(bytes.data()));
  return bytes;
}

// The lines of Base64 between the dashes; "EC PARAMETERS" may come before.
std::string_view BodyOf(std::string_view pem) {
  const size_t begin = pem.find('\n', pem.rfind("-----BEGIN")) + 1;
  return pem.substr(begin, pem.rfind("-----END") - begin);
}

// The text of the body that stands for bytes `begin` to `end` alone, line by line.
void KeepText(LeftoverSearch& search, const char* name, std::string_view body, size_t begin, size_t end) {
  const size_t line_size = body.find('\n');
  size_t first = (begin + 2) / 3 * 4;
  const size_t last = end / 3 * 4;
  while (first < last) {
    const size_t line = first / line_size;
    const size_t line_end = std::min(last, (line + 1) * line_size);
    // Line breaks lie between the lines before.
    if (line_end - first >= 16) search.Keep(name, body.substr(first + line, line_end - first));
    first = line_end;
  }
}

}  // namespace

void KeepPrivateKey(LeftoverSearch& search, std::string_view pem) {
  const crypto::BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const crypto::PkeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  Require(key != nullptr, "not a private key");
  const std::string_view body = BodyOf(pem);
  std::string der;
  Require(absl::Base64Unescape(AsAbsl(body), &der), "no Base64");

  const auto keep = [&](const char* name) {
    const std::string number = Number(key.get(), name);
    const size_t at = der.find(number);
    Require(at != std::string::npos, "the number isn't in the text");
    search.Keep(name, number);
    KeepText(search, "private key's PEM", body, at, at + number.size());
  };
  if (EVP_PKEY_is_a(key.get(), "EC") == 1) return keep(OSSL_PKEY_PARAM_PRIV_KEY);
  for (const char* name : {OSSL_PKEY_PARAM_RSA_D, OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2}) keep(name);
}

}  // namespace pulseal::testing
