// SPDX-License-Identifier: Apache-2.0
//
// Whatever the URI, parsing answers with a path, with data within the bounds, or with an error.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "lib/key_uri.h"
#include "pulseal/error.h"
#include "pulseal/key_readers.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto source = pulseal::ParseKeyUri({reinterpret_cast<const char*>(data), size});
  if (!source.ok()) {
    if (pulseal::ReasonOf(source.status()) != pulseal::Reason::kKeyUnusable) std::abort();
    return 0;
  }
  if (const auto* pem = std::get_if<pulseal::SecretBytes>(&*source)) {
    if (pem->empty() || pem->size() > pulseal::kMaxKeyFileSize) std::abort();
    return 0;
  }
  const std::string& path = std::get<pulseal::KeyPath>(*source).path;
  if (path.empty() || path.find('\0') != std::string::npos) std::abort();
  return 0;
}
