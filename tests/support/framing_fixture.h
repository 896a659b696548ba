// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_SUPPORT_FRAMING_FIXTURE_H_
#define PULSEAL_TESTS_SUPPORT_FRAMING_FIXTURE_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "pulseal/framing/entry_consumer.h"
#include "pulseal/framing/entry_producer.h"
#include "tests/support/fake_key_wrapper.h"

namespace pulseal::testing {

// An entry that a sink was handed, copied.
struct SentEntry {
  std::string metadata, payload;  // the metadata with its encryption fields
  bool encrypted = false;

  framing::MessageMetadata parsed() const { return *framing::ParseMessageMetadata(metadata); }
};

// A producer and a consumer who hold the same FakeKeyWrapper's keys. Options may be changed until the first use.
class FramingFixture : public ::testing::Test {
 protected:
  FramingFixture() {
    encryptor_options_.key_names = {"orders"};
    encryptor_options_.key_wrapper = decryptor_options_.key_wrapper = wrapper_;
    encryptor_options_.background.mode = decryptor_options_.background.mode = Background::Mode::kMaintain;
    encryptor_options_.background.clock =
        decryptor_options_.background.clock = [] { return std::chrono::nanoseconds(1); };
    metadata_.producer_name = "producer";
    metadata_.sequence_id = 7;
    metadata_.publish_time = 1700000000000;
  }

  MessageEncryptor& encryptor() {
    if (encryptor_ == nullptr) encryptor_ = *MessageEncryptor::Create(encryptor_options_);
    return *encryptor_;
  }
  MessageDecryptor& decryptor() {
    if (decryptor_ == nullptr) decryptor_ = *MessageDecryptor::Create(decryptor_options_);
    return *decryptor_;
  }
  framing::EntryProducer& producer() {
    if (producer_ == nullptr) producer_ = std::make_unique<framing::EntryProducer>(encryptor(), producer_options_);
    return *producer_;
  }
  framing::EntryConsumer& consumer() {
    if (consumer_ == nullptr) consumer_ = std::make_unique<framing::EntryConsumer>(decryptor(), consumer_options_);
    return *consumer_;
  }

  framing::EntrySink Sink() {
    return [this](const framing::OutgoingEntry& entry) {
      sent_.push_back({std::string(entry.metadata) + std::string(entry.encryption_fields), std::string(entry.payload),
                       entry.encrypted});
      return absl::OkStatus();
    };
  }
  // What they hand to the sink, until the next call.
  const std::vector<SentEntry>& Send(std::string_view payload) {
    sent_.clear();
    const absl::Status status = producer().Send(metadata_, payload, Sink());
    EXPECT_TRUE(status.ok()) << status;
    return sent_;
  }
  const std::vector<SentEntry>& SendBatch(const std::vector<framing::SingleMessage>& messages) {
    sent_.clear();
    const absl::Status status = producer().SendBatch(metadata_, messages, Sink());
    EXPECT_TRUE(status.ok()) << status;
    return sent_;
  }
  framing::Consumed Consume(const SentEntry& entry, uint64_t cookie) {
    return consumer().Consume(entry.metadata, entry.payload, cookie, now_);
  }

  const std::shared_ptr<FakeKeyWrapper> wrapper_ = std::make_shared<FakeKeyWrapper>();
  EncryptorOptions encryptor_options_;
  DecryptorOptions decryptor_options_;
  framing::EntryProducerOptions producer_options_;
  framing::EntryConsumerOptions consumer_options_;
  framing::MessageMetadata metadata_;
  std::chrono::nanoseconds now_{0};
  std::vector<SentEntry> sent_;
  std::unique_ptr<MessageEncryptor> encryptor_;
  std::unique_ptr<MessageDecryptor> decryptor_;
  std::unique_ptr<framing::EntryProducer> producer_;
  std::unique_ptr<framing::EntryConsumer> consumer_;
};

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_SUPPORT_FRAMING_FIXTURE_H_
