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

TEST(FailureOfUnwrap, SeparatesNeverFromNotNowByCode) {
  using Code = absl::StatusCode;
  struct {
    Code code;
    Outlook outlook;
    Reason reason;
    Code as;
  } const cases[] = {
      {Code::kNotFound, Outlook::kNever, Reason::kKeyNotFound, Code::kNotFound},
      {Code::kUnauthenticated, Outlook::kNever, Reason::kUnwrapFailed, Code::kUnauthenticated},
      {Code::kFailedPrecondition, Outlook::kNever, Reason::kKeyUnusable, Code::kFailedPrecondition},
      {Code::kResourceExhausted, Outlook::kNotNow, Reason::kLimitReached, Code::kResourceExhausted},
      {Code::kDeadlineExceeded, Outlook::kNotNow, Reason::kKeyServiceUnavailable, Code::kDeadlineExceeded},
      {Code::kUnavailable, Outlook::kNotNow, Reason::kKeyServiceUnavailable, Code::kUnavailable},
      {Code::kInternal, Outlook::kNotNow, Reason::kKeyServiceUnavailable, Code::kUnavailable},
      {Code::kInvalidArgument, Outlook::kNotNow, Reason::kKeyServiceUnavailable, Code::kUnavailable},
      {Code::kPermissionDenied, Outlook::kNotNow, Reason::kKeyServiceUnavailable, Code::kUnavailable},
      {Code::kUnknown, Outlook::kNotNow, Reason::kKeyServiceUnavailable, Code::kUnavailable},
  };
  for (const auto& c : cases) {
    const Failure failure = FailureOfUnwrap(absl::Status(c.code, "why"), "wrapped key");
    EXPECT_EQ(failure.outlook, c.outlook) << failure.status;
    EXPECT_EQ(failure.reason, c.reason) << failure.status;
    EXPECT_EQ(ReasonOf(failure.status), c.reason);
    EXPECT_EQ(failure.status.code(), c.as);
    EXPECT_EQ(failure.status.message(), "wrapped key: why");
  }
}

TEST(MoreTelling, PutsNotNowFirstThenWhatCameClosestToTheDataKey) {
  const auto failure = [](Outlook outlook, Reason reason) { return Failure{outlook, reason, absl::OkStatus()}; };
  const Failure in_order[] = {failure(Outlook::kNotNow, Reason::kKeyServiceUnavailable),
                              failure(Outlook::kNever, Reason::kLimitReached),
                              failure(Outlook::kNever, Reason::kMalformed),
                              failure(Outlook::kNever, Reason::kUnwrapFailed),
                              failure(Outlook::kNever, Reason::kKeyUnusable),
                              failure(Outlook::kNever, Reason::kKeyNotFound)};
  for (size_t i = 0; i < 6; ++i) {
    for (size_t j = i + 1; j < 6; ++j) {
      EXPECT_EQ(&MoreTelling(in_order[i], in_order[j]), &in_order[i]);
      EXPECT_EQ(&MoreTelling(in_order[j], in_order[i]), &in_order[i]);
    }
  }
  EXPECT_EQ(&MoreTelling(in_order[3], Failure(in_order[3])), &in_order[3]) << "the first of two equals";
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
