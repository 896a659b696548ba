// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/recipients.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "pulseal/encryption_metadata.h"

namespace pulseal::tools {

absl::Status Recipients::Read(std::string_view metadata, const EntryFacts& facts) {
  if (IsTheSame(facts)) return status_;
  bytes_.clear();
  for (const std::string_view key : facts.wrapped_keys) bytes_.append(key);
  all_.clear();
  absl::StatusOr<EncryptionContext> context = ParseEncryptionContext(metadata);
  status_ = context.status();
  if (!context.ok()) return status_;
  for (WrappedKey& key : context->keys) {
    Wrapping wrapping = GuessWrapping(key.bytes);
    all_.push_back({std::move(key), std::move(wrapping)});
  }
  return status_;
}

bool Recipients::IsTheSame(const EntryFacts& facts) const {
  std::string_view rest = bytes_;
  for (const std::string_view key : facts.wrapped_keys) {
    if (rest.substr(0, key.size()) != key) return false;
    rest.remove_prefix(key.size());
  }
  return rest.empty();
}

std::string WrappingText(const Recipient& recipient) {
  const Wrapping& wrapping = recipient.wrapping;
  if (wrapping.key_type.empty()) return absl::StrCat(wrapping.scheme, " (", recipient.key.bytes.size(), " bytes)");
  return absl::StrCat(wrapping.key_type, " (", wrapping.scheme, ")");
}

}  // namespace pulseal::tools
