// SPDX-License-Identifier: Apache-2.0
#include "lib/decryptor_options.h"

#include "absl/strings/str_cat.h"
#include "lib/background_worker.h"
#include "lib/metadata_fields.h"
#include "lib/status.h"

namespace pulseal {
absl::Status CheckOptions(const DecryptorOptions& options) {
  if (options.key_reader != nullptr && options.key_wrapper != nullptr) {
    return Misuse("key_reader and key_wrapper are both set; set at most one");
  }
  if (options.max_wrapped_keys < 1 || options.max_wrapped_keys > static_cast<int>(kMostWrappedKeys)) {
    return Misuse(absl::StrCat("max_wrapped_keys is not 1 to ", kMostWrappedKeys));
  }
  if (options.max_private_key_operations < 1) return Misuse("max_private_key_operations is less than 1");
  if (options.unwraps_per_second < 1) return Misuse("unwraps_per_second is less than 1");
  if (options.cache_max_keys < 1) return Misuse("cache_max_keys is 0; for no cache set cache_ttl to zero");
  if (options.cache_max_failures < static_cast<size_t>(options.max_wrapped_keys)) {
    return Misuse("cache_max_failures is less than max_wrapped_keys: one message must have room in it");
  }
  if (options.cache_ttl.count() < 0) return Misuse("cache_ttl is negative");
  if (options.failure_ttl.count() <= 0) return Misuse("failure_ttl is not positive");
  if (options.key_timeout.count() <= 0) return Misuse("key_timeout is not positive");
  return BackgroundWorker::Validate(options.background);
}

}  // namespace pulseal
