// SPDX-License-Identifier: Apache-2.0
#include "pulseal/message_encryptor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "lib/mutex.h"
#include "pulseal/encryption_metadata.h"
#include "pulseal/error.h"
#include "tests/support/fake_key_wrapper.h"
#include "tests/support/manual_background.h"
#include "tests/support/sealed_message.h"

namespace pulseal {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using testing::FakeKeyWrapper;
using ::testing::HasSubstr;
using testing::ManualBackground;
using testing::OpenedMessage;
using testing::OpenMessage;

class MessageEncryptorTest : public ::testing::Test {
 protected:
  EncryptorOptions Options() {
    EncryptorOptions options;
    options.key_names = {"orders", "audit"};
    options.key_wrapper = wrapper_;
    options.background = background_.options();
    options.key_timeout = milliseconds(5000);
    options.on_event = [this](const CryptoEvent& event) {
      MutexLock lock(mutex_);
      events_.push_back(event);
    };
    return options;
  }

  std::unique_ptr<MessageEncryptor> Make(EncryptorOptions options) {
    absl::StatusOr<std::unique_ptr<MessageEncryptor>> made = MessageEncryptor::Create(std::move(options));
    EXPECT_TRUE(made.ok()) << made.status();
    return made.ok() ? *std::move(made) : nullptr;
  }

  // What one more message of `encryptor` looks like to a recipient.
  OpenedMessage Send(MessageEncryptor& encryptor, std::string_view payload = "hello") {
    absl::StatusOr<Sealed> sealed = encryptor.Encrypt(payload, &out_, &fields_);
    EXPECT_TRUE(sealed.ok()) << sealed.status();
    if (!sealed.ok() || !sealed->encrypted) return {};
    OpenedMessage opened = OpenMessage(*sealed);
    EXPECT_EQ(opened.plaintext, payload);
    return opened;
  }

  absl::Status Refused(MessageEncryptor& encryptor) {
    absl::StatusOr<Sealed> sealed = encryptor.Encrypt("hello", &out_, &fields_);
    EXPECT_FALSE(sealed.ok());
    return sealed.status();
  }

  size_t CountEvents(CryptoEvent::Kind kind) {
    MutexLock lock(mutex_);
    size_t count = 0;
    for (const CryptoEvent& event : events_) count += event.kind == kind ? 1 : 0;
    return count;
  }

