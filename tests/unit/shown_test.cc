// SPDX-License-Identifier: Apache-2.0
//
// That this program prints what tests/rules/output_secrets.py is to search: see tests/shown/shown.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "absl/status/status.h"
#include "lib/event_sink.h"
#include "lib/status.h"

namespace pulseal {
namespace {

using ::testing::HasSubstr;

TEST(Shown, StatusesOfTheLibraryAndOfAbseil) {
  ::testing::internal::CaptureStderr();
  (void)Misuse("words of the library's");
  (void)absl::InternalError("words of Abseil's");
  const std::string shown = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(shown, HasSubstr("status: words of the library's\n"));
  EXPECT_THAT(shown, HasSubstr("status: words of Abseil's\n"));
}

TEST(Shown, EventsKeyNames) {
  EventSink sink([](const CryptoEvent&) {}, [] { return std::chrono::nanoseconds(0); });
  ::testing::internal::CaptureStderr();
  sink.Emit(CryptoEvent::Kind::kRotated, "a name", absl::OkStatus());
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "event: a name\n");
}

}  // namespace
}  // namespace pulseal
