// SPDX-License-Identifier: Apache-2.0
//
// What becomes of messages where a key file is no key for a while, or another one: one message before, two meanwhile, one
// when it is mended; each with what is counted and told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "pulseal/error.h"
#include "pulseal/key_readers.h"
#include "pulseal/message_decryptor.h"
#include "pulseal/message_encryptor.h"
#include "tests/support/counted.h"
#include "tests/support/events_told.h"
#include "tests/support/manual_background.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_keys.h"

namespace {

std::atomic<bool> reads_fail{false};

}  // namespace

// The linker puts these in the place of read(2) (see CMakeLists.txt).
extern "C" ssize_t __real_read(int file, void* bytes, size_t size);
extern "C" ssize_t __wrap_read(int file, void* bytes, size_t size) {
  if (!reads_fail.load()) return __real_read(file, bytes, size);
  errno = EIO;
  return -1;
}

namespace pulseal {
namespace {

using testing::Counted;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::ManualBackground;
using testing::TempFolder;
using testing::TestKey;
using testing::Told;

struct Damage {
  const char* what;
  absl::StatusCode code;
  Reason reason;
  const char* counter;  // DecryptorCounters
  std::function<void(const TempFolder& folder, const std::string& file)> inflict;
};

std::ostream& operator<<(std::ostream& stream, const Damage& damage) { return stream << damage.what; }

constexpr auto kNotFound = absl::StatusCode::kNotFound, kUnusable = absl::StatusCode::kFailedPrecondition,
               kUnavailable = absl::StatusCode::kUnavailable;

const std::vector<Damage>& Damages() {
  static const auto& damages = *new std::vector<Damage>{
      {"Deleted", kNotFound, Reason::kKeyNotFound, "key_not_found",
       [](const TempFolder& folder, const std::string& file) { folder.Remove(file); }},
      {"Empty", kUnusable, Reason::kKeyUnusable, "key_unusable",
       [](const TempFolder& folder, const std::string& file) { folder.Write(file, ""); }},
      {"CutOff", kUnusable, Reason::kKeyUnusable, "key_unusable",
       [](const TempFolder& folder, const std::string& file) {
         folder.Write(file, TestKey("rsa-2048." + file.substr(7)).substr(0, 100));
       }},
      {"OfAnotherKind", kUnusable, Reason::kKeyUnusable, "key_unusable",
       [](const TempFolder& folder, const std::string& file) { folder.Write(file, "-----BEGIN PGP-----\n"); }},
      {"Enormous", kUnusable, Reason::kKeyUnusable, "key_unusable",
       [](const TempFolder& folder, const std::string& file) {
         folder.Write(file, std::string(kMaxKeyFileSize + 1, 'x'));
       }},
      {"AFifo", kUnusable, Reason::kKeyUnusable, "key_unusable",
       [](const TempFolder& folder, const std::string& file) {
         folder.Remove(file);
         ASSERT_EQ(mkfifo((folder / file).c_str(), 0600), 0);
       }},
      {"AFolder", kUnusable, Reason::kKeyUnusable, "key_unusable",
       [](const TempFolder& folder, const std::string& file) {
         folder.Remove(file);
         folder.MakeFolder(file);
       }},
      {"ALinkThatLeadsNowhere", kNotFound, Reason::kKeyNotFound, "key_not_found",
       [](const TempFolder& folder, const std::string& file) { folder.Link(file, "nowhere"); }},
      {"ALinkToItself", kUnusable, Reason::kKeyUnusable, "key_unusable",
       [](const TempFolder& folder, const std::string& file) { folder.Link(file, file); }},
      {"WithoutPermission", kUnavailable, Reason::kKeyServiceUnavailable, "key_unavailable",
       [](const TempFolder& folder, const std::string& file) {
         constexpr uid_t kNobody = 65534;
         ASSERT_EQ(chmod((folder / file).c_str(), 0000) | chmod(folder.path().c_str(), 0755), 0);
         if (geteuid() == 0 && seteuid(kNobody) != 0) GTEST_SKIP() << "root that can't become another user";
       }},
      {"Unreadable", kUnavailable, Reason::kKeyServiceUnavailable, "key_unavailable",
       [](const TempFolder&, const std::string&) { reads_fail = true; }},
  };
  return damages;
}

class KeyFileDamage : public ::testing::TestWithParam<Damage> {
 protected:
  KeyFileDamage() {
    Mend(kPublic);
    Mend(kPrivate);
    const std::string path = folder_.path();
    EncryptorOptions to;
    to.key_names = {"orders"};
    to.key_reader = KeyDirectory(path);
    to.background = background_.options();
    to.on_event = [this](const CryptoEvent& event) { told_to_producer_.push_back(event); };
    to.rotation.messages = 1;
    to.rotation.hard_messages = 2;
    encryptor_ = *MessageEncryptor::Create(to);
    DecryptorOptions from;
    from.key_reader = KeyDirectory(path);
    from.background = background_.options();
    from.on_event = [this](const CryptoEvent& event) { told_to_consumer_.push_back(event); };
    decryptor_ = *MessageDecryptor::Create(from);
    EXPECT_THAT(Told(told_to_producer_), ElementsAre("kRotated"));
  }
  ~KeyFileDamage() override { EndFaults(); }

