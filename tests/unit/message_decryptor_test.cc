// SPDX-License-Identifier: Apache-2.0
#include "pulseal/message_decryptor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pulseal/key_readers.h"
#include "tests/support/decryptor_fixture.h"
#include "tests/support/fake_key_wrapper.h"
#include "tests/support/made_message.h"
#include "tests/support/test_keys.h"

namespace pulseal {
namespace {

using std::chrono::seconds;
using testing::FakeKeyWrapper;
using testing::MadeMessage;
using testing::Seal;
using testing::ViewOf;
using Action = Decision::Action;
using Failing = ConsumerCryptoFailureAction;
using Manner = FakeKeyWrapper::Manner;
using ::testing::HasSubstr;
using ::testing::Not;

// ---- Options

absl::Status CreateWith(DecryptorOptions options) { return MessageDecryptor::Create(std::move(options)).status(); }

TEST(CreateDecryptor, TakesTheDefaults) { EXPECT_TRUE(CreateWith({}).ok()); }

TEST(CreateDecryptor, RefusesOptionsThatBreakARule) {
  const std::pair<const char*, void (*)(DecryptorOptions&)> cases[] = {
      {"key_reader and key_wrapper",
       [](DecryptorOptions& o) {
         o.key_wrapper = std::make_shared<FakeKeyWrapper>();
         o.key_reader = KeyDirectory("keys");
       }},
      {"max_wrapped_keys", [](DecryptorOptions& o) { o.max_wrapped_keys = 0; }},
      {"max_wrapped_keys", [](DecryptorOptions& o) { o.max_wrapped_keys = 65; }},
      {"max_private_key_operations", [](DecryptorOptions& o) { o.max_private_key_operations = 0; }},
      {"unwraps_per_second", [](DecryptorOptions& o) { o.unwraps_per_second = 0; }},
      {"cache_max_keys", [](DecryptorOptions& o) { o.cache_max_keys = 0; }},
      {"cache_ttl", [](DecryptorOptions& o) { o.cache_ttl = seconds(-1); }},
      {"failure_ttl", [](DecryptorOptions& o) { o.failure_ttl = seconds(0); }},
      {"cache_max_failures", [](DecryptorOptions& o) { o.cache_max_failures = 63; }},
      {"key_timeout", [](DecryptorOptions& o) { o.key_timeout = std::chrono::milliseconds(0); }},
      {"background", [](DecryptorOptions& o) { o.background.mode = Background::Mode::kExecutor; }},
  };
  for (const auto& [named, set] : cases) {
    DecryptorOptions options;
    set(options);
    const absl::Status status = CreateWith(options);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << named;
    EXPECT_EQ(ReasonOf(status), Reason::kMisuse) << named;
    EXPECT_THAT(std::string(status.message()), HasSubstr(named));
  }
}

TEST(CreateDecryptor, SaysWhereOpenSslHasNoAesGcm) {
  DecryptorOptions options;
  options.openssl_properties = "provider=nonesuch";
  EXPECT_EQ(CreateWith(options).code(), absl::StatusCode::kInternal);
}

TEST(CreateDecryptor, TakesTimesThatWouldOverflowAClock) {
  DecryptorOptions options;
  options.cache_ttl = seconds::max();
  options.failure_ttl = seconds::max();
  options.key_timeout = std::chrono::milliseconds::max();
  options.key_wrapper = std::make_shared<FakeKeyWrapper>();
  const auto decryptor = MessageDecryptor::Create(options);
  const MadeMessage message = Seal("hello", {"orders"});
  std::string out;
  EXPECT_EQ((*decryptor)->Decrypt(message.metadata(), message.payload, &out).payload, "hello");
  EXPECT_EQ((*decryptor)->counters().keys_cached, 1u);
}

// ---- One message, in both forms of metadata

class DecryptMessage : public testing::DecryptorFixture, public ::testing::WithParamInterface<bool> {
 protected:
  DecryptMessage() { as_view_ = GetParam(); }

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
INSTANTIATE_TEST_SUITE_P(Forms, DecryptMessage, ::testing::Bool(),
                         [](const auto& form) { return form.param ? "View" : "Serialized"; });

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

TEST_P(DecryptMessage, EachFailureOfTheWrapperHasItsReason) {
  struct {
    absl::Status status;
    Reason reason;
    absl::StatusCode code;
    bool again;
  } const cases[] = {
      {absl::NotFoundError("x"), Reason::kKeyNotFound, absl::StatusCode::kNotFound, false},
      {absl::UnauthenticatedError("x"), Reason::kUnwrapFailed, absl::StatusCode::kUnauthenticated, false},
      {absl::FailedPreconditionError("x"), Reason::kKeyUnusable, absl::StatusCode::kFailedPrecondition, false},
      {absl::UnavailableError("x"), Reason::kKeyServiceUnavailable, absl::StatusCode::kUnavailable, true},
      {absl::InternalError("x"), Reason::kKeyServiceUnavailable, absl::StatusCode::kUnavailable, true},
      {absl::DeadlineExceededError("x"), Reason::kKeyServiceUnavailable, absl::StatusCode::kDeadlineExceeded, true},
      {absl::ResourceExhaustedError("x"), Reason::kLimitReached, absl::StatusCode::kResourceExhausted, true},
  };
  for (const auto& c : cases) {
    decryptor_.reset();
    wrapper_->SetStatus("orders", c.status);
    const size_t before = wrapper_->unwraps();
    for (int i = 0; i < 2; ++i) {
      const Decision decision = Decrypt(Seal("hello", {"orders"}));
      EXPECT_EQ(decision.action, Action::kFail);
      EXPECT_EQ(decision.reason, c.reason) << c.status;
      EXPECT_EQ(decision.status.code(), c.code) << c.status;
      EXPECT_EQ(decision.worth_asking_again, c.again) << c.status;
      EXPECT_THAT(std::string(decision.status.message()), HasSubstr("\"orders\""));
    }
    EXPECT_EQ(wrapper_->unwraps() - before, c.again ? 2u : 1u) << "remembered only where permanent: " << c.status;
    EXPECT_EQ(decryptor().counters().failures_remembered, c.again ? 0u : 1u);
  }
}

TEST_P(DecryptMessage, NotNowOfOneWrappedKeyOutweighsTheOthersFailures) {
  wrapper_->SetStatus("a", absl::UnauthenticatedError("x"));
  wrapper_->SetStatus("b", absl::UnavailableError("x"));
  wrapper_->SetStatus("c", absl::NotFoundError("x"));
  const MadeMessage message = Seal("hello", {"a", "b", "c"});
  EXPECT_EQ(Decrypt(message).reason, Reason::kKeyServiceUnavailable);
  EXPECT_EQ(Decrypt(message).reason, Reason::kKeyServiceUnavailable);
  EXPECT_EQ(wrapper_->unwrapped_names(), (std::vector<std::string>{"a", "b", "c", "b"})) << "a and c are remembered";
  wrapper_->SetStatus("b", absl::OkStatus());
  EXPECT_EQ(Decrypt(message).payload, "hello");
}

TEST_P(DecryptMessage, TheFailureThatSaysMostIsTold) {
  wrapper_->SetStatus("a", absl::NotFoundError("x"));
  wrapper_->SetStatus("b", absl::UnauthenticatedError("x"));
  wrapper_->SetStatus("c", absl::FailedPreconditionError("x"));
  for (int i = 0; i < 2; ++i) {
    const Decision decision = Decrypt(Seal("hello", {"a", "b", "c"}));
    EXPECT_EQ(decision.reason, Reason::kUnwrapFailed);
    EXPECT_THAT(std::string(decision.status.message()), HasSubstr("wrapped key 2 of 3, for \"b\""));
  }
}

TEST_P(DecryptMessage, KeyNamesAreEscapedInMessagesAndEvents) {
  const std::string hostile = "a\n\x1b[2J\"";
  wrapper_->SetStatus(hostile, absl::NotFoundError("x"));
  const Decision decision = Decrypt(Seal("hello", {hostile}));
  EXPECT_THAT(std::string(decision.status.message()), HasSubstr("a\\x0a\\x1b[2J\\x22"));
  ASSERT_EQ(events_.size(), 1u);
  EXPECT_EQ(events_[0].kind, CryptoEvent::Kind::kUnwrapFailed);
  EXPECT_EQ(events_[0].key_name, "\"a\\x0a\\x1b[2J\\x22\"");
}

TEST_P(DecryptMessage, AnUnavailableKeyRaisesAnEvent) {
  wrapper_->SetStatus("orders", absl::UnavailableError("x"));
  Decrypt(Seal("hello", {"orders"}));
  ASSERT_EQ(events_.size(), 1u);
  EXPECT_EQ(events_[0].kind, CryptoEvent::Kind::kKeyUnavailable);
  EXPECT_EQ(events_[0].key_name, "\"orders\"");
  EXPECT_EQ(events_[0].status.code(), absl::StatusCode::kUnavailable);
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

// ---- The failure action, end to end: cause x shape x action

TEST_P(DecryptMessage, EachCauseInEachShapeUnderEachActionIsDecidedAsTheTableSays) {
  struct Cause {
    Reason reason;
    bool not_now;
    std::function<void(MadeMessage&)> make;
  };
  const auto status = [this](absl::Status s) { return [this, s](MadeMessage&) { wrapper_->SetStatus("orders", s); }; };
  const Cause causes[] = {
      {Reason::kKeyNotFound, false, status(absl::NotFoundError("x"))},
      {Reason::kKeyUnusable, false, status(absl::FailedPreconditionError("x"))},
      {Reason::kUnwrapFailed, false, status(absl::UnauthenticatedError("x"))},
      {Reason::kKeyServiceUnavailable, true, status(absl::UnavailableError("x"))},
      {Reason::kLimitReached, true, status(absl::ResourceExhaustedError("x"))},
      {Reason::kAuthenticationFailed, false, [](MadeMessage& message) { message.payload[0] ^= 1; }},
      {Reason::kMalformed, false, [](MadeMessage& message) { message.nonce += "!"; }},
  };
  enum Kind { kSingle, kChunk, kBatchOfOne, kBatch };
  int checked = 0;
  for (const Cause& cause : causes) {
    for (const Kind kind : {kSingle, kChunk, kBatchOfOne, kBatch}) {
      for (const Failing action : {Failing::kFail, Failing::kDiscard, Failing::kConsume}) {
        for (const bool whole : {false, true}) {
          for (const bool when_unavailable : {false, true}) {
            wrapper_->SetStatus("orders", absl::OkStatus());
            options_.failure_action = action;
            options_.deliver_whole_batch = whole;
            options_.apply_action_when_unavailable = when_unavailable;
            decryptor_.reset();
            MadeMessage message = Seal("hello", {"orders"});
            if (kind == kChunk) message.num_chunks = 3;
            if (kind == kBatchOfOne) message.num_messages_in_batch = 1;
            if (kind == kBatch) message.num_messages_in_batch = 10;
            cause.make(message);

            Action expected = Action::kFail;
            if (!cause.not_now || when_unavailable) {
              if (action == Failing::kDiscard) expected = Action::kDiscard;
              const bool batch = kind == kBatch || kind == kBatchOfOne;
              if (action == Failing::kConsume && (!batch || whole)) expected = Action::kDeliverEncrypted;
            }
            const Decision decision = Decrypt(message);
            EXPECT_EQ(decision.action, expected) << ReasonName(cause.reason) << kind << static_cast<int>(action);
            EXPECT_EQ(decision.reason, cause.reason) << decision.status;
            EXPECT_EQ(decision.worth_asking_again, cause.not_now);
            EXPECT_EQ(decision.num_messages, kind == kBatch ? 10 : 1);
            EXPECT_TRUE(decision.was_encrypted);
            EXPECT_FALSE(decision.status.ok());
            EXPECT_EQ(decision.payload, expected == Action::kDeliverEncrypted ? message.payload : "");
            ++checked;
          }
        }
      }
    }
  }
  EXPECT_EQ(checked, 7 * 4 * 3 * 2 * 2);
}

TEST_P(DecryptMessage, ANumberOfMessagesBelowOneCountsAsOne) {
  options_.failure_action = Failing::kDiscard;
  wrapper_->SetStatus("orders", absl::NotFoundError("x"));
  for (const int32_t number : {0, -1, INT32_MIN}) {
    MadeMessage message = Seal("hello", {"orders"});
    message.num_messages_in_batch = number;
    EXPECT_EQ(Decrypt(message).num_messages, 1) << number;
  }
}

TEST_P(DecryptMessage, CountersAddUp) {
  options_.failure_action = Failing::kConsume;
  wrapper_->SetStatus("nobody", absl::NotFoundError("x"));
  wrapper_->SetStatus("bad", absl::UnauthenticatedError("x"));
  wrapper_->SetStatus("down", absl::UnavailableError("x"));
  Decrypt(Seal("hello", {"orders"}));
  MadeMessage batch = Seal("hello", {"nobody"});
  batch.num_messages_in_batch = 3;
  Decrypt(batch);
  for (const char* name : {"nobody", "bad", "down", "down"}) Decrypt(Seal("hello", {name}));
  MadeMessage forged = Seal("hello", {"orders"});
  forged.payload[3] ^= 1;
  Decrypt(forged);
  const DecryptorCounters counters = decryptor().counters();
  EXPECT_EQ(counters.messages_decrypted, 1u);
  EXPECT_EQ(counters.messages_delivered_encrypted, 3u);
  EXPECT_EQ(counters.messages_failed, 3u);
  EXPECT_EQ(counters.key_not_found, 2u);
  EXPECT_EQ(counters.unwrap_failed, 1u);
  EXPECT_EQ(counters.key_unavailable, 2u);
  EXPECT_EQ(counters.authentication_failed, 1u);
  EXPECT_EQ(counters.key_not_found + counters.key_unusable + counters.key_unavailable + counters.unwrap_failed +
                counters.authentication_failed + counters.malformed + counters.limit_reached + counters.not_encrypted,
            counters.messages_delivered_encrypted + counters.messages_discarded + counters.messages_failed);
}

// ---- Buffers

TEST_P(DecryptMessage, AnOutputThatIsTooSmallIsRefusedWithTheSizeNeeded) {
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

TEST_P(DecryptMessage, AnOutputThatOverlapsIsRefused) {
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

TEST_P(DecryptMessage, BytesOfTheOutputThatAreNotNeededMayOverlap) {
  const MadeMessage message = Seal("hello", {"orders"});
  std::string memory = std::string(5, '?') + message.payload;
  const std::string_view payload(memory.data() + 5, message.payload.size());
  EXPECT_EQ(decryptor().Decrypt(message.metadata(), payload, absl::MakeSpan(memory)).payload, "hello");
}

TEST(OverlapOfAView, WithNonceNameOrBytesIsRefused) {
  DecryptorOptions options;
  options.key_wrapper = std::make_shared<FakeKeyWrapper>();
  const auto decryptor = *MessageDecryptor::Create(options);
  MadeMessage message = Seal("hello", {"orders"});
  for (std::string* part : {&message.nonce, &message.keys[0].key_name, &message.keys[0].bytes}) {
    const std::string before = *part;
    const Decision decision =
        decryptor->Decrypt(ViewOf(message).view(), message.payload, absl::MakeSpan(&(*part)[0], part->size()));
    EXPECT_EQ(decision.reason, Reason::kMisuse);
    EXPECT_EQ(*part, before);
  }
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

TEST_F(DecryptToString, MetadataThatDoesNotParseIsMalformed) {
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

TEST_F(DecryptToString, MetadataWithoutAnEncryptionContextIsNeverDelivered) {
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

TEST_F(DecryptToString, EmptyMetadataIsAPlainMessage) {
  std::string out;
  EXPECT_EQ(decryptor().Decrypt("", "hello", &out).payload, "hello");
}

TEST_F(DecryptToString, AnEmptyWrappedKeyIsMalformedOnlyWhenItIsLookedInto) {
  std::string out;
  const std::string metadata = std::string("\x6a\x00", 2) + std::string("\x7a\x0ctwelve bytes", 14);
  const Decision decision = decryptor().Decrypt(metadata, "payload of enough bytes", &out);
  EXPECT_EQ(decision.reason, Reason::kMalformed) << decision.status;
  EXPECT_TRUE(decision.was_encrypted);
}

TEST_F(DecryptToString, UnknownFieldsChangeNothing) {
  std::string out;
  const MadeMessage message = Seal("hello", {"orders"});
  const std::string metadata =
      message.metadata() + "\xc2\x3e\x03new" + "\xc8\x01\x01";  // 1000: bytes; null_value: true
  EXPECT_EQ(decryptor().Decrypt(metadata, message.payload, &out).payload, "hello");
}

// ---- What a message may cost

class CostOfAMessage : public testing::DecryptorFixture {};

TEST_F(CostOfAMessage, StopsAtItsPrivateKeyOperationsAndGoesOnNextTime) {
  options_.max_private_key_operations = 3;
  std::vector<std::string> names;
  for (int i = 0; i < 8; ++i) {
    names.push_back(absl::StrCat("k", i));
    if (i < 7) wrapper_->SetStatus(names.back(), absl::UnauthenticatedError("x"));
  }
  const MadeMessage message = Seal("hello", names);
  for (int call = 1; call <= 2; ++call) {
    const Decision decision = Decrypt(message);
    EXPECT_EQ(decision.reason, Reason::kLimitReached) << decision.status;
    EXPECT_EQ(decision.status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_TRUE(decision.worth_asking_again);
    EXPECT_EQ(wrapper_->unwraps(), 3u * call);
  }
  EXPECT_EQ(Decrypt(message).payload, "hello");
  EXPECT_EQ(wrapper_->max_operations(), (std::vector<int>{3, 2, 1, 3, 2, 1, 3, 2}));
  EXPECT_EQ(decryptor().counters().unwraps, 8u);
}

TEST_F(CostOfAMessage, NamesThatAreNotHeldCostNoOperation) {
  options_.max_private_key_operations = 1;
  for (const char* name : {"a", "b", "c"}) wrapper_->SetStatus(name, absl::NotFoundError("x"));
  EXPECT_EQ(Decrypt(Seal("hello", {"a", "b", "c", "mine"})).payload, "hello");
  EXPECT_EQ(decryptor().counters().unwraps, 1u);
}

TEST_F(CostOfAMessage, EachWrappedKeyAskedForIsCharged) {
  options_.unwraps_per_second = 4;
  for (const char* name : {"a", "b", "c", "d"}) wrapper_->SetStatus(name, absl::NotFoundError("x"));
  EXPECT_EQ(Decrypt(Seal("hello", {"a", "b", "c", "d"})).reason, Reason::kKeyNotFound);
  EXPECT_EQ(Decrypt(Seal("hello", {"mine"})).reason, Reason::kKeyServiceUnavailable);
  EXPECT_EQ(decryptor().counters().unwraps, 0u);
  Pass(std::chrono::milliseconds(250));
  EXPECT_EQ(Decrypt(Seal("hello", {"mine"})).payload, "hello");
}

// A key pair that was rolled twice, all of one size.
class RolledKeys final : public CryptoKeyReader {
 public:
  absl::StatusOr<EncryptionKeyInfo> GetPublicKey(const std::string&) override { return absl::NotFoundError("none"); }
  absl::StatusOr<std::vector<EncryptionKeyInfo>> GetPrivateKeys(const std::string&, const KeyMetadata&) override {
    std::vector<EncryptionKeyInfo> keys;
    for (int i = 0; i < 3; ++i) keys.push_back({SecretBytes::CopyOf(testing::TestKey("rsa-2048.private.pem")), {}});
    return keys;
  }
};

TEST_F(CostOfAMessage, WrappedKeysThatAloneCostMoreAreGivenUpOneByOne) {
  options_.key_wrapper = nullptr;
  options_.key_reader = std::make_shared<RolledKeys>();
  options_.max_private_key_operations = 2;
  options_.failure_action = Failing::kDiscard;
  MadeMessage message = Seal("hello", {"a", "b"});
  for (WrappedKey& key : message.keys) key.bytes.assign(256, key.key_name[0]);

  const Decision first = Decrypt(message);
  EXPECT_EQ(first.action, Action::kFail) << "the second wrapped key is still to be tried";
  EXPECT_EQ(first.reason, Reason::kLimitReached);
  EXPECT_TRUE(first.worth_asking_again);
  EXPECT_EQ(decryptor().counters().unwraps, 2u);
  for (int i = 0; i < 2; ++i) {
    const Decision next = Decrypt(message);
    EXPECT_EQ(next.action, Action::kDiscard);
    EXPECT_EQ(next.reason, Reason::kLimitReached);
    EXPECT_FALSE(next.worth_asking_again);
    EXPECT_EQ(decryptor().counters().unwraps, 4u);
  }
}

TEST_F(CostOfAMessage, AKeyServiceThatThrottlesIsNotNowForEver) {
  options_.failure_action = Failing::kDiscard;
  wrapper_->SetStatus("orders", absl::ResourceExhaustedError("slow down"));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Decrypt(Seal("hello", {"orders"})).worth_asking_again);
  wrapper_->SetStatus("orders", absl::OkStatus());
  EXPECT_EQ(Decrypt(Seal("hello", {"orders"})).payload, "hello");
}

TEST_F(CostOfAMessage, BeyondUnwrapsPerSecondItIsNotNow) {
  options_.unwraps_per_second = 2;
  wrapper_->SetStatus("c", absl::NotFoundError("x"));
  EXPECT_EQ(Decrypt(Seal("hello", {"a"})).action, Action::kDeliver);
  EXPECT_EQ(Decrypt(Seal("hello", {"b"})).action, Action::kDeliver);
  const Decision decision = Decrypt(Seal("hello", {"c"}));
  EXPECT_EQ(decision.reason, Reason::kKeyServiceUnavailable);
  EXPECT_EQ(decision.status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(decision.worth_asking_again);
  EXPECT_EQ(wrapper_->unwraps(), 2u) << "not even the reader is asked";
  EXPECT_EQ(Decrypt(Seal("hello", {"a"})).action, Action::kDeliver) << "cached keys cost nothing";
  Pass(seconds(1));
  EXPECT_EQ(Decrypt(Seal("hello", {"c"})).reason, Reason::kKeyNotFound);
  EXPECT_EQ(Decrypt(Seal("hello", {"d"})).action, Action::kDeliver);
}

TEST_F(CostOfAMessage, OperationsBeyondTheFirstAreCharged) {
  options_.unwraps_per_second = 4;
  wrapper_->SetOperations(4);
  EXPECT_EQ(Decrypt(Seal("hello", {"a"})).action, Action::kDeliver);
  EXPECT_EQ(Decrypt(Seal("hello", {"b"})).reason, Reason::kKeyServiceUnavailable);
  EXPECT_EQ(decryptor().counters().unwraps, 4u);
}

TEST_F(CostOfAMessage, AFloodOfMintedMessagesEvictsNoGoodKey) {
  options_.cache_max_keys = 2;
  options_.max_wrapped_keys = 10;
  options_.cache_max_failures = 10;
  options_.unwraps_per_second = 1000000;
  EXPECT_EQ(Decrypt(Seal("hello", {"orders"})).action, Action::kDeliver);
  for (int i = 0; i < 300; ++i) {
    wrapper_->SetStatus(absl::StrCat("nobody", i), absl::NotFoundError("x"));
    EXPECT_EQ(Decrypt(Seal("hello", {absl::StrCat("nobody", i)})).reason, Reason::kKeyNotFound);
    MadeMessage minted = Seal("hello", {absl::StrCat("minted", i)});
    minted.payload[0] ^= 1;
    EXPECT_EQ(Decrypt(minted).reason, Reason::kAuthenticationFailed);
  }
  const size_t before = wrapper_->unwraps();
  EXPECT_EQ(TryDecrypt(Seal("hello", {"orders"})).payload, "hello");
  EXPECT_EQ(wrapper_->unwraps(), before);
  EXPECT_EQ(decryptor().counters().keys_cached, 1u);
  EXPECT_EQ(decryptor().counters().failures_remembered, 10u);
}

// ---- Times

class CacheTimes : public testing::DecryptorFixture {
 protected:
  size_t UnwrapsOf(const MadeMessage& message) {
    const size_t before = wrapper_->unwraps();
    Decrypt(message);
    return wrapper_->unwraps() - before;
  }
  const MadeMessage message_ = Seal("hello", {"orders"});
};

TEST_F(CacheTimes, AKeyExpiresAfterItsTtlAlsoWhereALaneHoldsIt) {
  options_.cache_ttl = seconds(100);
  EXPECT_EQ(UnwrapsOf(message_), 1u);
  for (int i = 0; i < 99; ++i) Pass(seconds(1));
  EXPECT_EQ(UnwrapsOf(message_), 0u);
  Pass(seconds(2));
  EXPECT_EQ(decryptor().counters().keys_cached, 0u);
  EXPECT_EQ(UnwrapsOf(message_), 1u);
}

TEST_F(CacheTimes, AFailureExpiresAfterItsTtl) {
  wrapper_->SetStatus("orders", absl::UnauthenticatedError("x"));
  EXPECT_EQ(UnwrapsOf(message_), 1u);
  for (int i = 0; i < 59; ++i) Pass(seconds(1));
  EXPECT_EQ(UnwrapsOf(message_), 0u);
  Pass(seconds(2));
  EXPECT_EQ(decryptor().counters().failures_remembered, 0u);
  EXPECT_EQ(UnwrapsOf(message_), 1u);
}

TEST_F(CacheTimes, AFailureIsForgottenWithinASecondOfANewGeneration) {
  wrapper_->SetStatus("orders", absl::NotFoundError("x"));
  EXPECT_EQ(UnwrapsOf(message_), 1u);
  Pass(seconds(1));
  EXPECT_EQ(UnwrapsOf(message_), 0u);
  wrapper_->SetGeneration(2);
  Pass(seconds(1));
  wrapper_->SetStatus("orders", absl::OkStatus());
  EXPECT_EQ(Decrypt(message_).payload, "hello");
}

TEST_F(CacheTimes, ForgetDropsKeysAndFailuresAtOnce) {
  wrapper_->SetStatus("audit", absl::NotFoundError("x"));
  const MadeMessage other = Seal("hello", {"audit"});
  Decrypt(message_);
  Decrypt(other);
  decryptor().Forget();
  EXPECT_EQ(decryptor().counters().keys_cached, 0u);
  EXPECT_EQ(decryptor().counters().failures_remembered, 0u);
  EXPECT_EQ(UnwrapsOf(message_), 1u);
  EXPECT_EQ(UnwrapsOf(other), 1u);
}

TEST_F(CacheTimes, WithATtlOfZeroEveryMessageUnwraps) {
  options_.cache_ttl = seconds(0);
  EXPECT_EQ(UnwrapsOf(message_), 1u);
  EXPECT_EQ(UnwrapsOf(message_), 1u);
  EXPECT_EQ(decryptor().counters().keys_cached, 0u);
}

TEST_F(CacheTimes, TheCacheIsBounded) {
  options_.cache_max_keys = 3;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(UnwrapsOf(Seal("hello", {absl::StrCat("k", i)})), 1u);
  EXPECT_EQ(decryptor().counters().keys_cached, 3u);
}

TEST_F(CacheTimes, AKeyInSteadyUseByALaneIsNotEvicted) {
  options_.cache_max_keys = 3;
  EXPECT_EQ(UnwrapsOf(message_), 1u);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(UnwrapsOf(Seal("hello", {absl::StrCat("k", i)})), 1u);
    EXPECT_EQ(UnwrapsOf(message_), 0u) << i;
  }
}

// ---- TryDecrypt and Resolve, in both forms

class ResolveMessage : public testing::DecryptorFixture, public ::testing::WithParamInterface<bool> {
 protected:
  ResolveMessage() { as_view_ = GetParam(); }
  const MadeMessage message_ = Seal("hello", {"orders"});
};
INSTANTIATE_TEST_SUITE_P(Forms, ResolveMessage, ::testing::Bool(),
                         [](const auto& form) { return form.param ? "View" : "Serialized"; });

TEST_P(ResolveMessage, TryDecryptIsPendingUntilTheKeyIsThereAndNeverAsks) {
  const Decision decision = TryDecrypt(message_);
  EXPECT_EQ(decision.action, Action::kPending);
  EXPECT_TRUE(decision.was_encrypted);
  EXPECT_TRUE(decision.worth_asking_again);
  EXPECT_EQ(decision.reason, Reason::kNone);
  EXPECT_TRUE(decision.payload.empty());
  EXPECT_FALSE(decision.status.ok());
  Maintain();
  EXPECT_EQ(wrapper_->unwraps(), 0u);
  EXPECT_EQ(decryptor().counters().pending, 1u);
  EXPECT_EQ(decryptor().counters().messages_failed, 0u);

  const ResolvedKey key = ResolveNow(message_);
  EXPECT_EQ(TryDecrypt(key, message_).payload, "hello");
  EXPECT_EQ(TryDecrypt(message_).payload, "hello");
  EXPECT_EQ(wrapper_->unwraps(), 1u);
  EXPECT_EQ(decryptor().counters().messages_decrypted, 2u);
}

TEST_P(ResolveMessage, AnswersInTheBackgroundAlsoWhereTheKeyIsCached) {
  Decrypt(message_);
  const Answers answers = Resolve(message_);
  EXPECT_TRUE(answers->empty());
  Maintain();
  ASSERT_EQ(answers->size(), 1u);
  EXPECT_EQ(TryDecrypt(*answers->at(0), message_).payload, "hello");
  EXPECT_EQ(wrapper_->unwraps(), 1u);
}

TEST_P(ResolveMessage, OneLookupServesAllWhoWait) {
  wrapper_->SetManner(Manner::kHeld);
  std::vector<Answers> all;
  for (int i = 0; i < 10; ++i) all.push_back(Resolve(message_));
  Maintain();
  EXPECT_EQ(wrapper_->unwraps(), 1u);
  all.push_back(Resolve(message_));
  wrapper_->Release();
  Maintain();
  for (const Answers& answers : all) {
    ASSERT_EQ(answers->size(), 1u);
    EXPECT_EQ(TryDecrypt(*answers->at(0), message_).payload, "hello");
  }
  EXPECT_EQ(wrapper_->unwraps(), 1u);
}

TEST_P(ResolveMessage, DecryptJoinsALookupThatHasNotBegun) {
  const Answers answers = Resolve(message_);
  EXPECT_EQ(Decrypt(message_).payload, "hello") << "nobody maintains while it waits";
  Maintain();
  EXPECT_EQ(answers->size(), 1u);
  EXPECT_EQ(wrapper_->unwraps(), 1u);
}

TEST_P(ResolveMessage, AFailureIsInsideTheResolvedKey) {
  wrapper_->SetStatus("orders", absl::UnauthenticatedError("x"));
  const ResolvedKey key = ResolveNow(message_);
  EXPECT_EQ(TryDecrypt(key, message_).reason, Reason::kUnwrapFailed);
  EXPECT_EQ(TryDecrypt(message_).reason, Reason::kUnwrapFailed) << "remembered, so no longer pending";
}

TEST_P(ResolveMessage, ANotNowIsInsideTheResolvedKeyAndTheNextOneAsksAgain) {
  wrapper_->SetStatus("orders", absl::UnavailableError("x"));
  const ResolvedKey key = ResolveNow(message_);
  const Decision decision = TryDecrypt(key, message_);
  EXPECT_EQ(decision.action, Action::kFail);
  EXPECT_TRUE(decision.worth_asking_again);
  EXPECT_EQ(TryDecrypt(message_).action, Action::kPending);
  wrapper_->SetStatus("orders", absl::OkStatus());
  EXPECT_EQ(TryDecrypt(ResolveNow(message_), message_).payload, "hello");
}

TEST_P(ResolveMessage, EndsWithATtlOfZeroAFloodedCacheAndForgetInBetween) {
  for (const int ttl : {0, 1000}) {
    decryptor_.reset();
    options_.cache_ttl = seconds(ttl);
    options_.cache_max_keys = 1;
    options_.unwraps_per_second = 1000000;
    const ResolvedKey key = ResolveNow(message_);
    for (int i = 0; i < 300; ++i) Decrypt(Seal("other", {absl::StrCat("k", i)}));
    decryptor().Forget();
    Pass(seconds(5000));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(TryDecrypt(key, message_).payload, "hello");
    EXPECT_EQ(decryptor().counters().keys_cached, 0u) << "resolved before Forget";
  }
}

TEST_P(ResolveMessage, AResolvedKeyServesOtherMessagesOfTheSameWrappedKey) {
  const ResolvedKey key = ResolveNow(message_);
  EXPECT_EQ(TryDecrypt(key, Seal("second", {"orders"})).payload, "second");
}

TEST_P(ResolveMessage, AResolvedKeyOfSomethingElseIsMisuse) {
  options_.failure_action = Failing::kDiscard;
  wrapper_->SetStatus("nobody", absl::NotFoundError("x"));
  const ResolvedKey key = ResolveNow(message_);
  const ResolvedKey failure = ResolveNow(Seal("hello", {"nobody"}));
  auto other_decryptor = std::move(decryptor_);
  const ResolvedKey of_another = ResolveNow(message_);
  other_decryptor.swap(decryptor_);
  const auto expect_misuse = [this](const ResolvedKey& wrong, const MadeMessage& message) {
    const Decision decision = TryDecrypt(wrong, message);
    EXPECT_EQ(decision.action, Action::kFail);
    EXPECT_EQ(decision.reason, Reason::kMisuse);
    EXPECT_EQ(decision.status.code(), absl::StatusCode::kFailedPrecondition);
  };
  expect_misuse(ResolvedKey(), message_);
  expect_misuse(of_another, message_);
  expect_misuse(key, Seal("hello", {"audit"}));
  expect_misuse(failure, message_);
  expect_misuse(failure, Seal("hello", {"nobody", "orders"}));
}

TEST_P(ResolveMessage, OutlivesTheDecryptor) {
  { const ResolvedKey key = ResolveNow(message_); }
  const ResolvedKey key = ResolveNow(message_);
  const ResolvedKey copy = key;
  decryptor_.reset();
  EXPECT_EQ(TryDecrypt(copy, message_).reason, Reason::kMisuse) << "by another decryptor";
}

TEST_P(ResolveMessage, MetadataWithoutAKeyToResolveIsRefusedInTheBackground) {
  MadeMessage plain;
  plain.payload = "plain";
  const Answers not_encrypted = Resolve(plain);
  MadeMessage many = Seal("hello", std::vector<std::string>(65, "k"));
  const Answers malformed = Resolve(many);
  EXPECT_TRUE(not_encrypted->empty());
  Maintain();
  ASSERT_EQ(not_encrypted->size(), 1u);
  ASSERT_EQ(malformed->size(), 1u);
  EXPECT_EQ(not_encrypted->at(0).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(not_encrypted->at(0).status()), Reason::kMisuse);
  EXPECT_EQ(malformed->at(0).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(malformed->at(0).status()), Reason::kMalformed);
}

TEST_P(ResolveMessage, BeyondMaxPendingItIsRefusedUntilOneIsAnswered) {
  options_.max_pending = 2;
  wrapper_->SetManner(Manner::kHeld);
  const Answers first = Resolve(message_), second = Resolve(Seal("hello", {"audit"})), third = Resolve(message_);
  Maintain();
  ASSERT_EQ(third->size(), 1u);
  EXPECT_EQ(third->at(0).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(third->at(0).status()), Reason::kLimitReached);
  wrapper_->Release();
  Maintain();
  const Answers fourth = Resolve(message_);
  Maintain();
  ASSERT_EQ(fourth->size(), 1u);
  EXPECT_TRUE(fourth->at(0).ok());
  EXPECT_EQ(first->size(), 1u);
  EXPECT_EQ(second->size(), 1u);
}

TEST_P(ResolveMessage, LargeWrappedKeysAreHeldWithinABoundHoweverManyCallsMayWait) {
  const auto minted = [](size_t number) {
    MadeMessage message = Seal("hello", std::vector<std::string>(64, "orders"));
    for (WrappedKey& key : message.keys) key.bytes.assign(kMaxWrappedKeySize, 'x');
    message.keys[0].bytes.replace(0, 8, absl::StrCat(10000000 + number));
    return message;
  };
  constexpr size_t kFit = (64 << 20) / (64 * kMaxWrappedKeySize);  // a few less, since each has a name and sizes
  wrapper_->SetManner(Manner::kHeld);
  size_t accepted = 0, refused = 0;
  for (size_t i = 0; i < kFit; ++i) {
    const Answers answers = Resolve(minted(i));
    Maintain();
    if (answers->empty()) {
      ++accepted;
      continue;
    }
    ++refused;
    EXPECT_EQ(answers->at(0).status().code(), absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(ReasonOf(answers->at(0).status()), Reason::kLimitReached);
  }
  EXPECT_GT(refused, 0u);
  EXPECT_GT(accepted, kFit / 10 * 9);

  wrapper_->SetManner(Manner::kInside);
  wrapper_->Release();
  Maintain();
  const Answers afterwards = Resolve(minted(kFit));
  Maintain();
  ASSERT_EQ(afterwards->size(), 1u);
  EXPECT_TRUE(afterwards->at(0).ok());
}

TEST_P(ResolveMessage, ADoneFunctionMayResolveAgainWithinMaxPending) {
  options_.max_pending = 1;
  bool second_is_ok = false;
  decryptor().Resolve(message_.metadata(), [&](absl::StatusOr<ResolvedKey>) {
    decryptor().Resolve(message_.metadata(), [&](absl::StatusOr<ResolvedKey> key) { second_is_ok = key.ok(); });
  });
  Maintain();
  EXPECT_TRUE(second_is_ok);
}

TEST_P(ResolveMessage, ALookupUnderWayWhenForgetIsCalledAnswersAndIsNotCached) {
  wrapper_->SetManner(Manner::kHeld);
  const Answers answers = Resolve(message_);
  Maintain();
  decryptor().Forget();
  const Answers after = Resolve(message_);
  Maintain();
  EXPECT_EQ(wrapper_->unwraps(), 2u) << "whoever asks after Forget gets an answer from after Forget";
  ASSERT_TRUE(wrapper_->ReleaseOne());
  Maintain();
  ASSERT_EQ(answers->size(), 1u);
  EXPECT_TRUE(after->empty());
  EXPECT_EQ(TryDecrypt(*answers->at(0), message_).payload, "hello");
  EXPECT_EQ(decryptor().counters().keys_cached, 0u);
  EXPECT_EQ(TryDecrypt(message_).action, Action::kPending);
  wrapper_->Release();
  Maintain();
  EXPECT_EQ(TryDecrypt(message_).payload, "hello");
}

// ---- Wrappers that behave badly

class BadWrapper : public testing::DecryptorFixture {
 protected:
  const MadeMessage message_ = Seal("hello", {"orders"});
};

TEST_F(BadWrapper, ASecondAnswerIsIgnored) {
  wrapper_->SetManner(Manner::kTwice);
  EXPECT_EQ(Decrypt(message_).payload, "hello");
  wrapper_->SetStatus("a", absl::UnauthenticatedError("x"));
  EXPECT_EQ(Decrypt(Seal("hello", {"a", "b"})).payload, "hello");
  EXPECT_EQ(wrapper_->unwrapped_names(), (std::vector<std::string>{"orders", "a", "b"}));
}

TEST_F(BadWrapper, AnExceptionIsUnavailable) {
  wrapper_->SetManner(Manner::kThrow);
  const Decision decision = Decrypt(message_);
  EXPECT_EQ(decision.reason, Reason::kKeyServiceUnavailable);
  EXPECT_TRUE(decision.worth_asking_again);
  wrapper_->SetManner(Manner::kInside);
  EXPECT_EQ(Decrypt(message_).payload, "hello");
}

TEST_F(BadWrapper, AnExceptionAfterTheAnswerIsIgnored) {
  wrapper_->SetManner(Manner::kAnswerAndThrow);
  EXPECT_EQ(Decrypt(message_).payload, "hello");
}

TEST_F(BadWrapper, OneThatNeverAnswersEndsDecryptInATimeOut) {
  options_.key_timeout = std::chrono::milliseconds(1);
  for (const Manner manner : {Manner::kNever, Manner::kDropped, Manner::kHeld}) {
    wrapper_->SetManner(manner);
    const Decision decision = Decrypt(message_);
    EXPECT_EQ(decision.action, Action::kFail);
    EXPECT_EQ(decision.reason, Reason::kKeyServiceUnavailable);
    EXPECT_EQ(decision.status.code(), absl::StatusCode::kDeadlineExceeded);
    EXPECT_TRUE(decision.worth_asking_again);
  }
  EXPECT_EQ(wrapper_->unwraps(), 3u) << "nobody joins a lookup that timed out";
}

TEST_F(BadWrapper, OneThatNeverAnswersEndsResolveInATimeOut) {
  wrapper_->SetManner(Manner::kNever);
  const Answers answers = Resolve(message_);
  Pass(seconds(29));
  EXPECT_TRUE(answers->empty());
  Pass(seconds(1));
  ASSERT_EQ(answers->size(), 1u);
  EXPECT_EQ(TryDecrypt(*answers->at(0), message_).status.code(), absl::StatusCode::kDeadlineExceeded);
  ASSERT_EQ(events_.size(), 1u);
  EXPECT_EQ(events_[0].kind, CryptoEvent::Kind::kKeyUnavailable);
}

TEST_F(BadWrapper, AKeyThatComesTooLateServesTheNextCall) {
  wrapper_->SetManner(Manner::kHeld);
  const Answers answers = Resolve(message_);
  Pass(seconds(30));
  ASSERT_EQ(answers->size(), 1u);
  wrapper_->Release();
  Maintain();
  EXPECT_EQ(answers->size(), 1u);
  EXPECT_EQ(TryDecrypt(message_).payload, "hello");
  EXPECT_EQ(wrapper_->unwraps(), 1u);
}

TEST_F(BadWrapper, AFailureThatComesTooLateChangesNothing) {
  wrapper_->SetStatus("orders", absl::UnauthenticatedError("x"));
  wrapper_->SetManner(Manner::kHeld);
  const Answers answers = Resolve(Seal("hello", {"orders", "audit"}));
  Pass(seconds(30));
  wrapper_->Release();
  Maintain();
  EXPECT_EQ(answers->size(), 1u);
  EXPECT_EQ(wrapper_->unwraps(), 1u);
  EXPECT_EQ(decryptor().counters().failures_remembered, 0u);
}

TEST_F(BadWrapper, OneThatAnswersAfterTheDecryptorIsGoneDoesNothing) {
  wrapper_->SetManner(Manner::kHeld);
  const Answers answers = Resolve(message_);
  Maintain();
  decryptor_.reset();
  wrapper_->Release();
  EXPECT_TRUE(answers->empty());
  EXPECT_TRUE(events_.empty());
}

TEST_F(BadWrapper, WhatIsPendingAtDestructionIsDroppedWithoutACall) {
  const Answers not_begun = Resolve(message_);
  wrapper_->SetManner(Manner::kNever);
  decryptor_.reset();
  EXPECT_TRUE(not_begun->empty());
  EXPECT_EQ(wrapper_->unwraps(), 0u);
  EXPECT_EQ(not_begun.use_count(), 1) << "its done function is destroyed";
}

TEST_F(BadWrapper, NoEventComesAfterDestruction) {
  wrapper_->SetStatus("orders", absl::UnavailableError("x"));
  wrapper_->SetManner(Manner::kHeld);
  Resolve(message_);
  Maintain();
  decryptor_.reset();
  wrapper_->Release();
  EXPECT_TRUE(events_.empty());
}

}  // namespace
}  // namespace pulseal