  ManualBackground background_;
  std::shared_ptr<FakeKeyWrapper> wrapper_ = std::make_shared<FakeKeyWrapper>();
  std::string out_, fields_;
  Mutex mutex_;
  std::vector<CryptoEvent> events_;
};

// ---- Create

TEST_F(MessageEncryptorTest, RefusesOptionsThatBreakARule) {
  const auto refused = [&](auto change, const char* named) {
    EncryptorOptions options = Options();
    change(options);
    const absl::Status status = MessageEncryptor::Create(std::move(options)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << named;
    EXPECT_EQ(ReasonOf(status), Reason::kMisuse) << named;
    EXPECT_THAT(std::string(status.message()), HasSubstr(named));
  };
  refused([](EncryptorOptions& o) { o.key_names.clear(); }, "key_names");
  refused([](EncryptorOptions& o) { o.key_names = {"a", "b", "a"}; }, "\"a\" twice");
  refused([](EncryptorOptions& o) { o.key_names = {""}; }, "empty name");
  refused([](EncryptorOptions& o) { o.key_names = {std::string(1025, 'x')}; }, "1024");
  refused(
      [](EncryptorOptions& o) {
        o.key_names.clear();
        for (int i = 0; i < 65; ++i) o.key_names.push_back(std::to_string(i));
      },
      "65 names");
  refused([](EncryptorOptions& o) { o.key_wrapper = nullptr; }, "exactly one");
  refused([](EncryptorOptions& o) { o.rotation.messages = 0; }, "rotation.messages");
  refused([](EncryptorOptions& o) { o.rotation.messages = o.rotation.hard_messages + 1; }, "rotation.messages");
  refused([](EncryptorOptions& o) { ++o.rotation.hard_messages; }, "rotation.messages");
  refused([](EncryptorOptions& o) { ++o.rotation.hard_bytes; }, "rotation.bytes");
  refused([](EncryptorOptions& o) { o.rotation.age = seconds(0); }, "rotation.age");
  refused([](EncryptorOptions& o) { o.rotation.hard_age = hours(25); }, "rotation.age");
  refused([](EncryptorOptions& o) { o.key_timeout = milliseconds(0); }, "key_timeout");
  refused([](EncryptorOptions& o) { o.background.executor = nullptr; }, "executor");
  refused([](EncryptorOptions& o) { o.background.mode = Background::Mode::kOwnThread; }, "executor");
}

TEST_F(MessageEncryptorTest, CreateFailsNamingTheKeyUnderSendAsUnderFail) {
  wrapper_->SetStatus("audit", absl::NotFoundError("no such key"));
  for (const auto action : {ProducerCryptoFailureAction::kFail, ProducerCryptoFailureAction::kSend}) {
    EncryptorOptions options = Options();
    options.failure_action = action;
    const absl::Status status = MessageEncryptor::Create(std::move(options)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
    EXPECT_EQ(ReasonOf(status), Reason::kKeyNotFound);
    EXPECT_THAT(std::string(status.message()), HasSubstr("\"audit\""));
  }
}

TEST_F(MessageEncryptorTest, CreateGivesUpOnAWrapperThatNeverAnswers) {
  for (const auto manner : {FakeKeyWrapper::Manner::kNever, FakeKeyWrapper::Manner::kDropped}) {
    wrapper_->SetManner(manner);
    EncryptorOptions options = Options();
    options.key_timeout = milliseconds(20);
    const absl::Status status = MessageEncryptor::Create(std::move(options)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
    EXPECT_EQ(ReasonOf(status), Reason::kKeyServiceUnavailable);
    EXPECT_THAT(std::string(status.message()), HasSubstr("\"orders\""));
  }
}

TEST_F(MessageEncryptorTest, CreateTakesAnswersOfEveryManner) {
  using Manner = FakeKeyWrapper::Manner;
  for (const auto manner : {Manner::kInside, Manner::kTwice, Manner::kOtherThread, Manner::kAnswerAndThrow}) {
    wrapper_->SetManner(manner);
    const auto encryptor = Make(Options());
    ASSERT_NE(encryptor, nullptr) << static_cast<int>(manner);
    EXPECT_THAT(Send(*encryptor).key_names, ElementsAre("orders", "audit"));
  }
  wrapper_->SetManner(Manner::kThrow);
  EXPECT_EQ(MessageEncryptor::Create(Options()).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(MessageEncryptorTest, CreateAsyncAnswersInTheBackground) {
  std::unique_ptr<MessageEncryptor> made;
  MessageEncryptor::CreateAsync(Options(), [&](absl::StatusOr<std::unique_ptr<MessageEncryptor>> result) {
    ASSERT_TRUE(result.ok());
    made = *std::move(result);
  });
  EXPECT_EQ(made, nullptr);
  background_.RunDue();
  ASSERT_NE(made, nullptr);
  Send(*made);
}

// ---- Encrypt

TEST_F(MessageEncryptorTest, EncryptsForEveryRecipientAndEverySize) {
  const auto encryptor = Make(Options());
  std::set<std::string> nonces;
  for (const size_t size : {0, 1, 15, 16, 17, 1000, 1 << 20}) {
    const OpenedMessage opened = Send(*encryptor, std::string(size, 'x'));
    EXPECT_THAT(opened.key_names, ElementsAre("orders", "audit"));
    EXPECT_TRUE(nonces.insert(opened.nonce).second);
  }
  EXPECT_EQ(encryptor->counters().messages_encrypted, 7u);
  EXPECT_EQ(encryptor->counters().bytes_encrypted, 0u + 1 + 15 + 16 + 17 + 1000 + (1 << 20));
}

TEST_F(MessageEncryptorTest, EncryptsInPlace) {
  const auto encryptor = Make(Options());
  std::string buffer = "in place" + std::string(MessageEncryptor::kPayloadOverhead, '\0');
  std::string fields(encryptor->fields_size(), '\0');
  const auto sealed =
      encryptor->Encrypt(std::string_view(buffer.data(), 8), absl::MakeSpan(buffer), absl::MakeSpan(fields));
  ASSERT_TRUE(sealed.ok()) << sealed.status();
  EXPECT_EQ(sealed->payload.data(), buffer.data());
  EXPECT_EQ(OpenMessage(*sealed).plaintext, "in place");
}

TEST_F(MessageEncryptorTest, RefusesBuffersThatDontFitAndWritesNothing) {
  const auto encryptor = Make(Options());
  std::string memory(200, 'm');
  std::string fields(encryptor->fields_size(), 'f');
  const std::string payload = "payload";
  const auto code = [&](std::string_view plaintext, absl::Span<char> out, absl::Span<char> to_fields) {
    const auto sealed = encryptor->Encrypt(plaintext, out, to_fields);
    EXPECT_EQ(ReasonOf(sealed.status()), Reason::kMisuse);
    EXPECT_EQ(memory, std::string(200, 'm'));
    EXPECT_EQ(fields, std::string(fields.size(), 'f'));
    return sealed.status().code();
  };
  const absl::Span<char> out = absl::MakeSpan(memory);
  const absl::Span<char> all_fields = absl::MakeSpan(fields);
  using absl::StatusCode;
  EXPECT_EQ(code(payload, out.subspan(0, payload.size() + 15), all_fields), StatusCode::kInvalidArgument);
  EXPECT_EQ(code(payload, out, all_fields.subspan(1)), StatusCode::kOutOfRange);
  EXPECT_EQ(code(payload, out, {}), StatusCode::kOutOfRange);
  EXPECT_EQ(code(std::string_view(memory.data(), 20), out.subspan(1, 40), all_fields), StatusCode::kInvalidArgument);
  EXPECT_EQ(code(std::string_view(memory.data() + 1, 20), out, all_fields), StatusCode::kInvalidArgument);
  EXPECT_EQ(code(payload, out, out.subspan(22)), StatusCode::kInvalidArgument);
  EXPECT_EQ(code(std::string_view(memory.data() + 199, 1), out.subspan(0, 17), out.subspan(100)),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(encryptor->counters().messages_encrypted, 0u);
  EXPECT_EQ(encryptor->counters().messages_refused, 0u);
}

TEST_F(MessageEncryptorTest, AFieldsBufferThatIsTooSmallSaysHowLargeItMustBeAndCostsNoBudget) {
  EncryptorOptions options = Options();
  options.rotation.messages = options.rotation.hard_messages = 2;
  const auto encryptor = Make(std::move(options));
  std::string out(100, '\0'), fields(10, '\0');
  for (int i = 0; i < 10; ++i) {
    const auto sealed = encryptor->Encrypt("x", absl::MakeSpan(out), absl::MakeSpan(fields));
    EXPECT_THAT(std::string(sealed.status().message()), HasSubstr(std::to_string(encryptor->fields_size())));
  }
  Send(*encryptor);
  Send(*encryptor);
}

TEST_F(MessageEncryptorTest, RefusesAPayloadThatNoDataKeyCouldHold) {
  EncryptorOptions options = Options();
  options.rotation.bytes = options.rotation.hard_bytes = 100;
  const auto encryptor = Make(std::move(options));
  const absl::Status status = encryptor->Encrypt(std::string(101, 'x'), &out_, &fields_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(encryptor->counters().rotations, 1u);
}

TEST_F(MessageEncryptorTest, StringsThatAreNotApartAreRefused) {
  const auto encryptor = Make(Options());
  std::string text = "payload";
  EXPECT_EQ(ReasonOf(encryptor->Encrypt(text, &text, &fields_).status()), Reason::kMisuse);
  EXPECT_EQ(ReasonOf(encryptor->Encrypt("x", &out_, &out_).status()), Reason::kMisuse);
  EXPECT_EQ(text, "payload");
}

// ---- limits

TEST_F(MessageEncryptorTest, ASoftLimitOfMessagesRotatesInOneStepWhileMessagesGoOn) {
  EncryptorOptions options = Options();
  options.rotation.messages = 10;
  const auto encryptor = Make(std::move(options));
  const std::string first = Send(*encryptor).data_key;
  for (int i = 1; i < 30; ++i) EXPECT_EQ(Send(*encryptor).data_key, first);  // the background has not run yet
  background_.RunDue();
  const std::string second = Send(*encryptor).data_key;
  EXPECT_NE(second, first);
  EXPECT_EQ(encryptor->counters().rotations, 2u);
  EXPECT_EQ(CountEvents(CryptoEvent::Kind::kRotated), 2u);
}

TEST_F(MessageEncryptorTest, ASoftLimitOfBytesRotates) {
  EncryptorOptions options = Options();
  options.rotation.bytes = 1000;
  const auto encryptor = Make(std::move(options));
  const std::string first = Send(*encryptor, std::string(999, 'x')).data_key;
  background_.RunDue();
  EXPECT_EQ(Send(*encryptor, "x").data_key, first);
  background_.RunDue();
  EXPECT_NE(Send(*encryptor, "x").data_key, first);
}

TEST_F(MessageEncryptorTest, AHardLimitOfMessagesIsHeldExactly) {
  EncryptorOptions options = Options();
  options.rotation.messages = options.rotation.hard_messages = 5;
  const auto encryptor = Make(std::move(options));
  std::set<std::string> keys;
  for (int i = 0; i < 5; ++i) keys.insert(Send(*encryptor).data_key);
  EXPECT_EQ(keys.size(), 1u);
  const absl::Status status = Refused(*encryptor);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(status), Reason::kLimitReached);
  EXPECT_EQ(CountEvents(CryptoEvent::Kind::kHardLimit), 1u);
  EXPECT_EQ(encryptor->counters().messages_refused, 1u);
  background_.RunDue();
  keys.insert(Send(*encryptor).data_key);
  EXPECT_EQ(keys.size(), 2u);
}

TEST_F(MessageEncryptorTest, AHardLimitOfBytesIsHeldExactly) {
  EncryptorOptions options = Options();
  options.rotation.bytes = options.rotation.hard_bytes = 50;
  const auto encryptor = Make(std::move(options));
  Send(*encryptor, std::string(30, 'x'));
  Send(*encryptor, std::string(20, 'x'));
  Send(*encryptor, "");  // no bytes left, none needed
  EXPECT_EQ(Refused(*encryptor).code(), absl::StatusCode::kUnavailable);
}

TEST_F(MessageEncryptorTest, ASoftAgeRotatesAndAHardAgeRefuses) {
  EncryptorOptions options = Options();
  options.rotation.age = seconds(10);
  options.rotation.hard_age = seconds(20);
  const auto encryptor = Make(std::move(options));
  const std::string first = Send(*encryptor).data_key;
  background_.Advance(seconds(9));
  EXPECT_EQ(Send(*encryptor).data_key, first);
  wrapper_->SetStatus("audit", absl::UnavailableError("down"));
  background_.Advance(seconds(1));
  EXPECT_EQ(Send(*encryptor).data_key, first);  // the failed attempt changed nothing
  EXPECT_EQ(CountEvents(CryptoEvent::Kind::kRotationFailed), 1u);
  for (int i = 0; i < 9; ++i) background_.Advance(seconds(1));
  EXPECT_EQ(Send(*encryptor).data_key, first);
  background_.Advance(seconds(1));
  const absl::Status status = Refused(*encryptor);
  EXPECT_EQ(ReasonOf(status), Reason::kLimitReached);
  EXPECT_THAT(std::string(status.message()), HasSubstr("down"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"audit\""));
  wrapper_->SetStatus("audit", absl::OkStatus());
  background_.Advance(std::chrono::minutes(10));
  EXPECT_NE(Send(*encryptor).data_key, first);
}

TEST_F(MessageEncryptorTest, EveryFurtherKeyIsRotatedByAgeToo) {
  EncryptorOptions options = Options();
  options.rotation.age = seconds(10);
  const auto encryptor = Make(std::move(options));
  for (uint64_t rotations = 1; rotations < 20; ++rotations) {
    EXPECT_EQ(encryptor->counters().rotations, rotations);
    for (int i = 0; i < 10; ++i) background_.Advance(seconds(1));
  }
  EXPECT_LE(background_.waiting(),
            8u);  // timers don't pile up: one of the age, and the time-outs of attempts long answered
}

TEST_F(MessageEncryptorTest, AHardAgeHoldsEvenWhereTheExecutorLosesTimers) {
  EncryptorOptions options = Options();
  options.rotation.messages = 1000;  // small blocks
  options.rotation.hard_age = hours(24);
  const auto encryptor = Make(std::move(options));
  Send(*encryptor);
  background_.DropAll();
  background_.SetNow(background_.now() + hours(24));
  EXPECT_EQ(ReasonOf(Refused(*encryptor)), Reason::kLimitReached);
}

TEST_F(MessageEncryptorTest, SendLetsMessagesOutInClearOnlyAtAHardLimitWhereNoNextKeyCanBeMade) {
  EncryptorOptions options = Options();
  options.failure_action = ProducerCryptoFailureAction::kSend;
  options.rotation.messages = options.rotation.hard_messages = 1;
  const auto encryptor = Make(std::move(options));
  Send(*encryptor);
  EXPECT_EQ(Refused(*encryptor).code(), absl::StatusCode::kUnavailable);  // the next key is being made
  EXPECT_EQ(encryptor->counters().messages_sent_in_clear, 0u);
  wrapper_->SetStatus("audit", absl::UnavailableError("down"));
  background_.RunDue();
  absl::StatusOr<Sealed> sealed = encryptor->Encrypt("clear", &out_, &fields_);
  ASSERT_TRUE(sealed.ok());
  EXPECT_FALSE(sealed->encrypted);
  EXPECT_EQ(sealed->payload, "clear");
  EXPECT_EQ(out_, "clear");
  EXPECT_EQ(sealed->fields, "");
  EXPECT_EQ(fields_, "");
  EXPECT_EQ(CountEvents(CryptoEvent::Kind::kSentInClear), 1u);
  EXPECT_EQ(encryptor->counters().messages_sent_in_clear, 1u);

  std::string out(100, '\0'), fields(500, '\0');
  const std::string payload = "clear again";
  sealed = encryptor->Encrypt(payload, absl::MakeSpan(out), absl::MakeSpan(fields));
  ASSERT_TRUE(sealed.ok());
  EXPECT_EQ(sealed->payload, payload);
  EXPECT_EQ(encryptor->Encrypt(payload, absl::MakeSpan(out).subspan(90), absl::MakeSpan(fields)).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(encryptor->Pin(1).status().code(), absl::StatusCode::kUnavailable);

  wrapper_->SetStatus("audit", absl::OkStatus());
  background_.Advance(seconds(2));
  Send(*encryptor);
  // One failure of the past doesn't count against the key that came after it.
  EXPECT_EQ(Refused(*encryptor).code(), absl::StatusCode::kUnavailable);
}

TEST_F(MessageEncryptorTest, TheDefaultBackgroundAndClockWorkWithEvents) {
  EncryptorOptions options = Options();
  options.background = Background();
  options.rotation.messages = options.rotation.hard_messages = 1;
  const auto encryptor = Make(std::move(options));
  wrapper_->SetStatus("audit", absl::UnavailableError("down"));
  Send(*encryptor);
  EXPECT_EQ(ReasonOf(Refused(*encryptor)), Reason::kLimitReached);
  EXPECT_EQ(CountEvents(CryptoEvent::Kind::kHardLimit), 1u);
}

TEST_F(MessageEncryptorTest, FailedAttemptsAreTriedAgainLaterAndLater) {
  EncryptorOptions options = Options();
  options.rotation.messages = 2;
  const auto encryptor = Make(std::move(options));
  wrapper_->SetStatus("orders", absl::UnavailableError("down"));
  for (int i = 0; i < 3; ++i) Send(*encryptor);
  background_.RunDue();
  EXPECT_EQ(encryptor->counters().rotations_failed, 1u);
  background_.Advance(milliseconds(999));
  EXPECT_EQ(encryptor->counters().rotations_failed, 1u);
  background_.Advance(milliseconds(501));  // 1 s and up to half of it
  EXPECT_EQ(encryptor->counters().rotations_failed, 2u);
  background_.Advance(milliseconds(1999));
  EXPECT_EQ(encryptor->counters().rotations_failed, 2u);
  background_.Advance(milliseconds(1001));
  EXPECT_EQ(encryptor->counters().rotations_failed, 3u);
  wrapper_->SetStatus("orders", absl::OkStatus());
  background_.Advance(seconds(6));
  EXPECT_EQ(encryptor->counters().rotations, 2u);
  background_.Advance(hours(1));
  EXPECT_EQ(encryptor->counters().rotations, 2u);
}

TEST_F(MessageEncryptorTest, AWrapperThatNeverAnswersDelaysNoMessage) {
  EncryptorOptions options = Options();
  options.rotation.messages = 2;
  const auto encryptor = Make(std::move(options));
  const std::string first = Send(*encryptor).data_key;
  wrapper_->SetManner(FakeKeyWrapper::Manner::kNever);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(Send(*encryptor).data_key, first);
    background_.RunDue();
  }
  background_.Advance(seconds(5));  // key_timeout
  EXPECT_EQ(encryptor->counters().rotations_failed, 1u);
  wrapper_->SetManner(FakeKeyWrapper::Manner::kInside);
  background_.Advance(seconds(2));
  EXPECT_NE(Send(*encryptor).data_key, first);
}

TEST_F(MessageEncryptorTest, BackgroundWorkThatTheExecutorLosesIsAskedForAgainByLaterMessages) {
  bool throws = false;
  EncryptorOptions options = Options();
  options.rotation.messages = 2;
  options.rotation.hard_messages = 100;
  options.background.executor = [&throws, executor = options.background.executor](auto delay, auto work) {
    if (throws) throw std::runtime_error("the queue is full");
    executor(delay, std::move(work));
  };
  const auto encryptor = Make(std::move(options));
  const std::string first = Send(*encryptor).data_key;
  throws = true;
  Send(*encryptor);
  throws = false;
  background_.Advance(seconds(64));  // key_timeout, and all but a second of a minute
  EXPECT_EQ(Send(*encryptor).data_key, first);
  background_.Advance(seconds(1));
  Send(*encryptor);
  background_.RunDue();
  EXPECT_NE(Send(*encryptor).data_key, first);

  throws = true;
  while (encryptor->Encrypt("x", &out_, &fields_).ok()) {
  }
  throws = false;
  background_.Advance(seconds(65));
  EXPECT_EQ(ReasonOf(Refused(*encryptor)), Reason::kLimitReached);  // and asks for a key
  EXPECT_THAT(std::string(Refused(*encryptor).message()), HasSubstr("the background did not"));
  background_.RunDue();
  Send(*encryptor);
}

TEST_F(MessageEncryptorTest, AChangeThatTheExecutorLosesHoldsUpNoOther) {
  bool throws = false;
  EncryptorOptions options = Options();
  options.key_timeout = milliseconds(50);
  options.background.executor = [&throws, executor = options.background.executor](auto delay, auto work) {
    if (throws) throw std::runtime_error("the queue is full");
    executor(delay, std::move(work));
  };
  const auto encryptor = Make(std::move(options));
  encryptor->SetKeyNamesAsync({"lost"}, [](const absl::Status&) { ADD_FAILURE() << "its work was lost"; });
  throws = true;
  background_.RunDue();  // takes its turn, and can't go on
  throws = false;
  EXPECT_TRUE(encryptor->SetKeyNames({"billing"}).ok());
  EXPECT_THAT(Send(*encryptor).key_names, ElementsAre("billing"));
}

TEST_F(MessageEncryptorTest, AnAgeTimerThatTheExecutorLosesIsSetAgainWithTheNextKey) {
  EncryptorOptions options = Options();
  options.rotation.age = hours(4);
  const auto encryptor = Make(std::move(options));
  background_.DropAll();
  background_.SetNow(background_.now() + hours(4) + seconds(61));
  ASSERT_TRUE(encryptor->Rotate().ok());
  EXPECT_EQ(background_.waiting(), 1u);
  background_.Advance(hours(4));
  EXPECT_EQ(encryptor->counters().rotations, 3u);
}

TEST_F(MessageEncryptorTest, AnExecutorThatRunsWorkInsideTheCallIsSlowButBreaksNothing) {
  EncryptorOptions options = Options();
  options.rotation.messages = 3;
  options.background.executor = [executor = options.background.executor](auto delay, auto work) {
    if (delay > seconds(0)) return executor(delay, std::move(work));
    work();
  };
  const auto encryptor = Make(std::move(options));
  const std::string first = Send(*encryptor).data_key;
  EXPECT_EQ(Send(*encryptor).data_key, first);
  EXPECT_NE(Send(*encryptor).data_key, first) << "the next key took over while this message was being encrypted";
  absl::Status answer = absl::UnknownError("not called");
  encryptor->SetKeyNamesAsync({"billing"}, [&answer](absl::Status status) { answer = std::move(status); });
  EXPECT_TRUE(answer.ok()) << answer;
  EXPECT_THAT(Send(*encryptor).key_names, ElementsAre("billing"));
}

TEST_F(MessageEncryptorTest, EventsNeedNoInjectedClock) {
  EncryptorOptions options = Options();
  options.background = Background();
  options.rotation.messages = options.rotation.hard_messages = 1;
  const auto encryptor = Make(std::move(options));
  wrapper_->SetManner(FakeKeyWrapper::Manner::kNever);
  Send(*encryptor);
  EXPECT_EQ(ReasonOf(Refused(*encryptor)), Reason::kLimitReached);
  EXPECT_EQ(CountEvents(CryptoEvent::Kind::kHardLimit), 1u);
}

TEST_F(MessageEncryptorTest, AKeyTimeoutMayBeAsLongAsItsTypeAllows) {
  EncryptorOptions options = Options();
  options.key_timeout = milliseconds::max();
  const auto encryptor = Make(std::move(options));
  ASSERT_NE(encryptor, nullptr);
  wrapper_->SetManner(FakeKeyWrapper::Manner::kHeld);
  absl::Status answer = absl::UnknownError("not called");
  encryptor->RotateAsync([&answer](absl::Status status) { answer = std::move(status); });
  background_.RunDue();
  EXPECT_EQ(answer.message(), "not called");
  wrapper_->Release();
  background_.RunDue();
  wrapper_->Release();
  background_.RunDue();
  EXPECT_TRUE(answer.ok()) << answer;
}

TEST_F(MessageEncryptorTest, AKeyTimeoutMayBeTiny) {
  EncryptorOptions options = Options();
  options.key_timeout = milliseconds(1);
  ASSERT_NE(Make(options), nullptr) << "a wrapper that answers inside the call is in time";
  wrapper_->SetManner(FakeKeyWrapper::Manner::kNever);
  EXPECT_EQ(MessageEncryptor::Create(options).status().code(), absl::StatusCode::kDeadlineExceeded);
}

// ---- recipients

TEST_F(MessageEncryptorTest, SetKeyNamesTakesEffectBeforeItReturnsAlwaysWithANewDataKey) {
  const auto encryptor = Make(Options());
  const std::string first = Send(*encryptor).data_key;
  ASSERT_TRUE(encryptor->SetKeyNames({"audit", "billing"}).ok());
  const OpenedMessage later = Send(*encryptor);
  EXPECT_THAT(later.key_names, ElementsAre("audit", "billing"));
  EXPECT_NE(later.data_key, first);
  ASSERT_TRUE(encryptor->SetKeyNames({"audit", "billing"}).ok());
  EXPECT_NE(Send(*encryptor).data_key, later.data_key);
}

TEST_F(MessageEncryptorTest, SetKeyNamesIsAllOrNothing) {
  const auto encryptor = Make(Options());
  const std::string first = Send(*encryptor).data_key;
  wrapper_->SetStatus("missing", absl::NotFoundError("none"));
  EXPECT_EQ(encryptor->SetKeyNames({"billing", "missing"}).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(encryptor->SetKeyNames({}).code(), absl::StatusCode::kInvalidArgument);
  const OpenedMessage later = Send(*encryptor);
  EXPECT_THAT(later.key_names, ElementsAre("orders", "audit"));
  EXPECT_EQ(later.data_key, first);
}

TEST_F(MessageEncryptorTest, AKeyThatWasBeingPreparedForTheOldRecipientsIsNeverUsed) {
  EncryptorOptions options = Options();
  options.rotation.messages = 1;
  const auto encryptor = Make(std::move(options));
  Send(*encryptor);
  wrapper_->SetManner(FakeKeyWrapper::Manner::kHeld);
  background_.RunDue();
  ASSERT_EQ(wrapper_->held(), 2u);
  wrapper_->SetManner(FakeKeyWrapper::Manner::kInside);
  ASSERT_TRUE(encryptor->SetKeyNames({"billing"}).ok());
  wrapper_->Release();
  EXPECT_THAT(Send(*encryptor).key_names, ElementsAre("billing"));
}

TEST_F(MessageEncryptorTest, RotateMakesANewDataKeyForTheSameNames) {
  const auto encryptor = Make(Options());
  const std::string first = Send(*encryptor).data_key;
  ASSERT_TRUE(encryptor->Rotate().ok());
  const OpenedMessage later = Send(*encryptor);
  EXPECT_NE(later.data_key, first);
  EXPECT_THAT(later.key_names, ElementsAre("orders", "audit"));
}

TEST_F(MessageEncryptorTest, AnEventMayAskForAChangeInTurn) {
  EncryptorOptions options = Options();
  MessageEncryptor* object = nullptr;
  absl::Status inner = absl::UnknownError("not called");
  options.on_event = [&](const CryptoEvent&) {
    if (object != nullptr) inner = std::exchange(object, nullptr)->Rotate();
  };
  const auto encryptor = Make(std::move(options));
  object = encryptor.get();
  EXPECT_TRUE(encryptor->Rotate().ok());
  EXPECT_TRUE(inner.ok()) << inner;
}

TEST_F(MessageEncryptorTest, AnEndlessTimeOutIsNoShortOne) {
  EncryptorOptions options = Options();
  options.key_timeout = milliseconds::max();
  options.rotation.messages = 1;
  const auto encryptor = Make(std::move(options));
  wrapper_->SetManner(FakeKeyWrapper::Manner::kHeld);
  Send(*encryptor);
  background_.RunDue();
  EXPECT_EQ(encryptor->counters().rotations_failed, 0u);
  wrapper_->Release();
  EXPECT_EQ(encryptor->counters().rotations, 2u);
}

TEST_F(MessageEncryptorTest, AsynchronousChangesTakeTurnsAndAnswerInTheBackground) {
  const auto encryptor = Make(Options());
  wrapper_->SetManner(FakeKeyWrapper::Manner::kHeld);
  std::vector<std::string> answers;
  encryptor->SetKeyNamesAsync({"first"}, [&](absl::Status status) { answers.push_back("first " + status.ToString()); });
  encryptor->SetKeyNamesAsync({"second"},
                              [&](absl::Status status) { answers.push_back("second " + status.ToString()); });
  encryptor->RotateAsync([&](absl::Status status) { answers.push_back("rotate " + status.ToString()); });
  EXPECT_EQ(wrapper_->held(), 0u);
  while (answers.size() < 3) {
    background_.RunDue();
    EXPECT_LE(wrapper_->held(), 1u);
    wrapper_->Release();
  }
  EXPECT_THAT(answers, ElementsAre("first OK", "second OK", "rotate OK"));
  EXPECT_THAT(Send(*encryptor).key_names, ElementsAre("second"));
}

TEST_F(MessageEncryptorTest, AnAsynchronousChangeThatTimesOutLetsTheNextOneGoOn) {
  const auto encryptor = Make(Options());
  wrapper_->SetManner(FakeKeyWrapper::Manner::kNever);
  absl::Status first, second = absl::UnknownError("not called");
  encryptor->RotateAsync([&](absl::Status status) { first = std::move(status); });
  background_.RunDue();
  wrapper_->SetManner(FakeKeyWrapper::Manner::kInside);
  encryptor->SetKeyNamesAsync({"later"}, [&](absl::Status status) { second = std::move(status); });
  background_.RunDue();
  EXPECT_EQ(second.message(), "not called");
  background_.Advance(seconds(5));
  EXPECT_EQ(first.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(second.ok()) << second;
}

TEST_F(MessageEncryptorTest, AChangeThatWaitsForItsTurnInVainGivesUp) {
  EncryptorOptions options = Options();
  options.key_timeout = milliseconds(50);
  const auto encryptor = Make(std::move(options));
  wrapper_->SetManner(FakeKeyWrapper::Manner::kNever);
  encryptor->RotateAsync([](const absl::Status&) {});
  background_.RunDue();
  wrapper_->SetManner(FakeKeyWrapper::Manner::kInside);
  EXPECT_EQ(encryptor->Rotate().code(), absl::StatusCode::kDeadlineExceeded);
  background_.Advance(
      milliseconds(50));  // ends the one that holds the turn; the turn is handed past the one that gave up
  EXPECT_TRUE(encryptor->Rotate().ok());
}

// ---- pins

TEST_F(MessageEncryptorTest, APinKeepsItsDataKeyAcrossASoftRotation) {
  EncryptorOptions options = Options();
  options.rotation.messages = 4;
  const auto encryptor = Make(std::move(options));
  const auto pin = encryptor->Pin(3);
  ASSERT_TRUE(pin.ok());
  std::string out(100, '\0'), fields(pin->fields_size(), '\0');
  std::set<std::string> keys, nonces;
  const auto encrypt = [&] {
    const auto sealed = encryptor->Encrypt(*pin, "chunk", absl::MakeSpan(out), absl::MakeSpan(fields));
    ASSERT_TRUE(sealed.ok()) << sealed.status();
    EXPECT_EQ(sealed->fields.size(), pin->fields_size());
    const OpenedMessage opened = OpenMessage(*sealed);
    EXPECT_EQ(opened.plaintext, "chunk");
    keys.insert(opened.data_key);
    nonces.insert(opened.nonce);
  };
  encrypt();
  nonces.insert(Send(*encryptor).nonce);
  background_.RunDue();
  EXPECT_EQ(encryptor->counters().rotations, 2u);
  encrypt();
  encrypt();
  EXPECT_EQ(keys.size(), 1u);
  EXPECT_EQ(nonces.size(), 4u);
  const auto fourth = encryptor->Encrypt(*pin, "chunk", absl::MakeSpan(out), absl::MakeSpan(fields));
  EXPECT_EQ(fourth.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(fourth.status()), Reason::kMisuse);
}

TEST_F(MessageEncryptorTest, APinEndsWithItsRecipients) {
  const auto encryptor = Make(Options());
  std::string out(100, '\0'), fields(encryptor->fields_size(), '\0');
  const auto use = [&](const PinnedKey& pin) {
    return encryptor->Encrypt(pin, "chunk", absl::MakeSpan(out), absl::MakeSpan(fields)).status();
  };
  const auto before_names = encryptor->Pin(2);
  ASSERT_TRUE(encryptor->SetKeyNames({"audit"}).ok());
  EXPECT_EQ(use(*before_names).code(), absl::StatusCode::kFailedPrecondition);
  const auto before_rotate = encryptor->Pin(2);
  EXPECT_TRUE(use(*before_rotate).ok());
  ASSERT_TRUE(encryptor->Rotate().ok());
  EXPECT_EQ(use(*before_rotate).code(), absl::StatusCode::kFailedPrecondition);
  const auto before_hard_age = encryptor->Pin(2);
  background_.SetNow(background_.now() + hours(24));
  EXPECT_EQ(use(*before_hard_age).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(MessageEncryptorTest, APinOfAnotherEncryptorOrOfNoneIsMisuse) {
  const auto one = Make(Options()), other = Make(Options());
  std::string out(100, '\0'), fields(500, '\0');
  const auto pin = one->Pin(1);
  for (const PinnedKey& wrong : {*pin, PinnedKey()}) {
    const auto sealed = other->Encrypt(wrong, "chunk", absl::MakeSpan(out), absl::MakeSpan(fields));
    EXPECT_EQ(sealed.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(ReasonOf(sealed.status()), Reason::kMisuse);
  }
  EXPECT_EQ(PinnedKey().fields_size(), 0u);
}

TEST_F(MessageEncryptorTest, PinsDrawOnTheHardLimits) {
  EncryptorOptions options = Options();
  options.rotation.messages = options.rotation.hard_messages = 10;
  options.rotation.bytes = options.rotation.hard_bytes = 10;
  const auto encryptor = Make(std::move(options));
  EXPECT_EQ(encryptor->Pin(0).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(encryptor->Pin(1000001).status().code(), absl::StatusCode::kInvalidArgument);
  const auto pin = encryptor->Pin(9);
  ASSERT_TRUE(pin.ok());
  std::string out(100, '\0'), fields(500, '\0');
  EXPECT_TRUE(encryptor->Encrypt(*pin, "12345678", absl::MakeSpan(out), absl::MakeSpan(fields)).ok());
  EXPECT_EQ(encryptor->Encrypt(*pin, "9ab", absl::MakeSpan(out), absl::MakeSpan(fields)).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(encryptor->counters().messages_refused, 1u);
  background_.RunDue();
  EXPECT_EQ(encryptor->Pin(11).status().code(), absl::StatusCode::kInvalidArgument);  // no data key could hold them
  EXPECT_TRUE(encryptor->Pin(10).ok());
  EXPECT_EQ(encryptor->Pin(1).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(MessageEncryptorTest, APinMayOutliveItsEncryptor) {
  auto encryptor = Make(Options());
  const auto pin = encryptor->Pin(2);
  encryptor.reset();
  EXPECT_GT(pin->fields_size(), 0u);
}

// ---- random nonces, key metadata

TEST_F(MessageEncryptorTest, RandomNoncesAreNotCounters) {
  EncryptorOptions options = Options();
  options.random_nonces = true;
  const auto encryptor = Make(std::move(options));
  std::set<std::string> nonces, tails;
  for (int i = 0; i < 100; ++i) {
    const std::string nonce = Send(*encryptor).nonce;
    nonces.insert(nonce);
    tails.insert(nonce.substr(4, 7));
  }
  EXPECT_EQ(nonces.size(), 100u);
  EXPECT_GT(tails.size(), 90u);  // a counter's high bytes would all be zero
}

TEST_F(MessageEncryptorTest, RandomNoncesAreThoseOfChunksToo) {
  EncryptorOptions options = Options();
  options.random_nonces = true;
  const auto encryptor = Make(std::move(options));
  const auto pin = encryptor->Pin(50);
  ASSERT_TRUE(pin.ok());
  std::string out(100, '\0'), fields(pin->fields_size(), '\0');
  std::set<std::string> nonces, tails;
  for (int i = 0; i < 50; ++i) {
    const auto sealed = encryptor->Encrypt(*pin, "chunk", absl::MakeSpan(out), absl::MakeSpan(fields));
    ASSERT_TRUE(sealed.ok()) << sealed.status();
    const std::string nonce = OpenMessage(*sealed).nonce;
    nonces.insert(nonce);
    tails.insert(nonce.substr(4, 7));
  }
  EXPECT_EQ(nonces.size(), 50u);
  EXPECT_GT(tails.size(), 40u);
}

// ---- the end

TEST_F(MessageEncryptorTest, AnAnswerThatWaitsInTheExecutorIsDroppedAtTheEnd) {
  auto encryptor = Make(Options());
  wrapper_->SetManner(FakeKeyWrapper::Manner::kHeld);
  encryptor->RotateAsync([](const absl::Status&) { ADD_FAILURE() << "called after destruction"; });
  background_.RunDue();
  wrapper_->SetManner(FakeKeyWrapper::Manner::kInside);
  wrapper_->Release();
  encryptor.reset();
  background_.RunDue();
}

TEST_F(MessageEncryptorTest, NoEventBeginsAfterTheEndEvenWhereItsCauseCameBefore) {
  std::unique_ptr<MessageEncryptor> encryptor;
  bool end_now = false;
  EncryptorOptions options = Options();
  options.rotation.messages = 1;
  options.background.clock = [&, clock = options.background.clock] {
    if (std::exchange(end_now, false)) encryptor.reset();  // in the middle of telling
    return clock();
  };
  encryptor = Make(std::move(options));
  Send(*encryptor);
  wrapper_->SetStatus("orders", absl::UnavailableError("down"));
  wrapper_->SetManner(FakeKeyWrapper::Manner::kHeld);
  background_.RunDue();
  end_now = true;
  wrapper_->Release();
  EXPECT_EQ(encryptor, nullptr);
  EXPECT_EQ(CountEvents(CryptoEvent::Kind::kRotationFailed), 0u);
}

TEST_F(MessageEncryptorTest, NothingIsCalledAfterDestruction) {
  EncryptorOptions options = Options();
  options.rotation.messages = 1;
  auto encryptor = Make(std::move(options));
  Send(*encryptor);
  wrapper_->SetManner(FakeKeyWrapper::Manner::kHeld);
  encryptor->RotateAsync([](const absl::Status&) { ADD_FAILURE() << "called after destruction"; });
  background_.RunDue();
  const size_t events = events_.size();
  encryptor.reset();
  wrapper_->SetManner(FakeKeyWrapper::Manner::kInside);
  wrapper_->Release();
  background_.Advance(hours(48));
  EXPECT_EQ(events_.size(), events);
  EXPECT_EQ(background_.waiting(), 0u);
}

TEST_F(MessageEncryptorTest, AWrapperThatOwesAnswersIsLetGoWithTheEncryptor) {
  EncryptorOptions options = Options();
  options.rotation.messages = 1;
  auto encryptor = Make(std::move(options));
  wrapper_->SetManner(FakeKeyWrapper::Manner::kNever);
  Send(*encryptor);
  encryptor->RotateAsync([](const absl::Status&) {});
  background_.RunDue();
  ASSERT_EQ(wrapper_->wraps(), 6u) << "two of Create, two of the limit, two of RotateAsync";
  const std::weak_ptr<FakeKeyWrapper> wrapper = wrapper_;
  encryptor.reset();
  background_.DropAll();
  wrapper_.reset();
  EXPECT_TRUE(wrapper.expired());
}

TEST_F(MessageEncryptorTest, APinKeepsNothingAliveButItsDataKey) {
  auto encryptor = Make(Options());
  const auto pin = encryptor->Pin(1);
  const std::weak_ptr<FakeKeyWrapper> wrapper = wrapper_;
  encryptor.reset();
  background_.DropAll();
  wrapper_.reset();
  EXPECT_TRUE(wrapper.expired());
}

// ---- own threads

TEST_F(MessageEncryptorTest, AWrapperThatNeverAnswersIsGivenUpWithTheEncryptor) {
  auto encryptor = Make(Options());
  wrapper_->SetManner(FakeKeyWrapper::Manner::kNever);
  const auto answered = std::make_shared<bool>(false);
  encryptor->RotateAsync([answered](const absl::Status&) { *answered = true; });
  background_.RunDue();
  encryptor.reset();
  background_.DropAll();
  EXPECT_EQ(answered.use_count(), 1);
  EXPECT_FALSE(*answered);
  const std::weak_ptr<FakeKeyWrapper> wrapper = std::exchange(wrapper_, nullptr);
  EXPECT_TRUE(wrapper.expired());
}

TEST_F(MessageEncryptorTest, EightThreadsAndManyRotationsNeverRepeatANonce) {
  EncryptorOptions options = Options();
  options.background = Background();
  options.rotation.messages = 500;
  options.on_event = nullptr;
  const auto encryptor = Make(std::move(options));
  constexpr int kThreads = 8, kMessages = 3000;
  std::vector<std::vector<std::pair<std::string, std::string>>> seen(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::string out, fields;
      for (int i = 0; i < kMessages; ++i) {
        const auto sealed = encryptor->Encrypt("message", &out, &fields);
        ASSERT_TRUE(sealed.ok()) << sealed.status();
        const auto context = ParseEncryptionContext(sealed->fields);
        seen[static_cast<size_t>(t)].emplace_back(context->keys[0].bytes, context->nonce);
        if (t == 0 && i % 500 == 250) {
          ASSERT_TRUE(encryptor->Rotate().ok());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::pair<std::string, std::string>> unique;
  for (const auto& of_thread : seen) unique.insert(of_thread.begin(), of_thread.end());
  EXPECT_EQ(unique.size(), static_cast<size_t>(kThreads) * kMessages);
  EXPECT_GE(encryptor->counters().rotations, 7u);
  EXPECT_EQ(encryptor->counters().messages_encrypted, static_cast<uint64_t>(kThreads) * kMessages);
}

TEST_F(MessageEncryptorTest, DestructionDoesNotWaitForAReaderThatIsStuck) {
  struct Gate {
    Mutex mutex;
    CondVar changed;
    bool open ABSL_GUARDED_BY(mutex) = false;
    std::atomic<bool> stuck{false};
  };
  const auto gate = std::make_shared<Gate>();
  EncryptorOptions options = Options();
  options.background = Background();
  options.rotation.messages = 1;
  auto encryptor = Make(std::move(options));
  wrapper_->SetBeforeCall([gate](const std::string&) {
    gate->stuck = true;
    MutexLock lock(gate->mutex);
    while (!gate->open) gate->changed.Wait(gate->mutex);
  });
  Send(*encryptor);
  while (!gate->stuck) Send(*encryptor);
  encryptor.reset();  // returns although the reader doesn't
  {
    MutexLock lock(gate->mutex);
    gate->open = true;
  }
  gate->changed.NotifyAll();
}

TEST_F(MessageEncryptorTest, MaintainDoesWhatIsDue) {
  ManualBackground time;
  EncryptorOptions options = Options();
  options.background = Background();
  options.background.mode = Background::Mode::kMaintain;
  options.background.clock = time.options().clock;
  options.rotation.age = seconds(10);
  const auto encryptor = Make(std::move(options));
  const std::string first = Send(*encryptor).data_key;
  time.SetNow(time.now() + seconds(10));
  EXPECT_EQ(Send(*encryptor).data_key, first);
  encryptor->Maintain();  // notices the age
  encryptor->Maintain();  // makes the key
  EXPECT_NE(Send(*encryptor).data_key, first);
}

}  // namespace
}  // namespace pulseal
