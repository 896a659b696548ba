// SPDX-License-Identifier: Apache-2.0
#include "lib/encryptor_options.h"

#include <unordered_set>

#include "absl/strings/str_cat.h"
#include "lib/background_worker.h"
#include "lib/metadata_fields.h"
#include "lib/status.h"
#include "pulseal/encryption_metadata.h"

namespace pulseal {
namespace {

template <typename T>
absl::Status CheckLimit(const char* name, T soft, T hard, T most) {
  if (soft > T{0} && soft <= hard && hard <= most) return absl::OkStatus();
  return Misuse(
      absl::StrCat("rotation.", name, ": needs 0 < ", name, " <= hard_", name, " <= the default of hard_", name));
}

absl::Status CheckLimits(const RotationLimits& limits) {
  const RotationLimits defaults;
  absl::Status status = CheckLimit("age", limits.age, limits.hard_age, defaults.hard_age);
  if (status.ok()) status = CheckLimit("messages", limits.messages, limits.hard_messages, defaults.hard_messages);
  if (status.ok()) status = CheckLimit("bytes", limits.bytes, limits.hard_bytes, defaults.hard_bytes);
  return status;
}

}  // namespace

absl::Status CheckKeyNames(const std::vector<std::string>& key_names) {
  if (key_names.empty()) return Misuse("key_names is empty: name at least one recipient");
  if (key_names.size() > kMostWrappedKeys) {
    return Misuse(
        absl::StrCat("key_names has ", key_names.size(), " names: at most ", kMostWrappedKeys, " are allowed"));
  }
  std::unordered_set<std::string_view> seen;
  for (const std::string& name : key_names) {
    if (name.empty()) return Misuse("key_names holds an empty name");
    if (name.size() > kMaxKeyNameSize) {
      return Misuse(absl::StrCat("key name ", Quoted(name), " is longer than ", kMaxKeyNameSize, " bytes"));
    }
    if (!seen.insert(name).second) return Misuse(absl::StrCat("key_names holds ", Quoted(name), " twice"));
  }
  return absl::OkStatus();
}

absl::Status CheckOptions(const EncryptorOptions& options) {
  if (absl::Status status = CheckKeyNames(options.key_names); !status.ok()) return status;
  if ((options.key_reader == nullptr) == (options.key_wrapper == nullptr)) {
    return Misuse("set exactly one of key_reader and key_wrapper");
  }
  if (absl::Status status = CheckLimits(options.rotation); !status.ok()) return status;
  if (options.key_timeout <= std::chrono::milliseconds(0)) return Misuse("key_timeout must be above zero");
  return BackgroundWorker::Validate(options.background);
}

}  // namespace pulseal
