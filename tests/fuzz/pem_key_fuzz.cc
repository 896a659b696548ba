// SPDX-License-Identifier: Apache-2.0
//
// Key files. The first byte chooses a PEM label for the rest, which is then DER, since mutations seldom survive base64;
// any other first byte belongs to a PEM text.
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "pulseal/error.h"
#include "pulseal/key_pair.h"
#include "tests/fuzz/fuzz.h"

namespace {

constexpr const char* kLabels[] = {"PUBLIC KEY",     "RSA PUBLIC KEY", "CERTIFICATE",          "RSA PRIVATE KEY",
                                   "EC PRIVATE KEY", "PRIVATE KEY",    "ENCRYPTED PRIVATE KEY"};

std::string PemOf(const char* label, std::string_view der) {
  const std::string base64 = absl::Base64Escape({der.data(), der.size()});
  std::string pem = absl::StrCat("-----BEGIN ", label, "-----\n");
  for (size_t i = 0; i < base64.size(); i += 64) absl::StrAppend(&pem, base64.substr(i, 64), "\n");
  absl::StrAppend(&pem, "-----END ", label, "-----\n");
  return pem;
}

std::string PemFrom(std::string_view input) {
  const auto choice = input.empty() ? ~size_t{0} : static_cast<size_t>(input.front());
  return choice < std::size(kLabels) ? PemOf(kLabels[choice], input.substr(1)) : std::string(input);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string pem = PemFrom(std::string_view(reinterpret_cast<const char*>(data), size));
  const auto description = pulseal::DescribeKey(pem);
  if (!description.ok()) {
    FUZZ_CHECK(pulseal::ReasonOf(description.status()) == pulseal::Reason::kKeyUnusable);
    return 0;
  }
  const bool locked = description->is_passphrase_encrypted;
  FUZZ_CHECK(description->fingerprint.empty() == locked);
  FUZZ_CHECK((description->bits == 0) == locked);
  return 0;
}
