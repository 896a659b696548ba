// SPDX-License-Identifier: Apache-2.0
#include "lib/crypto/openssl_error.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace pulseal::crypto {
namespace {

bool HasMemory() {
  constexpr size_t kSome = 4096;
  void* const some = OPENSSL_malloc(kSome);
  OPENSSL_free(some);
  return some != nullptr;
}

}  // namespace

absl::Status OpenSslError(std::string_view what) {
  const unsigned long code = ERR_peek_last_error();  // NOLINT(google-runtime-int): OpenSSL's type
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  const absl::string_view described(what.data(), what.size());
  return absl::InternalError(reason == nullptr ? absl::StrCat(described) : absl::StrCat(described, ": ", reason));
}

void ClearOpenSslErrors() { ERR_clear_error(); }

bool TakeOpenSslErrors(std::initializer_list<unsigned long> codes) {  // NOLINT(google-runtime-int)
  bool found = false, out_of_memory = false;
  while (const unsigned long code = ERR_get_error()) {  // NOLINT(google-runtime-int)
    const auto packed = ERR_PACK(ERR_GET_LIB(code), 0, ERR_GET_REASON(code));
    found |= std::find(codes.begin(), codes.end(), packed) != codes.end();
    out_of_memory |= ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
  }
  return found && !out_of_memory && HasMemory();
}

bool TakeOutOfMemory() {
  bool found = false;
  while (const unsigned long code = ERR_get_error()) {  // NOLINT(google-runtime-int)
    found |= ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
  }
  return found || !HasMemory();
}

}  // namespace pulseal::crypto
