// SPDX-License-Identifier: Apache-2.0
//
// Whatever the key name, a directory reader answers without opening anything outside its folder.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "pulseal/key_readers.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto& reader =
      *new std::shared_ptr<pulseal::CryptoKeyReader>(pulseal::KeyDirectory("/proc/self/fdinfo"));
  const std::string name(reinterpret_cast<const char*>(data), size);
  // There are no keys in that folder, but many files above it: whatever is found was reached by leaving.
  if (reader->GetPublicKey(name).ok() || reader->GetPrivateKeys(name, {}).ok()) std::abort();
  const bool leads_on = name.find('/') != std::string::npos || name.find('\0') != std::string::npos;
  if (pulseal::CanNameKeyFile(name) &&
      (leads_on || name[0] == '.' || name.size() > pulseal::kMaxKeyDirectoryNameSize)) {
    std::abort();
  }
  return 0;
}
