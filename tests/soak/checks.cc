// SPDX-License-Identifier: Apache-2.0
#include "tests/soak/checks.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>

#include "pulseal/encryption_metadata.h"

namespace pulseal::soak {
namespace {

constexpr size_t kViolationsKept = 20;
constexpr size_t kDataKeysKept = 64;
constexpr size_t kNonceFieldSize = 2 + kNonceSize;  // field 15, which comes last
constexpr std::string_view kMark = "soak";          // as a batch's first size it would be over every limit

// splitmix64: bytes that no codec makes shorter.
uint64_t NextOf(uint64_t& state) {
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

}  // namespace

void Violations::Add(std::string what) {
  MutexLock lock(mutex_);
  ++count_;
  if (first_.size() < kViolationsKept) first_.push_back(std::move(what));
}

size_t Violations::count() const {
  MutexLock lock(mutex_);
  return count_;
}

std::vector<std::string> Violations::first() const {
  MutexLock lock(mutex_);
  return first_;
}

std::string MessageOf(uint64_t producer, uint64_t sequence, size_t size) {
  std::string message(kMark);
  message.resize(std::max(size, kMinMessageSize));
  std::memcpy(&message[4], &producer, sizeof(producer));
  std::memcpy(&message[12], &sequence, sizeof(sequence));
  uint64_t state = producer << 48 ^ sequence << 16 ^ message.size();
  for (size_t at = kMinMessageSize; at < message.size(); at += sizeof(uint64_t)) {
    const uint64_t next = NextOf(state);
    std::memcpy(&message[at], &next, std::min(sizeof(next), message.size() - at));
  }
  return message;
}

bool IsMessage(std::string_view message, uint64_t* producer, uint64_t* sequence) {
  if (message.size() < kMinMessageSize) return false;
  std::memcpy(producer, &message[4], sizeof(*producer));
  std::memcpy(sequence, &message[12], sizeof(*sequence));
  return message == MessageOf(*producer, *sequence, message.size());
}

bool SequenceCheck::Accept(uint64_t sequence) {
  if (sequence < next_ || !ahead_.insert(sequence).second) return false;
  for (auto first = ahead_.begin(); first != ahead_.end() && *first == next_; first = ahead_.erase(first)) ++next_;
  return true;
}

bool NonceCheck::Accept(std::string_view fields) {
  if (fields.size() <= kNonceFieldSize) return false;
  const size_t data_key = std::hash<std::string_view>()(fields.substr(0, fields.size() - kNonceFieldSize));
  const std::string nonce(fields.substr(fields.size() - kNonceSize));
  MutexLock lock(mutex_);
  ++nonces_;
  auto known = std::find_if(newest_.begin(), newest_.end(), [&](const Nonces& of) { return of.data_key == data_key; });
  if (known == newest_.end()) {
    ++data_keys_;
    if (newest_.size() == kDataKeysKept) newest_.pop_back();
    newest_.push_front(Nonces{data_key, {}});
    known = newest_.begin();
  }
  return known->seen.insert(nonce).second;
}

size_t NonceCheck::data_keys() const {
  MutexLock lock(mutex_);
  return data_keys_;
}

size_t NonceCheck::nonces() const {
  MutexLock lock(mutex_);
  return nonces_;
}

}  // namespace pulseal::soak
