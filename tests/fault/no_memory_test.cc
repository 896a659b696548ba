// SPDX-License-Identifier: Apache-2.0
//
// operator new throws at each of the places where the library asks for memory, one after the other. The exception passes
// through, or comes as a status where it can't; nothing half-done is left behind, and the next call is well again. That
// nothing is lost shows where this runs with AddressSanitizer.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "pulseal/encryption_metadata.h"
#include "pulseal/framing/batch.h"
#include "pulseal/framing/entry_consumer.h"
#include "pulseal/framing/entry_producer.h"
#include "pulseal/key_pair.h"
#include "pulseal/key_readers.h"
#include "pulseal/message_decryptor.h"
#include "pulseal/message_encryptor.h"
#include "tests/fault/allocation_counter.h"
#include "tests/support/each_aead.h"
#include "tests/support/fake_key_wrapper.h"
#include "tests/support/manual_background.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_keys.h"

namespace pulseal {
namespace {

using std::chrono::milliseconds;
using testing::AllocationHasFailed;
using testing::FailOneAllocation;
using testing::FakeKeyWrapper;
using testing::ManualBackground;
using testing::TempFolder;
using testing::TestKey;
using Action = Decision::Action;
using Names = std::vector<std::string>;

// What a call ended with: its status, or RESOURCE_EXHAUSTED where std::bad_alloc came out of it.
absl::Status Caught(const std::function<absl::Status()>& call) {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("bad_alloc");
  }
}

// Without memory for one piece of work there is an exception, or this; never a time-out, which would be somebody waiting
// for an answer that was lost.
bool IsNoMemory(const absl::Status& status) {
  return absl::IsResourceExhausted(status) || absl::IsInternal(status) || absl::IsUnavailable(status);
}

// `call` is OK where its result is right. `after` sees what each failure has left, and is told how `call` ended.
void FailEachAllocation(size_t least, const std::function<absl::Status()>& call,
                        const std::function<void(const absl::Status&)>& after) {
  for (int i = 0; i < 3; ++i) ASSERT_EQ(call(), absl::OkStatus());
  bool has_failed = true;
  size_t n = 0;
  for (; has_failed; ++n) {
    SCOPED_TRACE(n);
    FailOneAllocation(n);
    const absl::Status status = Caught(call);
    has_failed = AllocationHasFailed();
    EXPECT_TRUE(status.ok() || (has_failed && IsNoMemory(status))) << status;
    after(status);
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(n, least);
}

void FailEachAllocation(size_t least, const std::function<absl::Status()>& call) {
  FailEachAllocation(least, call, [&](const absl::Status&) { EXPECT_EQ(call(), absl::OkStatus()) << "well again"; });
}

// Names that don't fit into a std::string itself, so that each copy of one asks for memory.
const char kOrders[] = "the recipient that is called orders";
const char kAudit[] = "the recipient that is called audit";

class NoMemory : public ::testing::TestWithParam<CipherBackend> {
 protected:
  NoMemory() {
    std::map<std::string, std::string> public_pems;
    std::multimap<std::string, SecretBytes> private_pems;
    for (const char* name : {kOrders, kAudit}) {
      public_pems[name] = TestKey("p-256.public.pem");
      private_pems.emplace(name, SecretBytes::CopyOf(TestKey("p-256.private.pem")));
    }
    to_.key_names = {kOrders, kAudit};
    to_.key_reader = from_.key_reader = KeysInMemory(std::move(public_pems), std::move(private_pems));
    to_.background = from_.background = background_.options();
    to_.cipher_backend = from_.cipher_backend = GetParam();
    to_.key_timeout = from_.key_timeout = milliseconds(200);
    from_.failure_action = ConsumerCryptoFailureAction::kDiscard;
    to_.on_event = from_.on_event = [](const CryptoEvent&) {};
    out_.reserve(1000);
    fields_.reserve(1000);
  }

  absl::Status Encrypt(MessageEncryptor& encryptor) {
    const absl::StatusOr<Sealed> sealed = encryptor.Encrypt("hello", &out_, &fields_);
    EXPECT_TRUE(!sealed.ok() || sealed->encrypted);
    return sealed.status();
  }
  // What is answered in the background, and has time for that, but less than key_timeout.
  template <typename Call>
  absl::Status Begin(const Call& call) {
    const absl::Status begun = Caught([&call] {
      call();
      return absl::OkStatus();
    });
    background_.Advance(milliseconds(100));
    return begun;
  }
  Names Recipients() const {
    const EncryptionContext context = *ParseEncryptionContext(fields_);
    Names names;
    for (const WrappedKey& key : context.keys) names.push_back(key.key_name);
    return names;
  }
  static std::string WrappedBytesIn(const std::string& fields) {
    const EncryptionContext context = *ParseEncryptionContext(fields);
    return context.keys.empty() ? "" : context.keys[0].bytes;
  }

  absl::Status Decrypt(MessageDecryptor& decryptor) {
    const Decision decision = decryptor.Decrypt(fields_, out_, absl::MakeSpan(opened_));
    EXPECT_EQ(decision.action, decision.status.ok() ? Action::kDeliver : Action::kFail) << decision.status;
    EXPECT_EQ(decision.worth_asking_again, !decision.status.ok());
    EXPECT_EQ(decision.payload, decision.status.ok() ? "hello" : "");
    return decision.status;
  }

  ManualBackground background_;
  EncryptorOptions to_;
  DecryptorOptions from_;
  std::string out_, fields_;
  char opened_[100];
};

TEST_P(NoMemory, MakingAnEncryptor) {
  FailEachAllocation(60, [&] { return MessageEncryptor::Create(to_).status(); });
}

TEST_P(NoMemory, MakingADecryptor) {
  FailEachAllocation(10, [&] { return MessageDecryptor::Create(from_).status(); });
}

TEST_P(NoMemory, ADataKeyAndItsFirstMessage) {
  const auto encryptor = *MessageEncryptor::Create(to_);
  FailEachAllocation(40, [&] {
    const absl::Status rotated = encryptor->Rotate();
    return rotated.ok() ? Encrypt(*encryptor) : rotated;
  });
}

// All or nothing: afterwards the names are the old ones or the new ones, in this data key and in the next, and as the
// answer says.
TEST_P(NoMemory, OtherRecipients) {
  const auto encryptor = *MessageEncryptor::Create(to_);
  const Names both = {kOrders, kAudit}, one = {kAudit};
  FailEachAllocation(
      40,
      [&] {
        const absl::Status back = encryptor->SetKeyNames(both);
        return back.ok() ? encryptor->SetKeyNames(one) : back;
      },
      [&](const absl::Status& status) {
        ASSERT_EQ(Encrypt(*encryptor), absl::OkStatus());
        const Names now = Recipients();
        EXPECT_TRUE(now == one || (!status.ok() && now == both)) << status;
        ASSERT_EQ(encryptor->Rotate(), absl::OkStatus());
        ASSERT_EQ(Encrypt(*encryptor), absl::OkStatus());
        EXPECT_EQ(Recipients(), now);
        ASSERT_EQ(encryptor->SetKeyNames(one), absl::OkStatus());
      });
}

// Each answer comes once, and soon; or the call throws, and none does.
TEST_P(NoMemory, WhatIsAnsweredInTheBackground) {
  const std::shared_ptr<MessageEncryptor> encryptor = *MessageEncryptor::Create(to_);
  const Names both = {kOrders, kAudit}, one = {kAudit};
  int answers = 0;
  absl::Status answer;
  const std::function<void(absl::Status)> take = [&](absl::Status status) {
    ++answers;
    answer = std::move(status);
  };
  const std::vector<std::function<void()>> calls = {
      [&] { encryptor->RotateAsync(take); }, [&] { encryptor->SetKeyNamesAsync(one, take); },
      [&] {
        MessageEncryptor::CreateAsync(to_, [&](absl::StatusOr<std::unique_ptr<MessageEncryptor>> created) {
          take(created.ok() ? absl::OkStatus() : created.status());
        });
      }};
  for (const std::function<void()>& call : calls) {
    SCOPED_TRACE(&call - calls.data());
    FailEachAllocation(40, [&] {
      answers = 0;
      const absl::Status begun = Begin(call);
      EXPECT_EQ(answers, begun.ok() ? 1 : 0);
      return begun.ok() ? answer : begun;
    });
    EXPECT_EQ(Encrypt(*encryptor), absl::OkStatus());
  }
}

// Whoever is told may ask again where he is told, also where that is because there was no memory to keep the work.
TEST_P(NoMemory, WhatIsAnsweredByMaintainAndAskedForAgain) {
  EncryptorOptions options = to_;
  options.background = Background();
  options.background.mode = Background::Mode::kMaintain;
  const std::shared_ptr<MessageEncryptor> encryptor = *MessageEncryptor::Create(options);
  const auto maintain = [&] {
    for (int i = 0; i < 8; ++i) encryptor->Maintain();
  };
  absl::Status first, second;
  const auto ask_again = [&] {
    encryptor->RotateAsync([&](absl::Status status) { second = std::move(status); });
    return absl::OkStatus();
  };
  FailEachAllocation(40, [&] {
    first = second = absl::UnknownError("not told");
    encryptor->RotateAsync([&](absl::Status status) {
      first = std::move(status);
      if (const absl::Status asked = Caught(ask_again); !asked.ok()) second = asked;
    });
    maintain();
    return first.ok() ? second : first;
  });
}

// The next data key takes over in the middle of a message, while that one's thread holds a lane with the old one: once
// there is a new key the old one is used by nobody, whatever failed in between.
TEST_P(NoMemory, ALimitThatAMessageReaches) {
  EncryptorOptions options = to_;
  options.rotation.messages = options.rotation.hard_messages = 2;
  options.background.executor = [later = options.background.executor](std::chrono::nanoseconds delay,
                                                                      std::function<void()> work) {
    delay.count() == 0 ? work() : later(delay, std::move(work));
  };
  const auto encryptor = *MessageEncryptor::Create(options);
  std::array<std::string, 3> fields;
  for (std::string& of_message : fields) of_message.reserve(1000);
  const auto encrypt_some = [&] {
    for (std::string& of_message : fields) of_message.clear();
    for (std::string& of_message : fields) {
      const absl::Status status = encryptor->Encrypt("hello", &out_, &of_message).status();
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  };
  std::set<std::string> retired;
  std::string in_use;
  const auto expect_no_retired_key = [&] {
    for (const std::string& of_message : fields) {
      const std::string key = WrappedBytesIn(of_message);
      if (key.empty()) continue;
      EXPECT_EQ(retired.count(key), 0u);
      if (key != in_use) retired.insert(std::exchange(in_use, key));
    }
  };
  FailEachAllocation(20, encrypt_some, [&](const absl::Status&) {
    expect_no_retired_key();
    background_.Advance(std::chrono::seconds(2));  // it tries again after a second
    EXPECT_EQ(encrypt_some(), absl::OkStatus()) << "well again";
    expect_no_retired_key();
  });
}

TEST_P(NoMemory, UnwrappingADataKey) {
  const auto encryptor = *MessageEncryptor::Create(to_);
  ASSERT_EQ(Encrypt(*encryptor), absl::OkStatus());
  const auto decryptor = *MessageDecryptor::Create(from_);
  uint64_t delivered = 0;
  FailEachAllocation(30, [&] {
    decryptor->Forget();
    background_.Advance(std::chrono::seconds(1));
    const absl::Status status = Decrypt(*decryptor);
    delivered += status.ok();
    return status;
  });
  EXPECT_EQ(decryptor->counters().messages_decrypted, delivered);
  decryptor->Forget();
  EXPECT_EQ(decryptor->counters().keys_cached, 0u);
}

// `done` is called once, unless Resolve itself says by an exception that it hasn't begun.
TEST_P(NoMemory, ResolvingADataKey) {
  const auto encryptor = *MessageEncryptor::Create(to_);
  ASSERT_EQ(Encrypt(*encryptor), absl::OkStatus());
  const auto decryptor = *MessageDecryptor::Create(from_);
  FailEachAllocation(30, [&] {
    decryptor->Forget();
    background_.Advance(std::chrono::seconds(1));
    int answers = 0;
    absl::Status status = absl::DeadlineExceededError("no answer");
    const auto take = [&](const absl::StatusOr<ResolvedKey>& key) {
      ++answers;
      status = key.status();
      if (!key.ok()) return;
      const Decision decision = decryptor->TryDecrypt(*key, fields_, out_, absl::MakeSpan(opened_));
      EXPECT_NE(decision.action, Action::kDiscard) << decision.status;
      status = decision.status;
    };
    const absl::Status begun = Begin([&] { decryptor->Resolve(fields_, take); });
    EXPECT_EQ(answers, begun.ok() ? 1 : 0);
    return begun.ok() ? status : begun;
  });
}

TEST_P(NoMemory, ABatchAndAMessageInChunks) {
  const auto encryptor = *MessageEncryptor::Create(to_);
  const auto decryptor = *MessageDecryptor::Create(from_);
  framing::EntryProducerOptions producing;
  producing.compression = framing::Compression::kLz4;
  producing.max_message_size = 2000;
  producing.chunks = true;
  framing::EntryProducer producer(*encryptor, producing);
  std::string noise;
  for (uint32_t i = 0, state = 1; i < 5000; ++i)
    noise.push_back(static_cast<char>((state = state * 1664525 + 1013904223) >> 24));
  const std::string alike(1500, 'a');
  std::array<framing::SingleMessage, 2> messages;
  messages[0].payload = messages[1].payload = std::string_view(alike).substr(0, 700);

  uint64_t sequence_id = 0;
  FailEachAllocation(100, [&] {
    framing::EntryConsumerOptions consuming;
    consuming.max_message_size = noise.size();
    framing::EntryConsumer consumer(*decryptor, consuming);
    std::string received;
    const auto consume = [&](const framing::OutgoingEntry& entry) {
      const std::string metadata = std::string(entry.metadata).append(entry.encryption_fields);
      for (const framing::Outcome& outcome :
           consumer.Consume(metadata, entry.payload, sequence_id, std::chrono::seconds(1)).outcomes) {
        if (!outcome.decision.status.ok()) return outcome.decision.status;
        framing::MessageReader reader(outcome);
        for (framing::SingleMessage message; reader.Next(&message);) received.append(message.payload);
      }
      return absl::OkStatus();
    };
    framing::MessageMetadata metadata;
    metadata.producer_name = "a producer whose name is long enough";
    metadata.sequence_id = ++sequence_id;
    absl::Status status = producer.SendBatch(metadata, messages, consume);
    if (status.ok()) status = producer.Send(metadata, noise, consume);
    EXPECT_EQ(received == alike.substr(0, 1400) + noise, status.ok()) << status;
    return status;
  });
}

TEST(NoMemoryForKeys, OfAFolder) {
  const TempFolder folder;
  const std::string public_pem = TestKey("p-256.public.pem");
  folder.Write("orders.public.pem", public_pem, 0644);
  folder.Write("orders.private.pem", TestKey("p-256.private.pem"));
  folder.Write("orders.private.d/old.pem", TestKey("rsa-2048.private.pem"));
  const std::shared_ptr<CryptoKeyReader> reader = KeyDirectory(folder.path());
  FailEachAllocation(20, [&] {
    const absl::StatusOr<EncryptionKeyInfo> public_key = reader->GetPublicKey("orders");
    if (!public_key.ok()) return public_key.status();
    EXPECT_EQ(public_key->pem.view(), public_pem);
    const absl::StatusOr<std::vector<EncryptionKeyInfo>> private_keys = reader->GetPrivateKeys("orders", {});
    if (!private_keys.ok()) return private_keys.status();
    EXPECT_EQ(private_keys->size(), 2u) << "none is left out for want of memory";
    return absl::OkStatus();
  });
}

// Of OpenSSL's memory, where the key stood: neither with a label that a string asks memory for, nor with bytes that are
// too many for the pages of secrets.
TEST(NoMemoryForKeys, LeavesNothingOfThemAllocated) {
  std::string too_long = "-----BEGIN PRIVATE KEY-----\n";
  for (int line = 0; line < 400; ++line) too_long.append(64, 'A').append("\n");
  too_long.append("-----END PRIVATE KEY-----\n");
  const std::pair<std::string, absl::StatusCode> keys[] = {
      {TestKey("rsa-2048.encrypted.private.pem"), absl::StatusCode::kOk},
      {too_long, absl::StatusCode::kInvalidArgument},
  };
  for (const auto& [pem, expected] : keys) {
    SCOPED_TRACE(pem.substr(0, pem.find('\n')));
    const auto describe = [&pem = pem, &expected = expected] {
      const absl::Status status = DescribeKey(pem, "correct", {}).status();
      return status.code() == expected ? absl::OkStatus() : status;
    };
    // OpenSSL keeps the words of its last 16 errors.
    for (int i = 0; i < 20; ++i) ASSERT_EQ(describe(), absl::OkStatus());
    const auto live = testing::LiveContextAllocations();
    FailEachAllocation(1, describe, [&](const absl::Status&) { EXPECT_EQ(testing::LiveContextAllocations(), live); });
  }
}

TEST(NoMemoryForABatch, LeavesItAsItWas) {
  const std::string value(100, 'v'), payload(1000, 'p');
  framing::SingleMessage message;
  message.properties = {{"name", value}};
  message.payload = payload;
  std::string batch;
  FailEachAllocation(
      1,
      [&] {
        std::string("before").swap(batch);
        return AppendToBatch(message, &batch);
      },
      [&](const absl::Status& status) { EXPECT_TRUE(status.ok() || batch == "before") << batch; });
}

INSTANTIATE_TEST_SUITE_P(, NoMemory, testing::EachAead(), testing::AeadName);

}  // namespace
}  // namespace pulseal