  void EndFaults() const {
    reads_fail = false;
    ASSERT_TRUE(!was_root_ || seteuid(0) == 0);
  }

  void Mend(const std::string& file, const std::string& key = "rsa-2048.") {
    EndFaults();
    folder_.Remove(file);
    folder_.Write(file, TestKey(key + file.substr(7)));
  }

  struct Message {
    std::string payload, fields;
  };
  Message Send() {
    Message message;
    const auto sealed = encryptor_->Encrypt("hello", &message.payload, &message.fields);
    EXPECT_TRUE(sealed.ok()) << sealed.status();
    return message;
  }
  Message SendWithNewDataKey() {
    EXPECT_EQ(encryptor_->Rotate(), absl::OkStatus());
    return Send();
  }
  Decision Decrypt(const Message& message) { return decryptor_->Decrypt(message.fields, message.payload, &out_); }
  // Long enough for a retry, for failures to be forgotten after a change, and for the next event.
  void Wait() { background_.Advance(std::chrono::seconds(2)); }

  static constexpr char kPublic[] = "orders.public.pem", kPrivate[] = "orders.private.pem";
  const bool was_root_ = geteuid() == 0;
  TempFolder folder_;
  ManualBackground background_;
  std::vector<CryptoEvent> told_to_producer_, told_to_consumer_;
  std::unique_ptr<MessageEncryptor> encryptor_;
  std::unique_ptr<MessageDecryptor> decryptor_;
  std::string out_;
};

TEST_P(KeyFileDamage, OfAPrivateKeyIsToldByItsNameAndOverWhenItIsMended) {
  const Message before = SendWithNewDataKey(), meanwhile = SendWithNewDataKey(), after = SendWithNewDataKey();
  EXPECT_EQ(Decrypt(before).payload, "hello");
  ASSERT_EQ(Counted(decryptor_->counters()), "messages_decrypted 1, bytes_decrypted 5, unwraps 1, keys_cached 1");

  GetParam().inflict(folder_, kPrivate);
  if (IsSkipped()) return;
  const bool is_for_now = GetParam().code == kUnavailable;
  for (int i = 0; i < 2; ++i) {
    const Decision decision = Decrypt(meanwhile);
    EXPECT_EQ(decision.action, Decision::Action::kFail);
    EXPECT_EQ(decision.status.code(), GetParam().code) << decision.status;
    EXPECT_EQ(decision.reason, GetParam().reason);
    EXPECT_EQ(decision.worth_asking_again, is_for_now);
    EXPECT_THAT(std::string(decision.status.message()), HasSubstr("private key \"orders\": "));
    EXPECT_EQ(out_, "");
  }
  EXPECT_EQ(Decrypt(before).payload, "hello") << "its data key is at hand";
  EXPECT_EQ(Counted(decryptor_->counters()),
            absl::StrCat("messages_decrypted 2, bytes_decrypted 10, messages_failed 2, ", GetParam().counter,
                         " 2, unwraps 1, keys_cached 1", is_for_now ? "" : ", failures_remembered 1"));
  EXPECT_THAT(Told(told_to_consumer_), ElementsAre(absl::StrCat(is_for_now ? "kKeyUnavailable" : "kKeyFailed",
                                                                " orders ", StatusCodeToString(GetParam().code))));

  Mend(kPrivate);
  Wait();
  EXPECT_EQ(Decrypt(meanwhile).payload, "hello");
  EXPECT_EQ(Decrypt(after).payload, "hello");
  EXPECT_EQ(Counted(decryptor_->counters()),
            absl::StrCat("messages_decrypted 4, bytes_decrypted 20, messages_failed 2, ", GetParam().counter,
                         " 2, unwraps 3, keys_cached 3"));
  EXPECT_THAT(Told(told_to_consumer_), IsEmpty());
}

TEST_P(KeyFileDamage, OfAPublicKeyStopsNoMessageUpToTheHardLimit) {
  const Message before = Send();
  EXPECT_EQ(Counted(encryptor_->counters()), "messages_encrypted 1, bytes_encrypted 5, rotations 1");

  GetParam().inflict(folder_, kPublic);
  if (IsSkipped()) return;
  background_.RunDue();  // the soft limit is reached: the next data key
  const std::string code(absl::StatusCodeToString(GetParam().code));
  EXPECT_THAT(Told(told_to_producer_), ElementsAre("kRotationFailed orders " + code));
  const Message meanwhile = Send();
  std::string out, fields;
  const absl::Status refused = encryptor_->Encrypt("hello", &out, &fields).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(refused), Reason::kLimitReached);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("public key \"orders\": "));
  EXPECT_EQ(out + fields, "");
  EXPECT_THAT(Told(told_to_producer_), ElementsAre("kHardLimit UNAVAILABLE"));
  EXPECT_EQ(encryptor_->Rotate().code(), GetParam().code);
  EXPECT_EQ(Counted(encryptor_->counters()),
            "messages_encrypted 2, bytes_encrypted 10, messages_refused 1, rotations 1, rotations_failed 2");

