// SPDX-License-Identifier: Apache-2.0
#include "lib/decision.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"

namespace pulseal {
namespace {

using Failing = ConsumerCryptoFailureAction;
using Action = Decision::Action;

constexpr Failing kActions[] = {Failing::kFail, Failing::kDiscard, Failing::kConsume};
constexpr Outlook kOutlooks[] = {Outlook::kNever, Outlook::kNotNow, Outlook::kRefused};
constexpr Shape kGivenShapes[] = {Shape::kSingle, Shape::kChunk, Shape::kBatch, Shape::kPlain, Shape::kUnreadable};

// Pulsar's documentation and the header's words, written down a second time.
Action Expected(const FailurePolicy& policy, Outlook outlook, Shape shape) {
  const bool applies =
      outlook == Outlook::kNever || (outlook == Outlook::kNotNow && policy.apply_action_when_unavailable);
  if (!applies || policy.action == Failing::kFail) return Action::kFail;
  if (policy.action == Failing::kDiscard) return Action::kDiscard;
  if (shape == Shape::kPlain || shape == Shape::kUnreadable) return Action::kFail;
  if (shape == Shape::kBatch && !policy.deliver_whole_batch) return Action::kFail;
  return Action::kDeliverEncrypted;
}

TEST(Decide, EveryCombination) {
  int combinations = 0;
  for (const Failing action : kActions) {
    for (const bool whole : {false, true}) {
      for (const bool when_unavailable : {false, true}) {
        for (const Outlook outlook : kOutlooks) {
          for (const Shape shape : kGivenShapes) {
            const FailurePolicy policy{action, whole, when_unavailable};
            EXPECT_EQ(Decide(policy, outlook, shape), Expected(policy, outlook, shape))
                << static_cast<int>(action) << whole << when_unavailable << static_cast<int>(outlook)
                << static_cast<int>(shape);
            ++combinations;
          }
        }
      }
    }
  }
  EXPECT_EQ(combinations, 180);
}

// ---- docs/failure-actions.md is printed from the table

const char* Words(Outlook outlook) {
  switch (outlook) {
    case Outlook::kNever: return "never";
    case Outlook::kNotNow: return "not now";
    case Outlook::kRefused: return "refused";
  }
  return "";
}

const char* Words(Shape shape) {
  switch (shape) {
    case Shape::kSingle: return "single message";
    case Shape::kChunk: return "chunk";
    case Shape::kBatch: return "batch";
    case Shape::kWholeBatch: return "batch, `deliver_whole_batch`";
    case Shape::kPlain: return "plaintext, `require_encryption`";
    case Shape::kUnreadable: return "metadata that can't be read";
  }
  return "";
}

const char* Words(Action action) {
  switch (action) {
    case Action::kDiscard: return "kDiscard";
    case Action::kDeliverEncrypted: return "kDeliverEncrypted";
    default: return "kFail";
  }
}

TEST(FailureActionsPage, HasTheTable) {
  std::string table =
      "| the message can be decrypted | what it is | action `kFail` | action `kDiscard` | action `kConsume` |\n"
      "|---|---|---|---|---|\n";
  for (const FailureRow& row : FailureTable()) {
    absl::StrAppend(&table, "| ", Words(row.outlook), " | ", Words(row.shape), " | ", Words(row.when_fail), " | ",
                    Words(row.when_discard), " | ", Words(row.when_consume), " |\n");
  }
  std::ifstream file(PULSEAL_SOURCE_DIR "/docs/failure-actions.md");
  std::stringstream page;
  page << file.rdbuf();
  EXPECT_NE(page.str().find(table), std::string::npos) << "docs/failure-actions.md should contain:\n" << table;
}

}  // namespace
}  // namespace pulseal
