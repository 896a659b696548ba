// SPDX-License-Identifier: Apache-2.0
#include "pulseal/message_decryptor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "pulseal/encryption_metadata.h"
#include "pulseal/key_readers.h"
#include "tests/support/decryptor_fixture.h"
#include "tests/support/fake_key_wrapper.h"
#include "tests/support/made_message.h"

namespace pulseal {
namespace {

using testing::FakeKeyWrapper;
using testing::MadeMessage;
using testing::Seal;
using Action = Decision::Action;
using Failing = ConsumerCryptoFailureAction;
using ::testing::HasSubstr;
using ::testing::Not;

class DecryptMessage : public testing::DecryptorInBothForms {
 protected:
  // `message` fails for good, whatever the form, with the failure action applied.
  void ExpectNever(const MadeMessage& message, Reason reason, absl::StatusCode code) {
    const Decision decision = Decrypt(message);
    EXPECT_EQ(decision.action, Action::kFail);
    EXPECT_EQ(decision.reason, reason) << decision.status;
    EXPECT_EQ(ReasonOf(decision.status), reason);
    EXPECT_EQ(decision.status.code(), code) << decision.status;
    EXPECT_FALSE(decision.worth_asking_again);
    EXPECT_TRUE(decision.payload.empty());
    EXPECT_TRUE(decision.key_name.empty());
    EXPECT_THAT(out_, Not(HasSubstr("hello")));
  }
};
INSTANTIATE_TEST_SUITE_P(Forms, DecryptMessage, ::testing::Bool(), testing::FormName);

TEST_P(DecryptMessage, DeliversAndUnwrapsOnce) {
  const MadeMessage message = Seal("hello", {"orders"});
  for (int i = 0; i < 3; ++i) {
    const Decision decision = Decrypt(message);
    ASSERT_EQ(decision.action, Action::kDeliver) << decision.status;
    EXPECT_EQ(decision.payload, "hello");
    EXPECT_EQ(decision.payload.data(), out_.data());
    EXPECT_EQ(decision.key_name, "orders");
    EXPECT_TRUE(decision.was_encrypted);
    EXPECT_FALSE(decision.worth_asking_again);
    EXPECT_EQ(decision.reason, Reason::kNone);
    EXPECT_EQ(decision.num_messages, 1);
    EXPECT_TRUE(decision.status.ok());
  }
  EXPECT_EQ(wrapper_->unwraps(), 1u);
  const DecryptorCounters counters = decryptor().counters();
  EXPECT_EQ(counters.messages_decrypted, 3u);
  EXPECT_EQ(counters.bytes_decrypted, 15u);
  EXPECT_EQ(counters.unwraps, 1u);
  EXPECT_EQ(counters.keys_cached, 1u);
}

TEST_P(DecryptMessage, PointsToTheKeyNameInTheCallersMemory) {
  const MadeMessage message = Seal("hello", {"orders"});
  const Decision decision = Decrypt(message);
  const std::string& memory = as_view_ ? message.keys[0].key_name : metadata_;
  EXPECT_GE(decision.key_name.data(), memory.data());
  EXPECT_LE(decision.key_name.data() + decision.key_name.size(), memory.data() + memory.size());
}

TEST_P(DecryptMessage, DeliversPlaintextAsItIs) {
  MadeMessage message;
  message.nonce.clear();
  message.payload = "not encrypted";
  message.num_messages_in_batch = 3;
  const Decision decision = Decrypt(message);
  EXPECT_EQ(decision.action, Action::kDeliver);
  EXPECT_EQ(decision.payload.data(), message.payload.data());
  EXPECT_EQ(decision.payload.size(), message.payload.size());
  EXPECT_FALSE(decision.was_encrypted);
  EXPECT_EQ(decision.num_messages, 3);
  EXPECT_EQ(decryptor().counters().messages_plain, 1u);
  EXPECT_EQ(decryptor().counters().messages_decrypted, 0u);
}

TEST_P(DecryptMessage, PlaintextIsNeverDeliveredUnderRequireEncryption) {
  for (const auto& [action, outcome] : std::map<Failing, Action>{{Failing::kFail, Action::kFail},
                                                                 {Failing::kDiscard, Action::kDiscard},
                                                                 {Failing::kConsume, Action::kFail}}) {
    options_.require_encryption = true;
    options_.failure_action = action;
    decryptor_.reset();
    MadeMessage message;
    message.payload = "not encrypted";
    const Decision decision = Decrypt(message);
    EXPECT_EQ(decision.action, outcome);
    EXPECT_EQ(decision.reason, Reason::kNotEncrypted);
    EXPECT_FALSE(decision.was_encrypted);
    EXPECT_TRUE(decision.payload.empty());
    EXPECT_EQ(decryptor().counters().not_encrypted, 1u);
  }
}

TEST_P(DecryptMessage, AnEmptyPlaintext) {
  const Decision decision = Decrypt(Seal("", {"orders"}));
  EXPECT_EQ(decision.action, Action::kDeliver) << decision.status;
  EXPECT_TRUE(decision.payload.empty());
}

TEST_P(DecryptMessage, PayloadsOf0To15BytesAreMalformed) {
  for (size_t size = 0; size < 16; ++size) {
    MadeMessage message = Seal("hello", {"orders"});
    message.payload.resize(size);
    ExpectNever(message, Reason::kMalformed, absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(wrapper_->unwraps(), 0u) << "checked before any private-key operation";
}

TEST_P(DecryptMessage, NoncesThatAreNot12BytesAreMalformed) {
  for (const size_t size : {0, 1, 11, 13, 16, 1000}) {
    MadeMessage message = Seal("hello", {"orders"});
    message.nonce.assign(size, 'n');
    ExpectNever(message, Reason::kMalformed, absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(wrapper_->unwraps(), 0u);
}

TEST_P(DecryptMessage, DataKeysThatAreNot16Or24Or32BytesAreMalformed) {
  for (const size_t size : {0, 1, 15, 17, 31, 33, 64, 1000}) {
    MadeMessage message = Seal("hello", {"orders"});
    message.keys[0].bytes = FakeKeyWrapper::WrappedBytes(std::string(size, 'k'));
    ExpectNever(message, Reason::kMalformed, absl::StatusCode::kInvalidArgument);
  }
}

TEST_P(DecryptMessage, DataKeysOf16And24BytesOpenUnlessForbidden) {
  for (const size_t size : {16, 24}) {
    const MadeMessage message = Seal("hello", {"orders"}, std::string(size, 'k'));
    EXPECT_EQ(Decrypt(message).payload, "hello");
  }
  options_.require_256_bit_data_keys = true;
  decryptor_.reset();
  for (const size_t size : {16, 24}) {
    ExpectNever(Seal("hello", {"orders"}, std::string(size, 'k')), Reason::kMalformed,
                absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(Decrypt(Seal("hello", {"orders"})).payload, "hello");
}

TEST_P(DecryptMessage, AForgedPayloadIsZeroedAndNamed) {
  MadeMessage message = Seal("hello", {"orders"});
  for (size_t i = 0; i < message.payload.size(); ++i) {
    MadeMessage forged = message;
    forged.payload[i] ^= 1;
    ExpectNever(forged, Reason::kAuthenticationFailed, absl::StatusCode::kUnauthenticated);
    EXPECT_EQ(out_, std::string(5, '\0'));
  }
  EXPECT_EQ(decryptor().counters().authentication_failed, message.payload.size());
  EXPECT_EQ(decryptor().counters().keys_cached, 0u) << "no tag has verified";
  EXPECT_EQ(wrapper_->unwraps(), 1u) << "and yet a repeated wrapped key costs nothing again";
  EXPECT_EQ(Decrypt(message).payload, "hello");
  EXPECT_EQ(decryptor().counters().keys_cached, 1u);
}

TEST_P(DecryptMessage, AForgedNonceDoesNotOpen) {
  MadeMessage message = Seal("hello", {"orders"});
  message.nonce[0] ^= 1;
  ExpectNever(message, Reason::kAuthenticationFailed, absl::StatusCode::kUnauthenticated);
}

TEST_P(DecryptMessage, UsesTheFirstWrappedKeyThatOpensAndNoOther) {
  wrapper_->SetStatus("alice", absl::NotFoundError("no such key"));
  const MadeMessage message = Seal("hello", {"alice", "bob", "carol"});
  const Decision decision = Decrypt(message);
  EXPECT_EQ(decision.payload, "hello");
  EXPECT_EQ(decision.key_name, "bob");
  EXPECT_EQ(wrapper_->unwrapped_names(), (std::vector<std::string>{"alice", "bob"}));
  EXPECT_EQ(decryptor().counters().failures_remembered, 0u) << "a message that opens leaves no failures behind";
}

TEST_P(DecryptMessage, DuplicateKeyNamesAreTriedEach) {
  MadeMessage message = Seal("hello", {"orders", "orders"});
  message.keys[0].bytes = "not the fake wrapper's";
  EXPECT_EQ(Decrypt(message).payload, "hello");
}

TEST_P(DecryptMessage, AnyOfTheWrappedKeysInTheCacheOpens) {
  wrapper_->SetStatus("alice", absl::NotFoundError("no such key"));
  EXPECT_EQ(Decrypt(Seal("hello", {"alice", "bob"})).action, Action::kDeliver);
  MadeMessage reordered = Seal("again", {"dave", "bob", "alice"});
  const Decision decision = Decrypt(reordered);
  EXPECT_EQ(decision.payload, "again");
  EXPECT_EQ(decision.key_name, "bob");
  EXPECT_EQ(wrapper_->unwraps(), 2u);
}

TEST_P(DecryptMessage, TheSameBytesUnderAnotherNameAreAnotherWrappedKey) {
  EXPECT_EQ(Decrypt(Seal("hello", {"orders"})).action, Action::kDeliver);
  wrapper_->SetStatus("audit", absl::NotFoundError("no such key"));
  ExpectNever(Seal("hello", {"audit"}), Reason::kKeyNotFound, absl::StatusCode::kNotFound);
}

TEST_P(DecryptMessage, KeyMetadataReachesTheWrapperAndIsPartOfTheIdentity) {
  MadeMessage message = Seal("hello", {"orders"});
  message.keys[0].metadata["version"] = "1.0";
  EXPECT_EQ(Decrypt(message).payload, "hello");
  message.keys[0].metadata["version"] = "2.0";
  EXPECT_EQ(Decrypt(message).payload, "hello");
  EXPECT_EQ(wrapper_->unwraps(), 2u);
}

TEST_P(DecryptMessage, MoreWrappedKeysThanAllowedAreMalformed) {
  options_.max_wrapped_keys = 2;
  ExpectNever(Seal("hello", {"a", "b", "c"}), Reason::kMalformed, absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(wrapper_->unwraps(), 0u);
  EXPECT_EQ(Decrypt(Seal("hello", {"a", "b"})).action, Action::kDeliver);
}

TEST_P(DecryptMessage, SixtyFourWrappedKeysOpenAndSixtyFiveAreMalformed) {
  std::vector<std::string> names;
  for (int i = 0; i < 64; ++i) {
    names.push_back(absl::StrCat("recipient", i));
    if (i < 63) wrapper_->SetStatus(names.back(), absl::NotFoundError("no such key"));
  }
  const MadeMessage message = Seal("hello", names);
  const Decision decision = Decrypt(message);
  EXPECT_EQ(decision.payload, "hello") << decision.status;
  EXPECT_EQ(decision.key_name, "recipient63");
  names.push_back("one more");
  ExpectNever(Seal("hello", names), Reason::kMalformed, absl::StatusCode::kInvalidArgument);
}

TEST_P(DecryptMessage, WrappedKeysOverALimitAreMalformedAndNotAskedFor) {
  const auto with = [](auto change) {
    MadeMessage message = Seal("hello", {"orders"});
    change(message.keys[0]);
    return message;
  };
  const MadeMessage messages[] = {
      with([](WrappedKey& key) { key.key_name.assign(kMaxKeyNameSize + 1, 'n'); }),
      with([](WrappedKey& key) { key.bytes.assign(kMaxWrappedKeySize + 1, 'b'); }),
      with([](WrappedKey& key) { key.metadata["m"].assign(kMaxKeyMetadataSize, 'v'); }),
      with([](WrappedKey& key) {
        for (size_t i = 0; i <= kMaxKeyMetadataPairs; ++i) key.metadata[absl::StrCat(i)] = "v";
      }),
  };
  for (const MadeMessage& message : messages) {
    ExpectNever(message, Reason::kMalformed, absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(wrapper_->unwraps(), 0u);
}

TEST_P(DecryptMessage, WithNeitherReaderNorWrapperNoKeyIsFound) {
  options_.key_wrapper = nullptr;
  ExpectNever(Seal("hello", {"orders"}), Reason::kKeyNotFound, absl::StatusCode::kNotFound);
}

TEST_P(DecryptMessage, WithAReaderRealKeysOpen) {
  options_.key_wrapper = nullptr;
  options_.key_reader = KeyUris({}, {{"orders", PULSEAL_SOURCE_DIR "/tests/vectors/keys/rsa-2048.private.pem"}});
  const auto public_keys =
      LocalKeyWrapper(KeyUris({{"orders", PULSEAL_SOURCE_DIR "/tests/vectors/keys/rsa-2048.public.pem"}}, {}));
  const std::string data_key = "0123456789abcdef0123456789abcdef";
  MadeMessage message = Seal("hello", {"orders"}, data_key);
  public_keys->Wrap("orders", std::make_shared<SecretBytes>(SecretBytes::CopyOf(data_key)),
                    [&](absl::StatusOr<WrappedKey> wrapped) { message.keys[0] = *wrapped; });
  const Decision decision = Decrypt(message);
  EXPECT_EQ(decision.payload, "hello") << decision.status;
  message.keys[0].bytes[0] ^= 1;
  ExpectNever(message, Reason::kUnwrapFailed, absl::StatusCode::kUnauthenticated);
}

class DecryptMetadata : public testing::DecryptorFixture {};

TEST_F(DecryptMetadata, MetadataThatDoesNotParseIsMalformed) {
  std::string out;
  for (const std::string_view metadata : {"\x6a", "\xff\xff\xff", "\x6a\x7f\x01"}) {
    const Decision decision = decryptor().Decrypt(metadata, "payload of enough bytes", &out);
    EXPECT_EQ(decision.action, Action::kFail);
    EXPECT_EQ(decision.reason, Reason::kMalformed);
    EXPECT_EQ(decision.status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_FALSE(decision.was_encrypted);
  }
  EXPECT_EQ(decryptor().counters().malformed, 3u);
}

TEST_F(DecryptMetadata, MetadataWithoutAnEncryptionContextIsNeverDelivered) {
  const std::string empty_wrapped_key = std::string("\x6a\x00", 2) + std::string("\x7a\x0ctwelve bytes", 14);
  for (const Failing action : {Failing::kConsume, Failing::kDiscard}) {
    for (const bool require_encryption : {false, true}) {
      for (const std::string& metadata : {std::string("\xff\xff\xff"), empty_wrapped_key}) {
        decryptor_.reset();
        options_.failure_action = action;
        options_.require_encryption = require_encryption;
        const Decision decision = decryptor().Decrypt(metadata, "a broker's own bytes", &out_);
        EXPECT_EQ(decision.action, action == Failing::kDiscard ? Action::kDiscard : Action::kFail);
        EXPECT_EQ(decision.reason, Reason::kMalformed);
        EXPECT_EQ(decision.payload, "");
      }
    }
  }
}

TEST_F(DecryptMetadata, EmptyMetadataIsAPlainMessage) {
  std::string out;
  EXPECT_EQ(decryptor().Decrypt("", "hello", &out).payload, "hello");
}

TEST_F(DecryptMetadata, AnEmptyWrappedKeyIsMalformedOnlyWhenItIsLookedInto) {
  std::string out;
  const std::string metadata = std::string("\x6a\x00", 2) + std::string("\x7a\x0ctwelve bytes", 14);
  const Decision decision = decryptor().Decrypt(metadata, "payload of enough bytes", &out);
  EXPECT_EQ(decision.reason, Reason::kMalformed) << decision.status;
  EXPECT_TRUE(decision.was_encrypted);
}

TEST_F(DecryptMetadata, UnknownFieldsChangeNothing) {
  std::string out;
  const MadeMessage message = Seal("hello", {"orders"});
  const std::string metadata =
      message.metadata() + "\xc2\x3e\x03new" + "\xc8\x01\x01";  // 1000: bytes; null_value: true
  EXPECT_EQ(decryptor().Decrypt(metadata, message.payload, &out).payload, "hello");
}

}  // namespace
}  // namespace pulseal
