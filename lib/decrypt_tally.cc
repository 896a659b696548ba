// SPDX-License-Identifier: Apache-2.0
#include "lib/decrypt_tally.h"

namespace pulseal {

void DecryptTally::DeliveredPlain() { plain_.Add(1); }

void DecryptTally::Failed(Decision::Action action, Reason reason) {
  by_action_[static_cast<size_t>(action)].Add(1);
  by_reason_[static_cast<size_t>(reason)].Add(1);
}

void DecryptTally::AddTo(DecryptorCounters* counters) const {
  const auto action = [&](Decision::Action value) { return by_action_[static_cast<size_t>(value)].value(); };
  const auto reason = [&](Reason value) { return by_reason_[static_cast<size_t>(value)].value(); };
  counters->messages_decrypted += decrypted_.value();
  counters->bytes_decrypted += bytes_.value();
  counters->messages_plain += plain_.value();
  counters->messages_delivered_encrypted += action(Decision::Action::kDeliverEncrypted);
  counters->messages_discarded += action(Decision::Action::kDiscard);
  counters->messages_failed += action(Decision::Action::kFail);
  counters->key_not_found += reason(Reason::kKeyNotFound);
  counters->key_unusable += reason(Reason::kKeyUnusable);
  counters->key_unavailable += reason(Reason::kKeyServiceUnavailable);
  counters->unwrap_failed += reason(Reason::kUnwrapFailed);
  counters->authentication_failed += reason(Reason::kAuthenticationFailed);
  counters->malformed += reason(Reason::kMalformed);
  counters->limit_reached += reason(Reason::kLimitReached);
  counters->not_encrypted += reason(Reason::kNotEncrypted);
  counters->internal += reason(Reason::kNone);
}

}  // namespace pulseal
