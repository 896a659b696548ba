// SPDX-License-Identifier: Apache-2.0
//
// The kernel gives no random bytes, at each of the calls that ask for some, or gives them bit by bit: whatever needed them
// fails with nothing left in its output, what has all it needs goes on, and all is well again afterwards.
#include <errno.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "lib/crypto/random.h"
#include "pulseal/message_decryptor.h"
#include "pulseal/message_encryptor.h"
#include "tests/support/counted.h"
#include "tests/support/each_aead.h"
#include "tests/support/events_told.h"
#include "tests/support/fake_key_wrapper.h"
#include "tests/support/manual_background.h"

namespace {

// Of the calls on this thread.
struct Kernel {
  bool fails = false;
  int until_it_fails = 0;  // so many calls still succeed
  bool is_stingy = false;  // one byte a call, and interrupted every other time
  int calls = 0;
};
thread_local Kernel kernel;

ssize_t Refuse(int error) {
  errno = error;
  return -1;
}

}  // namespace

// In the place of the C library's.
extern "C" ssize_t getrandom(void* out, size_t size, unsigned int flags) {
  ++kernel.calls;
  if (kernel.fails && kernel.until_it_fails-- <= 0) return Refuse(ENOSYS);
  if (kernel.is_stingy && kernel.calls % 2 == 0) return Refuse(EINTR);
  return syscall(SYS_getrandom, out, kernel.is_stingy ? std::min<size_t>(size, 1) : size, flags);
}

namespace pulseal {
namespace {

using std::chrono::seconds;
using testing::Counted;
using ::testing::ElementsAre;
using testing::FakeKeyWrapper;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::ManualBackground;
using testing::Told;

class NoRandomBytes {
 public:
  explicit NoRandomBytes(int after_calls = 0) { kernel = {/*fails=*/true, after_calls}; }
  ~NoRandomBytes() { kernel = {}; }
  NoRandomBytes(const NoRandomBytes&) = delete;
  NoRandomBytes& operator=(const NoRandomBytes&) = delete;
};

void ExpectKernelRefused(const absl::Status& status) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("getrandom(2) failed: Function not implemented"));
}

TEST(RandomFaults, NoFunctionMakesDoWithoutTheKernel) {
  std::string bytes(32, '\0');
  {
    const NoRandomBytes no_random_bytes;
    ExpectKernelRefused(crypto::FillFromKernel(absl::MakeSpan(bytes)));
    ExpectKernelRefused(crypto::ReseedGenerator(nullptr));
    ExpectKernelRefused(crypto::NewDataKey(nullptr).status());
  }
  EXPECT_TRUE(crypto::FillFromKernel(absl::MakeSpan(bytes)).ok());
  EXPECT_TRUE(crypto::ReseedGenerator(nullptr).ok());
  EXPECT_TRUE(crypto::NewDataKey(nullptr).ok());
}

TEST(RandomFaults, AStingyKernelIsAskedUntilAllBytesAreThere) {
  std::string bytes(64, '\0');
  kernel = {};
  kernel.is_stingy = true;
  EXPECT_EQ(crypto::FillFromKernel(absl::MakeSpan(bytes)), absl::OkStatus());
  EXPECT_GE(kernel.calls, 127);
  kernel = {};
  EXPECT_LT(std::count(bytes.begin(), bytes.end(), '\0'), 16);
  EXPECT_NE(bytes.substr(0, 32), bytes.substr(32));
}

class RandomFaultsOfMessages : public ::testing::TestWithParam<CipherBackend> {
 protected:
  RandomFaultsOfMessages() {
    to_.key_names = {"orders"};
    to_.key_wrapper = wrapper_;
    to_.background = background_.options();
    to_.cipher_backend = GetParam();
    to_.on_event = [this](const CryptoEvent& event) { events_.push_back(event); };
    from_.key_wrapper = wrapper_;
    from_.background = background_.options();
  }

  std::unique_ptr<MessageEncryptor> Make() {
    auto encryptor = *MessageEncryptor::Create(to_);
    EXPECT_THAT(Told(events_), ElementsAre("kRotated"));
    return encryptor;
  }

  void ExpectGoodMessage(MessageEncryptor& encryptor) {
    const absl::StatusOr<Sealed> sealed = encryptor.Encrypt("hello", &payload_, &fields_);
    ASSERT_TRUE(sealed.ok()) << sealed.status();
    ASSERT_TRUE(sealed->encrypted);
    std::string out;
    EXPECT_EQ((*MessageDecryptor::Create(from_))->Decrypt(fields_, payload_, &out).payload, "hello");
  }

  ManualBackground background_;
  std::shared_ptr<FakeKeyWrapper> wrapper_ = std::make_shared<FakeKeyWrapper>();
  std::vector<CryptoEvent> events_;
  EncryptorOptions to_;
  DecryptorOptions from_;
  std::string payload_, fields_;
};
INSTANTIATE_TEST_SUITE_P(, RandomFaultsOfMessages, testing::EachAead(), testing::AeadName);

