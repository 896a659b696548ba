// SPDX-License-Identifier: Apache-2.0
#include "lib/crypto/openssl_error.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace pulseal::crypto {
namespace {

struct Taken {
  bool found = false, out_of_memory = false;
};

// Empties the queue; whether one of `codes` was in it.
Taken Take(std::initializer_list<unsigned long> codes) {  // NOLINT(google-runtime-int)
  Taken taken;
  while (const unsigned long code = ERR_get_error()) {  // NOLINT(google-runtime-int)
    const auto packed = ERR_PACK(ERR_GET_LIB(code), 0, ERR_GET_REASON(code));
    taken.found |= std::find(codes.begin(), codes.end(), packed) != codes.end();
    taken.out_of_memory |= ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
  }
  return taken;
}

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
  const Taken taken = Take(codes);
  return taken.found && !taken.out_of_memory && HasMemory();
}

bool TakeOutOfMemory() { return Take({}).out_of_memory || !HasMemory(); }

}  // namespace pulseal::crypto
