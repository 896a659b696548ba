// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_key_wrapper.h"

#include <stdexcept>
#include <utility>

namespace pulseal::testing {
namespace {

constexpr std::string_view kMark = "fake:";

void Xor(absl::Span<char> bytes) {
  for (char& c : bytes) c = static_cast<char>(c ^ 0x5a);
}

std::string Xored(std::string_view bytes) {
  std::string xored(bytes);
  Xor(absl::MakeSpan(xored));
  return xored;
}

}  // namespace

FakeKeyWrapper::~FakeKeyWrapper() {
  std::vector<std::thread> threads;
  {
    MutexLock lock(mutex_);
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) {
    // The last reference may be dropped by the answer itself.
    if (thread.get_id() == std::this_thread::get_id()) {
      thread.detach();
    } else {
      thread.join();
    }
  }
}

std::string FakeKeyWrapper::WrappedBytes(std::string_view data_key) { return std::string(kMark) + Xored(data_key); }

std::string FakeKeyWrapper::DataKeyIn(std::string_view wrapped_bytes) {
  if (wrapped_bytes.substr(0, kMark.size()) != kMark) return {};
  return Xored(wrapped_bytes.substr(kMark.size()));
}

void FakeKeyWrapper::SetManner(Manner manner) {
  MutexLock lock(mutex_);
  manner_ = manner;
}

void FakeKeyWrapper::SetStatus(const std::string& key_name, absl::Status status) {
  MutexLock lock(mutex_);
  statuses_[key_name] = std::move(status);
}

void FakeKeyWrapper::SetOperations(int operations) {
  MutexLock lock(mutex_);
  operations_ = operations;
}

void FakeKeyWrapper::SetGeneration(uint64_t generation) {
  MutexLock lock(mutex_);
  generation_ = generation;
}

void FakeKeyWrapper::SetBeforeCall(std::function<void(const std::string&)> before_call) {
  MutexLock lock(mutex_);
  before_call_ = std::move(before_call);
}

void FakeKeyWrapper::Release() {
  while (ReleaseOne()) {
  }
}

bool FakeKeyWrapper::ReleaseOne(size_t behind) {
  std::function<void()> answer;
  {
    MutexLock lock(mutex_);
    if (held_.size() <= behind) return false;
    const auto one = held_.begin() + static_cast<std::ptrdiff_t>(behind);
    answer = std::move(*one);
    held_.erase(one);
  }
  answer();
  return true;
}

void FakeKeyWrapper::WaitForHeld(size_t count) {
  MutexLock lock(mutex_);
  while (held_.size() < count) changed_.Wait(mutex_);
}

size_t FakeKeyWrapper::wraps() const {
  MutexLock lock(mutex_);
  return wraps_;
}

size_t FakeKeyWrapper::unwraps() const {
  MutexLock lock(mutex_);
  return unwrapped_names_.size();
}

size_t FakeKeyWrapper::held() const {
  MutexLock lock(mutex_);
  return held_.size();
}

std::vector<std::string> FakeKeyWrapper::unwrapped_names() const {
  MutexLock lock(mutex_);
  return unwrapped_names_;
}

std::vector<int> FakeKeyWrapper::max_operations() const {
  MutexLock lock(mutex_);
  return max_operations_;
}

uint64_t FakeKeyWrapper::Generation() {
  MutexLock lock(mutex_);
  return generation_;
}

absl::Status FakeKeyWrapper::StatusFor(const std::string& key_name) const {
  MutexLock lock(mutex_);
  const auto found = statuses_.find(key_name);
  return found == statuses_.end() ? absl::OkStatus() : found->second;
}

void FakeKeyWrapper::Wrap(std::string key_name, std::shared_ptr<const SecretBytes> data_key,
                          std::function<void(absl::StatusOr<WrappedKey>)> done) {
  {
    MutexLock lock(mutex_);
    ++wraps_;
  }
  Give(key_name,
       [status = StatusFor(key_name), key_name, bytes = WrappedBytes(data_key->view()), done = std::move(done)] {
         if (!status.ok()) return done(status);
         done(WrappedKey{key_name, bytes, {}});
       });
}

void FakeKeyWrapper::Unwrap(WrappedKey wrapped, int max_operations,
                            std::function<void(absl::StatusOr<Unwrapped>)> done) {
  int operations = 0;
  {
    MutexLock lock(mutex_);
    unwrapped_names_.push_back(wrapped.key_name);
    max_operations_.push_back(max_operations);
    operations = operations_;
  }
  absl::Status status = StatusFor(wrapped.key_name);
  if (status.ok() && wrapped.bytes.compare(0, kMark.size(), kMark) != 0) {
    status = absl::UnauthenticatedError("the fake key does not open these bytes");
  }
  const std::string key_name = wrapped.key_name;
  Give(key_name, [status, operations, wrapped = std::move(wrapped), done = std::move(done)] {
    if (!status.ok()) return done(status);
    Unwrapped unwrapped;
    unwrapped.data_key = SecretBytes::CopyOf(std::string_view(wrapped.bytes).substr(kMark.size()));
    Xor(unwrapped.data_key.mutable_span());
    unwrapped.operations = operations;
    done(std::move(unwrapped));
  });
}

void FakeKeyWrapper::Give(const std::string& key_name, std::function<void()> answer) {
  Manner manner;
  std::function<void(const std::string&)> before_call;
  {
    MutexLock lock(mutex_);
    manner = manner_;
    before_call = before_call_;
  }
  if (before_call) before_call(key_name);
  switch (manner) {
    case Manner::kInside: return answer();
    case Manner::kTwice: answer(); return answer();
    case Manner::kDropped: return;
    case Manner::kThrow: throw std::runtime_error("the fake wrapper throws");
    case Manner::kAnswerAndThrow: answer(); throw std::runtime_error("the fake wrapper throws after its answer");
    case Manner::kHeld: break;
    case Manner::kOtherThread: break;
    case Manner::kNever: break;
  }
  {
    MutexLock lock(mutex_);
    if (manner == Manner::kHeld) held_.push_back(std::move(answer));
    if (manner == Manner::kNever) never_.push_back(std::move(answer));
    if (manner == Manner::kOtherThread) threads_.emplace_back(std::move(answer));
  }
  changed_.NotifyAll();
}

}  // namespace pulseal::testing