TEST_P(RandomFaultsOfMessages, AMessageWithoutANonceIsRefusedAndItsOutputWiped) {
  to_.random_nonces = true;
  const auto encryptor = Make();
  ExpectGoodMessage(*encryptor);
  std::string out(5 + kTagSize, '?'), fields(encryptor->fields_size(), '?'),
      in_place = "hello" + std::string(kTagSize, '?');
  {
    const NoRandomBytes no_random_bytes;
    const absl::Status apart = encryptor->Encrypt("hello", absl::MakeSpan(out), absl::MakeSpan(fields)).status();
    EXPECT_EQ(apart.code(), absl::StatusCode::kInternal) << apart;
    EXPECT_EQ(out, std::string(out.size(), '\0'));

    const std::string_view payload(in_place.data(), 5);
    const absl::Status same = encryptor->Encrypt(payload, absl::MakeSpan(in_place), absl::MakeSpan(fields)).status();
    EXPECT_EQ(same.code(), absl::StatusCode::kInternal) << same;
    EXPECT_EQ(in_place, std::string(in_place.size(), '\0'));

    const absl::Status sized = encryptor->Encrypt("hello", &out, &fields).status();
    EXPECT_EQ(sized.code(), absl::StatusCode::kInternal) << sized;
    EXPECT_EQ(out + fields, "");
  }
  ExpectGoodMessage(*encryptor);
  EXPECT_EQ(Counted(encryptor->counters()),
            "messages_encrypted 2, bytes_encrypted 10, messages_refused 3, rotations 1");
  EXPECT_THAT(Told(events_), IsEmpty());
}

TEST_P(RandomFaultsOfMessages, AChunkWithoutANonceIsRefusedAndItsOutputWiped) {
  to_.random_nonces = true;
  const auto encryptor = Make();
  const PinnedKey pin = *encryptor->Pin(2);
  std::string out(5 + kTagSize, '?'), fields(pin.fields_size(), '?');
  {
    const NoRandomBytes no_random_bytes;
    const absl::Status status = encryptor->Encrypt(pin, "hello", absl::MakeSpan(out), absl::MakeSpan(fields)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << status;
    EXPECT_EQ(out, std::string(out.size(), '\0'));
  }
  EXPECT_TRUE(encryptor->Encrypt(pin, "hello", absl::MakeSpan(out), absl::MakeSpan(fields)).ok());
  EXPECT_EQ(Counted(encryptor->counters()), "messages_encrypted 1, bytes_encrypted 5, messages_refused 1, rotations 1");
  EXPECT_THAT(Told(events_), IsEmpty());
}

// Counters are all that it needs.
TEST_P(RandomFaultsOfMessages, AMessageWithACountedNonceNeedsNoRandomBytes) {
  const auto encryptor = Make();
  const NoRandomBytes no_random_bytes;
  for (int i = 0; i < 3; ++i) ExpectGoodMessage(*encryptor);
  EXPECT_EQ(kernel.calls, 0);
}

TEST_P(RandomFaultsOfMessages, NoDataKeyIsMadeAtWhicheverCallTheKernelRefuses) {
  int refused_at = 0;
  for (bool is_refused = true; is_refused; ++refused_at) {
    const NoRandomBytes no_random_bytes(refused_at);
    const absl::Status status = MessageEncryptor::Create(to_).status();
    is_refused = !status.ok();
    if (is_refused) ExpectKernelRefused(status);
    EXPECT_EQ(Told(events_), std::vector<std::string>(is_refused ? 0 : 1, "kRotated"));
  }
  EXPECT_GE(refused_at, 3) << "one call for the generators, one for the data key";

  to_.failure_action = ProducerCryptoFailureAction::kSend;
  const auto encryptor = Make();
  for (int at = 0; at < refused_at - 1; ++at) {
    const NoRandomBytes no_random_bytes(at);
    ExpectKernelRefused(encryptor->Rotate());
    ExpectKernelRefused(encryptor->SetKeyNames({"audit"}));
    ExpectGoodMessage(*encryptor);
  }
  EXPECT_EQ(encryptor->counters().messages_sent_in_clear, 0u);
  EXPECT_THAT(Told(events_), IsEmpty());
  EXPECT_TRUE(encryptor->Rotate().ok());
  ExpectGoodMessage(*encryptor);
  EXPECT_EQ(encryptor->counters().rotations, 2u);
  EXPECT_EQ(encryptor->counters().rotations_failed, 2u * static_cast<uint64_t>(refused_at - 1));
  EXPECT_THAT(Told(events_), ElementsAre("kRotated"));
}

TEST_P(RandomFaultsOfMessages, TheNextDataKeyIsTriedForAgainAndNothingLeavesInClear) {
  to_.failure_action = ProducerCryptoFailureAction::kSend;
  to_.rotation.messages = 1;
  to_.rotation.hard_messages = 2;
  const auto encryptor = Make();
  {
    const NoRandomBytes no_random_bytes;
    ExpectGoodMessage(*encryptor);
    EXPECT_THAT(Told(events_), ElementsAre("kRotationFailed INTERNAL"));
    ExpectGoodMessage(*encryptor);
    const absl::Status status = encryptor->Encrypt("hello", &payload_, &fields_).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("getrandom(2) failed"));
    EXPECT_EQ(payload_ + fields_, "");
    EXPECT_THAT(Told(events_), ElementsAre("kHardLimit UNAVAILABLE"));
    background_.Advance(seconds(1));  // the retry, which is not put off by chance either
    EXPECT_THAT(Told(events_), ElementsAre("kRotationFailed INTERNAL"));
  }
  background_.Advance(seconds(3));
  EXPECT_THAT(Told(events_), ElementsAre("kRotated"));
  ExpectGoodMessage(*encryptor);
  EXPECT_EQ(Counted(encryptor->counters()),
            "messages_encrypted 3, bytes_encrypted 15, messages_refused 1, rotations 2, rotations_failed 2");
}

}  // namespace
}  // namespace pulseal
