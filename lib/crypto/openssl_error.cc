// SPDX-License-Identifier: Apache-2.0
#include "lib/crypto/openssl_error.h"

#include <openssl/err.h>

#include "absl/strings/str_cat.h"

namespace pulseal::crypto {

absl::Status OpenSslError(std::string_view what) {
  const unsigned long code = ERR_peek_last_error();  // NOLINT(google-runtime-int): OpenSSL's type
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  const absl::string_view described(what.data(), what.size());
  return absl::InternalError(reason == nullptr ? absl::StrCat(described) : absl::StrCat(described, ": ", reason));
}

void ClearOpenSslErrors() { ERR_clear_error(); }

}  // namespace pulseal::crypto
