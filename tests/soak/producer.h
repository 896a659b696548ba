// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_SOAK_PRODUCER_H_
#define PULSEAL_TESTS_SOAK_PRODUCER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pulseal/framing/entry_producer.h"
#include "tests/soak/hostile.h"
#include "tests/soak/shared.h"
#include "tests/soak/topic.h"

namespace pulseal::soak {

// Sends numbered messages alone, in batches and in chunks, through every codec, and hostile ones between them.
class Producer {
 public:
  Producer(uint64_t id, Backend& backend, Topic& topic, Shared& shared, uint64_t seed);

  void Run(const std::function<bool(uint64_t sent)>& goes_on);
  uint64_t sent() const { return sequence_; }
  const std::map<std::string, uint64_t>& hostile() const { return hostile_; }

 private:
  void SendThroughEncryptor();
  void SendAlone();
  void SendBatch();
  void SendInChunks();
  void SendHostile();
  std::string NextMessage(size_t size) { return MessageOf(id_, sequence_++, size); }
  framing::MessageMetadata Metadata() const;
  framing::EntryProducer& AnyFraming() { return *framing_[Below(random_, framing_.size())]; }
  framing::EntrySink Sink(int32_t num_messages);
  void Put(std::string_view metadata, std::string_view fields, std::string_view payload, int32_t num_messages,
           bool is_chunk);
  void UntilSent(const std::function<absl::Status()>& send);

  const uint64_t id_;
  Backend& backend_;
  Topic& topic_;
  Shared& shared_;
  Random random_;
  const std::shared_ptr<KeyWrapper> attacker_;
  std::vector<std::unique_ptr<framing::EntryProducer>> framing_;  // one for each codec
  uint64_t sequence_ = 0;
  std::optional<Entry> last_;  // that isn't a chunk
  std::map<std::string, uint64_t> hostile_;
};

}  // namespace pulseal::soak

#endif  // PULSEAL_TESTS_SOAK_PRODUCER_H_
