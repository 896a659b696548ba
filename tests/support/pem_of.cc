// SPDX-License-Identifier: Apache-2.0
#include "tests/support/pem_of.h"

#include "absl/strings/escaping.h"

namespace pulseal::testing {

std::string PemOf(const std::string& label, const std::string& der) {
  const std::string base64 = absl::Base64Escape(der);
  std::string pem = "-----BEGIN " + label + "-----\n";
  for (size_t i = 0; i < base64.size(); i += 64) pem += base64.substr(i, 64) + "\n";
  return pem + "-----END " + label + "-----\n";
}

}  // namespace pulseal::testing
