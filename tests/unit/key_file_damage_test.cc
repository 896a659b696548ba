// SPDX-License-Identifier: Apache-2.0
//
// What becomes of messages where a key file is no key for a while: between two reads of it, whatever was cached.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "pulseal/key_readers.h"
#include "pulseal/message_decryptor.h"
#include "pulseal/message_encryptor.h"
#include "tests/support/manual_background.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_keys.h"

namespace pulseal {
namespace {

using ::testing::HasSubstr;
using testing::ManualBackground;
using testing::TempFolder;
using testing::TestKey;

struct Damage {
  const char* what;
  std::function<void(const TempFolder& folder, const std::string& file)> inflict;
};

const std::vector<Damage>& Damages() {
  static const auto& damages = *new std::vector<Damage>{
      {"deleted", [](const TempFolder& folder, const std::string& file) { folder.Remove(file); }},
      {"empty", [](const TempFolder& folder, const std::string& file) { folder.Write(file, ""); }},
      {"cut off",
       [](const TempFolder& folder, const std::string& file) {
         folder.Write(file, TestKey("p-256." + file.substr(7)).substr(0, 100));
       }},
      {"another key",
       [](const TempFolder& folder, const std::string& file) { folder.Write(file, "-----BEGIN PGP-----\n"); }},
      {"enormous", [](const TempFolder& folder,
                      const std::string& file) { folder.Write(file, std::string(kMaxKeyFileSize + 1, 'x')); }},
      {"a FIFO",
       [](const TempFolder& folder, const std::string& file) {
         folder.Remove(file);
         ASSERT_EQ(mkfifo((folder / file).c_str(), 0600), 0);
       }},
      {"a folder",
       [](const TempFolder& folder, const std::string& file) {
         folder.Remove(file);
         folder.MakeFolder(file);
       }},
      {"a link that leads nowhere",
       [](const TempFolder& folder, const std::string& file) { folder.Link(file, "nowhere"); }},
      {"a link to itself", [](const TempFolder& folder, const std::string& file) { folder.Link(file, file); }},
  };
  return damages;
}

class KeyFileDamage : public ::testing::Test {
 protected:
  KeyFileDamage() {
    Mend(kPublic);
    Mend(kPrivate);
    to_.key_names = {"orders"};
    to_.key_reader = from_.key_reader = KeyDirectory(folder_.path());
    to_.background = from_.background = background_.options();
    encryptor_ = *MessageEncryptor::Create(to_);
    decryptor_ = *MessageDecryptor::Create(from_);
  }

  void Mend(const std::string& file) {
    folder_.Remove(file);
    folder_.Write(file, TestKey("p-256." + file.substr(7)));
  }

  Decision Decrypt() {
    background_.Advance(std::chrono::seconds(2));  // failures are forgotten within a second of a change
    return decryptor_->Decrypt(fields_, payload_, &out_);
  }

  static constexpr char kPublic[] = "orders.public.pem", kPrivate[] = "orders.private.pem";
  TempFolder folder_;
  ManualBackground background_;
  EncryptorOptions to_;
  DecryptorOptions from_;
  std::unique_ptr<MessageEncryptor> encryptor_;
  std::unique_ptr<MessageDecryptor> decryptor_;
  std::string payload_, fields_, out_;
};

TEST_F(KeyFileDamage, OfAPrivateKeyIsToldByItsNameAndOverWhenItIsMended) {
  for (const Damage& damage : Damages()) {
    SCOPED_TRACE(damage.what);
    ASSERT_TRUE(encryptor_->Rotate().ok());
    ASSERT_TRUE(encryptor_->Encrypt("hello", &payload_, &fields_).ok());
    damage.inflict(folder_, kPrivate);
    for (int i = 0; i < 2; ++i) {
      const Decision decision = Decrypt();
      EXPECT_EQ(decision.action, Decision::Action::kFail);
      EXPECT_THAT(std::string(decision.status.message()), HasSubstr("private key \"orders\": "));
      EXPECT_EQ(out_, "");
    }
    Mend(kPrivate);
    const Decision decision = Decrypt();
    EXPECT_EQ(decision.payload, "hello") << decision.status;
  }
}

TEST_F(KeyFileDamage, OfAPublicKeyStopsNoMessageUntilItIsMended) {
  for (const Damage& damage : Damages()) {
    SCOPED_TRACE(damage.what);
    damage.inflict(folder_, kPublic);
    const absl::Status status = encryptor_->Rotate();
    EXPECT_FALSE(status.ok());
    EXPECT_THAT(std::string(status.message()), HasSubstr("public key \"orders\": "));
    ASSERT_TRUE(encryptor_->Encrypt("hello", &payload_, &fields_).ok());
    EXPECT_EQ(Decrypt().payload, "hello");
    Mend(kPublic);
    EXPECT_EQ(encryptor_->Rotate(), absl::OkStatus());
    ASSERT_TRUE(encryptor_->Encrypt("hello", &payload_, &fields_).ok());
    EXPECT_EQ(Decrypt().payload, "hello");
  }
  EXPECT_EQ(encryptor_->counters().rotations_failed, Damages().size());
}

}  // namespace
}  // namespace pulseal
