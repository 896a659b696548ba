// SPDX-License-Identifier: Apache-2.0
#include "lib/event_sink.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

namespace pulseal {
namespace {

using Kind = CryptoEvent::Kind;

class EventSinkTest : public ::testing::Test {
 protected:
  std::chrono::nanoseconds now_{0};
  std::vector<CryptoEvent> events_;
  EventSink sink_{[this](const CryptoEvent& event) { events_.push_back(event); }, [this] { return now_; }};
};

TEST_F(EventSinkTest, HandsOverKindNameAndStatus) {
  sink_.Emit(Kind::kKeyFailed, "audit", absl::UnauthenticatedError("no"));
  ASSERT_EQ(events_.size(), 1u);
  EXPECT_EQ(events_[0].kind, Kind::kKeyFailed);
  EXPECT_EQ(events_[0].key_name, "audit");
  EXPECT_EQ(events_[0].status, absl::UnauthenticatedError("no"));
  EXPECT_EQ(events_[0].suppressed, 0u);
}

TEST_F(EventSinkTest, EscapesTheKeyNameAndLeavesAnEmptyOneEmpty) {
  sink_.Emit(Kind::kKeyFailed, "a\nb", absl::OkStatus());
  sink_.Emit(Kind::kHardLimit, "", absl::OkStatus());
  ASSERT_EQ(events_.size(), 2u);
  EXPECT_EQ(events_[0].key_name, "a\\x0ab");
  EXPECT_EQ(events_[1].key_name, "");
}

TEST_F(EventSinkTest, HoldsBackAllButOneASecondOfAKindAndCountsThem) {
  for (int i = 0; i < 5; ++i) sink_.Emit(Kind::kKeyFailed, "", absl::OkStatus());
  EXPECT_EQ(events_.size(), 1u);
  now_ += std::chrono::milliseconds(999);
  sink_.Emit(Kind::kKeyFailed, "", absl::OkStatus());
  EXPECT_EQ(events_.size(), 1u);
  now_ += std::chrono::milliseconds(1);
  sink_.Emit(Kind::kKeyFailed, "", absl::OkStatus());
  ASSERT_EQ(events_.size(), 2u);
  EXPECT_EQ(events_[1].suppressed, 5u);
}

TEST_F(EventSinkTest, KindsDoNotHoldEachOtherBack) {
  sink_.Emit(Kind::kKeyFailed, "", absl::OkStatus());
  sink_.Emit(Kind::kKeyUnavailable, "", absl::OkStatus());
  EXPECT_EQ(events_.size(), 2u);
}

TEST_F(EventSinkTest, NeverHoldsBackARotation) {
  for (int i = 0; i < 3; ++i) sink_.Emit(Kind::kRotated, "", absl::OkStatus());
  EXPECT_EQ(events_.size(), 3u);
}

TEST_F(EventSinkTest, BeginsNoneAfterStop) {
  sink_.Stop();
  sink_.Emit(Kind::kRotated, "", absl::OkStatus());
  EXPECT_TRUE(events_.empty());
}

TEST(EventSink, DropsWhatTheCallbackThrows) {
  int calls = 0;
  EventSink sink(
      [&calls](const CryptoEvent&) {
        ++calls;
        throw std::runtime_error("mine");
      },
      [] { return std::chrono::nanoseconds(0); });
  sink.Emit(Kind::kRotated, "", absl::OkStatus());
  sink.Emit(Kind::kRotated, "", absl::OkStatus());
  EXPECT_EQ(calls, 2);
}

TEST(EventSink, HoldsNoLockWhileCalling) {
  EventSink* self = nullptr;
  int calls = 0;
  EventSink sink(
      [&](const CryptoEvent& event) {
        ++calls;
        if (event.kind == Kind::kKeyFailed) self->Emit(Kind::kKeyUnavailable, "", absl::OkStatus());
      },
      [] { return std::chrono::nanoseconds(0); });
  self = &sink;
  sink.Emit(Kind::kKeyFailed, "", absl::OkStatus());
  EXPECT_EQ(calls, 2);
}

TEST(EventSink, WithoutACallbackDoesNothing) {
  EventSink sink(nullptr, nullptr);
  sink.Emit(Kind::kRotated, "a", absl::OkStatus());
}

}  // namespace
}  // namespace pulseal
