// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "pulseal/message_decryptor.h"
#include "tests/support/decryptor_fixture.h"
#include "tests/support/made_message.h"

namespace pulseal {
namespace {

using testing::MadeMessage;
using testing::Seal;
using Action = Decision::Action;
using Failing = ConsumerCryptoFailureAction;
using ::testing::HasSubstr;

class DecryptBuffers : public testing::DecryptorInBothForms {};
INSTANTIATE_TEST_SUITE_P(Forms, DecryptBuffers, ::testing::Bool(), testing::FormName);

TEST_P(DecryptBuffers, AnOutputThatIsTooSmallIsRefusedWithTheSizeNeeded) {
  options_.failure_action = Failing::kDiscard;
  const MadeMessage message = Seal("hello", {"orders"});
  std::string out(4, '?');
  const Decision decision = decryptor().Decrypt(message.metadata(), message.payload, absl::MakeSpan(out));
  EXPECT_EQ(decision.action, Action::kFail);
  EXPECT_EQ(decision.reason, Reason::kMisuse);
  EXPECT_EQ(decision.status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(decision.status.message()), HasSubstr("needs 5"));
  EXPECT_EQ(out, "????");
  EXPECT_EQ(wrapper_->unwraps(), 0u);
}

TEST_P(DecryptBuffers, AnOutputThatOverlapsIsRefused) {
  const MadeMessage message = Seal("hello", {"orders"});
  const std::string metadata = message.metadata();
  const size_t size = message.payload.size();
  for (size_t offset = 0; offset < 5 + size; ++offset) {  // from just before the payload to its last byte
    std::string memory(5 + size + 5, '?');
    memory.replace(5, size, message.payload);
    const std::string before = memory;
    const std::string_view payload(memory.data() + 5, size);
    const Decision decision = decryptor().Decrypt(metadata, payload, absl::MakeSpan(&memory[offset], 5));
    EXPECT_EQ(decision.reason, offset == 0 ? Reason::kNone : Reason::kMisuse) << offset;
    EXPECT_EQ(memory == before, offset > 0) << offset;
  }
  std::string own_metadata = metadata;
  EXPECT_EQ(decryptor().Decrypt(own_metadata, message.payload, absl::MakeSpan(own_metadata)).reason, Reason::kMisuse);
  EXPECT_EQ(own_metadata, metadata);
}

TEST_P(DecryptBuffers, BytesOfTheOutputThatAreNotNeededMayOverlap) {
  const MadeMessage message = Seal("hello", {"orders"});
  std::string memory = std::string(5, '?') + message.payload;
  const std::string_view payload(memory.data() + 5, message.payload.size());
  EXPECT_EQ(decryptor().Decrypt(message.metadata(), payload, absl::MakeSpan(memory)).payload, "hello");
}

class OverlapOfAView : public testing::DecryptorFixture {
 protected:
  OverlapOfAView() { keys_[1].metadata = pairs_; }

  // An output over the first bytes of `part`, or over the last ones.
  void ExpectRefused(const void* part, size_t size) {
    char* const begin = static_cast<char*>(const_cast<void*>(part));
    const std::string before(begin, size);
    for (const size_t offset : {size_t{0}, size - 5}) {
      const Decision decision = decryptor().Decrypt(view_, message_.payload, absl::MakeSpan(begin + offset, 5));
      EXPECT_EQ(decision.reason, Reason::kMisuse) << decision.status;
      ASSERT_EQ(std::string_view(begin, size), before);
    }
  }

  MadeMessage message_ = Seal("hello", {"audit", "orders"});
  std::string name_ = "version", value_ = "seven", last_name_ = "region", last_value_ = "south";
  std::array<std::pair<std::string_view, std::string_view>, 2> pairs_ = {{{name_, value_}, {last_name_, last_value_}}};
  std::array<WrappedKeyView, 2> keys_ = {{{message_.keys[0].key_name, message_.keys[0].bytes, {}},
                                          {message_.keys[1].key_name, message_.keys[1].bytes, {}}}};
  MessageMetadataView view_ = {keys_, message_.nonce, std::nullopt, 0};
};

TEST_F(OverlapOfAView, WithAnyTextInItIsRefused) {
  for (const std::string* part :
       {&message_.nonce, &message_.keys[0].key_name, &message_.keys[0].bytes, &message_.keys[1].key_name,
        &message_.keys[1].bytes, &name_, &value_, &last_name_, &last_value_}) {
    SCOPED_TRACE(*part);
    ExpectRefused(part->data(), part->size());
  }
}

TEST_F(OverlapOfAView, WithItselfOrItsArraysIsRefused) {
  ExpectRefused(&view_, sizeof view_);
  ExpectRefused(keys_.data(), sizeof keys_);
  ExpectRefused(pairs_.data(), sizeof pairs_);
}

TEST_F(OverlapOfAView, IsAllThatIsRefused) {
  std::string out(5, '?');
  EXPECT_EQ(decryptor().Decrypt(view_, message_.payload, absl::MakeSpan(out)).payload, "hello");
}

class DecryptToString : public testing::DecryptorFixture {
 protected:
  Decision DecryptTo(std::string* out, const MadeMessage& message) {
    metadata_ = message.metadata();
    return decryptor().Decrypt(metadata_, message.payload, out);
  }
};

TEST_F(DecryptToString, SizesTheOutput) {
  std::string out = "something that was there before";
  const Decision decision = DecryptTo(&out, Seal("hello", {"orders"}));
  EXPECT_EQ(out, "hello");
  EXPECT_EQ(decision.payload.data(), out.data());
}

TEST_F(DecryptToString, LeavesItEmptyUnlessAPlaintextIsDeliveredFromIt) {
  std::string out = "something";
  MadeMessage forged = Seal("hello", {"orders"});
  forged.payload[0] ^= 1;
  EXPECT_EQ(DecryptTo(&out, forged).action, Action::kFail);
  EXPECT_TRUE(out.empty());
  out = "something";
  MadeMessage plain;
  plain.payload = "plain, and longer than a tag";
  EXPECT_EQ(DecryptTo(&out, plain).payload.data(), plain.payload.data());
  EXPECT_TRUE(out.empty());
}

TEST_F(DecryptToString, IsRefusedWhereItIsTheMessageItself) {
  MadeMessage message = Seal("hello", {"orders"});
  const std::string metadata = message.metadata(), payload = message.payload;
  std::string both = payload;
  const Decision decision = decryptor().Decrypt(metadata, std::string_view(both), &both);
  EXPECT_EQ(decision.reason, Reason::kMisuse) << decision.status;
  EXPECT_EQ(both, payload);
}

}  // namespace
}  // namespace pulseal
