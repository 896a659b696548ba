// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "lib/mutex.h"
#include "pulseal/message_encryptor.h"
#include "tests/support/encryptor_fixture.h"
#include "tests/support/fake_key_wrapper.h"

namespace pulseal {
namespace {

using std::chrono::hours;
using testing::FakeKeyWrapper;
using testing::MessageEncryptorTest;

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

}  // namespace
}  // namespace pulseal