  Mend(kPublic);
  Wait();
  EXPECT_THAT(Told(told_to_producer_), ElementsAre("kRotated"));
  const Message after = Send();
  EXPECT_EQ(Counted(encryptor_->counters()),
            "messages_encrypted 3, bytes_encrypted 15, messages_refused 1, rotations 2, rotations_failed 2");
  for (const Message* message : {&before, &meanwhile, &after}) EXPECT_EQ(Decrypt(*message).payload, "hello");
  EXPECT_EQ(decryptor_->counters().unwraps, 2u);
  EXPECT_THAT(Told(told_to_producer_), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Every, KeyFileDamage, ::testing::ValuesIn(Damages()),
                         [](const auto& damage) { return std::string(damage.param.what); });

// A good key in the place of another one: of the same type, and of another.
class KeyFileReplaced : public KeyFileDamage {};

TEST_F(KeyFileReplaced, APrivateKeyByAnotherOpensNothingUntilItIsBack) {
  uint64_t replaced = 0;
  for (const char* another : {"rsa-2048-other.", "p-256."}) {
    SCOPED_TRACE(another);
    const DecryptorCounters at_first = decryptor_->counters();
    const Message before = SendWithNewDataKey(), meanwhile = SendWithNewDataKey();
    EXPECT_EQ(Decrypt(before).payload, "hello");
    Mend(kPrivate, another);
    for (int i = 0; i < 2; ++i) {
      const Decision decision = Decrypt(meanwhile);
      EXPECT_EQ(decision.action, Decision::Action::kFail);
      EXPECT_EQ(decision.status.code(), absl::StatusCode::kUnauthenticated) << decision.status;
      EXPECT_EQ(decision.reason, Reason::kUnwrapFailed);
      EXPECT_EQ(out_, "");
    }
    EXPECT_EQ(Decrypt(before).payload, "hello");
    EXPECT_THAT(Told(told_to_consumer_), ElementsAre("kKeyFailed orders UNAUTHENTICATED"));
    Mend(kPrivate);
    Wait();
    EXPECT_EQ(Decrypt(meanwhile).payload, "hello");
    const DecryptorCounters now = decryptor_->counters();
    EXPECT_EQ(now.messages_decrypted, at_first.messages_decrypted + 3);
    EXPECT_EQ(now.messages_failed, 2 * ++replaced);
    EXPECT_EQ(now.unwrap_failed, now.messages_failed);
    EXPECT_EQ(now.failures_remembered, 0u);
    EXPECT_THAT(Told(told_to_consumer_), IsEmpty());
  }
}

TEST_F(KeyFileReplaced, APublicKeyByAnotherIsUsedFromTheNextDataKeyOn) {
  const Message before = Send();
  Mend(kPublic, "rsa-2048-other.");
  const Message same_data_key = Send();
  background_.RunDue();
  EXPECT_THAT(Told(told_to_producer_), ElementsAre("kRotated"));
  const Message for_another = Send();
  EXPECT_EQ(Decrypt(before).payload, "hello");
  EXPECT_EQ(Decrypt(same_data_key).payload, "hello");
  EXPECT_EQ(Decrypt(for_another).reason, Reason::kUnwrapFailed);
  EXPECT_THAT(Told(told_to_consumer_), ElementsAre("kKeyFailed orders UNAUTHENTICATED"));

  Mend(kPublic);
  background_.RunDue();
  EXPECT_THAT(Told(told_to_producer_), ElementsAre("kRotated"));
  EXPECT_EQ(Decrypt(Send()).payload, "hello");
  EXPECT_EQ(Counted(encryptor_->counters()), "messages_encrypted 4, bytes_encrypted 20, rotations 3");
  EXPECT_EQ(decryptor_->counters().messages_failed, 1u);
}

}  // namespace
}  // namespace pulseal
