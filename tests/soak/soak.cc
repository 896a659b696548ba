// SPDX-License-Identifier: Apache-2.0
//
// Everything at once: producers, consumers, an operator who changes keys, and an attacker, through both AEADs; and what must
// hold all the while. Ends with a summary, and with 1 where anything didn't hold.
//
// usage: soak (--messages N | --minutes M) [--any-memory]    N messages of each producer
#include <malloc.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/soak/consumer.h"
#include "tests/soak/operator.h"
#include "tests/soak/process_sample.h"
#include "tests/soak/producer.h"

namespace pulseal::soak {
namespace {

using Seconds = std::chrono::duration<double>;
using std::chrono::steady_clock;

constexpr size_t kTopicsOfEach = 2;          // AEAD
constexpr size_t kThreadsOfObject = 5;       // that Background allows
constexpr size_t kResidentGrowthKib = 8192;  // of the last third over the middle one

struct Arguments {
  uint64_t messages = 0;
  double minutes = 0;
  bool any_memory = false;
};

std::optional<Arguments> Parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--any-memory") {
      arguments.any_memory = true;
    } else if (name == "--messages" && i + 1 < argc) {
      arguments.messages = std::strtoull(argv[++i], nullptr, 10);
    } else if (name == "--minutes" && i + 1 < argc) {
      arguments.minutes = std::strtod(argv[++i], nullptr);
    } else {
      return std::nullopt;
    }
  }
  if ((arguments.messages > 0) == (arguments.minutes > 0)) return std::nullopt;
  return arguments;
}

// Every fifth answer is "not now".
class FlakyReader final : public CryptoKeyReader {
 public:
  explicit FlakyReader(std::shared_ptr<CryptoKeyReader> reader) : reader_(std::move(reader)) {}
  absl::StatusOr<EncryptionKeyInfo> GetPublicKey(const std::string& key_name) override {
    if (Fails()) return absl::UnavailableError("flaky");
    return reader_->GetPublicKey(key_name);
  }
  absl::StatusOr<std::vector<EncryptionKeyInfo>> GetPrivateKeys(const std::string& key_name,
                                                                const KeyMetadata& metadata) override {
    if (Fails()) return absl::UnavailableError("flaky");
    return reader_->GetPrivateKeys(key_name, metadata);
  }
  uint64_t Generation() override { return reader_->Generation(); }

 private:
  bool Fails() { return ++calls_ % 5 == 0; }

  const std::shared_ptr<CryptoKeyReader> reader_;
  std::atomic<uint64_t> calls_{0};
};

// None where there is no such AEAD. The flaky reader's first answer may be "not now".
std::unique_ptr<MessageEncryptor> NewEncryptor(CipherBackend aead, Shared& shared) {
  EncryptorOptions options;
  options.key_names = {"orders", "audit", "rolled"};
  options.key_reader = shared.flaky_keys;
  options.rotation.messages = 2000;
  options.cipher_backend = aead;
  auto encryptor = MessageEncryptor::Create(options);
  if (absl::IsUnavailable(encryptor.status())) encryptor = MessageEncryptor::Create(options);
  if (encryptor.ok()) return *std::move(encryptor);
  shared.violations.Require(absl::IsFailedPrecondition(encryptor.status()), encryptor.status().ToString());
  return nullptr;
}

// Limits so low that each is met: caches overflow, failures expire, the budget for unwrapping runs out.
std::unique_ptr<MessageDecryptor> NewDecryptor(CipherBackend aead, ConsumerCryptoFailureAction action,
                                               const Shared& shared) {
  DecryptorOptions options;
  options.key_reader = shared.flaky_keys;
  options.failure_action = action;
  options.require_encryption = true;
  options.unwraps_per_second = 150;
  options.cache_max_keys = 16;
  options.cache_max_failures = 500;
  options.max_pending = 16;
  options.failure_ttl = std::chrono::seconds(1);
  options.cipher_backend = aead;
  return MessageDecryptor::Create(std::move(options)).value();
}

// One for each AEAD that there is.
std::vector<std::unique_ptr<Backend>> NewBackends(Shared& shared) {
  const std::pair<CipherBackend, ConsumerCryptoFailureAction> wanted[] = {
      {CipherBackend::kOpenSsl, ConsumerCryptoFailureAction::kDiscard},
      {CipherBackend::kIpsecMb, ConsumerCryptoFailureAction::kConsume}};
  std::vector<std::unique_ptr<Backend>> backends;
  for (const auto& [aead, action] : wanted) {
    std::unique_ptr<MessageEncryptor> encryptor = NewEncryptor(aead, shared);
    if (encryptor == nullptr) continue;
    backends.push_back(std::make_unique<Backend>());
    backends.back()->encryptor = std::move(encryptor);
    backends.back()->decryptor = NewDecryptor(aead, action, shared);
  }
  return backends;
}

// A producer, its topic and its consumer.
struct Line {
  Line(uint64_t id, Backend& backend, Shared& shared)
      : producer(id, backend, topic, shared, 2 * id + 1), consumer(id, backend, topic, shared, 2 * id + 2) {}
  Topic topic;
  Producer producer;
  Consumer consumer;
};

void CheckCounters(const Backend& backend, Violations& violations) {
  const EncryptorCounters sent = backend.encryptor->counters();
  const DecryptorCounters read = backend.decryptor->counters();
  const auto equal = [&](const char* what, uint64_t is, uint64_t expected) {
    violations.Require(is == expected, absl::StrCat(what, " is ", is, ", not ", expected));
  };
  // Chunks that were encrypted before the recipients changed were encrypted anew.
  violations.Require(sent.messages_encrypted >= backend.entries, "messages_encrypted is too small");
  equal("messages_sent_in_clear", sent.messages_sent_in_clear, 0);
  equal("messages_plain", read.messages_plain, 0);
  equal("pending", read.pending, backend.pending);
  const uint64_t undecrypted = read.messages_delivered_encrypted + read.messages_discarded + read.messages_failed;
  equal("the sum of all decisions", read.messages_decrypted + undecrypted, backend.decided);
  equal("the sum of all causes",
        read.key_not_found + read.key_unusable + read.key_unavailable + read.unwrap_failed +
            read.authentication_failed + read.malformed + read.limit_reached + read.not_encrypted + read.internal,
        undecrypted);
  equal("internal", read.internal, 0);
  equal("key_unusable", read.key_unusable, 0);
}

// The last third of the samples against the one before; the first is the warm-up.
void CheckSamples(const std::vector<ProcessSample>& samples, size_t own_threads, size_t objects, bool any_memory,
                  Violations& violations) {
  const size_t third = samples.size() / 3;
  const ProcessSample before = Largest(samples, third, 2 * third), after = Largest(samples, 2 * third, samples.size());
  const auto flat = [&](const char* what, size_t ProcessSample::*of, size_t bound) {
    std::printf("  %-14s at first %7zu, middle third at most %7zu, last third %7zu; bound %7zu\n", what,
                samples.front().*of, before.*of, after.*of, bound);
    violations.Require(after.*of <= bound, absl::StrCat(what, " grew to ", after.*of, ", over ", bound));
  };
  flat("resident KiB", &ProcessSample::resident_kib, any_memory ? SIZE_MAX : before.resident_kib + kResidentGrowthKib);
  // Each thread may be reading a key file.
  flat("descriptors", &ProcessSample::descriptors, before.descriptors + own_threads);
  flat("threads", &ProcessSample::threads, own_threads + kThreadsOfObject * objects);
}

// When all objects are gone: threads that were stuck in a reader end by themselves, a little later.
void CheckNothingIsLeft(const ProcessSample& start, Violations& violations) {
  ProcessSample end = TakeSample();
  for (int i = 0; i < 1000 && (end.threads > start.threads || end.descriptors > start.descriptors); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    end = TakeSample();
  }
  std::printf("  at the start %zu threads, %zu descriptors; at the end %zu, %zu\n", start.threads, start.descriptors,
              end.threads, end.descriptors);
  violations.Require(end.threads == start.threads, absl::StrCat(end.threads, " threads are left"));
  violations.Require(end.descriptors == start.descriptors, absl::StrCat(end.descriptors, " descriptors are left"));
}

using Lines = std::vector<std::unique_ptr<Line>>;

// Takes samples until all producers and consumers have ended.
std::vector<ProcessSample> RunAll(const Lines& lines, Operator& one_operator, const Arguments& arguments) {
  const auto deadline =
      steady_clock::now() + std::chrono::duration_cast<steady_clock::duration>(Seconds(60 * arguments.minutes));
  const auto goes_on = [&](uint64_t sent) {
    return arguments.messages > 0 ? sent < arguments.messages : steady_clock::now() < deadline;
  };
  std::atomic<bool> ends{false};
  std::atomic<size_t> running{lines.size()};
  std::vector<std::thread> threads;
  std::thread operating([&] { one_operator.Run(ends); });
  for (const auto& line : lines) {
    threads.emplace_back([&] { line->producer.Run(goes_on); });
    threads.emplace_back([&] {
      line->consumer.Run();
      --running;
    });
  }
  std::vector<ProcessSample> samples;
  while (running > 0) {
    samples.push_back(TakeSample());
    std::this_thread::sleep_for(std::chrono::milliseconds(arguments.messages > 0 ? 20 : 500));
  }
  ends = true;
  operating.join();
  for (std::thread& thread : threads) thread.join();
  return samples;
}

void PrintSummary(const Lines& lines, const std::vector<std::unique_ptr<Backend>>& backends, const Shared& shared,
                  const Operator& one_operator, Seconds took) {
  std::map<std::string, uint64_t> hostile;
  uint64_t sent = 0, entries = 0, rotations = 0, unwraps = 0, pending = 0, limited = 0;
  for (const auto& line : lines) {
    sent += line->producer.sent();
    for (const auto& [kind, count] : line->producer.hostile()) hostile[kind] += count;
  }
  for (const auto& backend : backends) {
    entries += backend->entries;
    pending += backend->pending;
    rotations += backend->encryptor->counters().rotations;
    unwraps += backend->decryptor->counters().unwraps;
    limited += backend->decryptor->counters().limit_reached;
  }
  std::printf("soak: %zu AEAD(s), %zu producers, %zu consumers, %.0f s\n", backends.size(), lines.size(), lines.size(),
              took.count());
  std::printf("  messages sent %ju, delivered %ju; entries %ju, %.0f a second\n", uintmax_t{sent},
              uintmax_t{shared.delivered}, uintmax_t{entries}, static_cast<double>(entries) / took.count());
  std::printf("  not now: entries redelivered %ju, sends repeated %ju, beyond the budget %ju\n",
              uintmax_t{shared.redelivered}, uintmax_t{shared.refused}, uintmax_t{limited});
  std::printf("  operator's actions %ju; data keys taken into use %ju, unwraps %ju, asked for by Resolve %ju\n",
              uintmax_t{one_operator.actions()}, uintmax_t{rotations}, uintmax_t{unwraps}, uintmax_t{pending});
  std::printf("  nonces compared %zu, under %zu data keys\n", shared.nonces.nonces(), shared.nonces.data_keys());
  for (const auto& [kind, count] : hostile) std::printf("  hostile: %8ju %s\n", uintmax_t{count}, kind.c_str());
}

// It isn't to be seen in /proc any more, which the end of join alone doesn't promise.
void StartAndEndAThread() {
  std::string task;
  std::thread([&task] { task = absl::StrCat("/proc/self/task/", gettid()); }).join();
  while (std::filesystem::exists(task)) std::this_thread::yield();
}

int Soak(const Arguments& arguments) {
  StartAndEndAThread();  // with the first one ThreadSanitizer starts a thread of its own, which stays
  const ProcessSample start = TakeSample();
  Shared shared;
  shared.flaky_keys = std::make_shared<FlakyReader>(shared.keys);
  WriteKeys(shared.folder);
  std::vector<std::unique_ptr<Backend>> backends = NewBackends(shared);
  shared.violations.Require(!backends.empty(), "no encryptor could be made");
  Lines lines;
  std::vector<Backend*> operated;
  for (const auto& backend : backends) {
    operated.push_back(backend.get());
    for (size_t i = 0; i < kTopicsOfEach; ++i) lines.push_back(std::make_unique<Line>(lines.size(), *backend, shared));
  }
  Operator one_operator(operated, shared, 0);

  const auto began = steady_clock::now();
  const std::vector<ProcessSample> samples = RunAll(lines, one_operator, arguments);
  PrintSummary(lines, backends, shared, one_operator, steady_clock::now() - began);
  for (const auto& line : lines) line->consumer.CheckAll(line->producer.sent());
  for (const auto& backend : backends) CheckCounters(*backend, shared.violations);
  // main, the operator, and the objects of the operator's own: two that are there and two whose threads still end.
  CheckSamples(samples, 2 * lines.size() + 2, 2 * backends.size() + 4, arguments.any_memory, shared.violations);
  lines.clear();
  backends.clear();
  CheckNothingIsLeft(start, shared.violations);

  for (const std::string& violation : shared.violations.first()) std::printf("VIOLATION: %s\n", violation.c_str());
  std::printf("soak: %zu violation(s)\n", shared.violations.count());
  return shared.violations.count() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace pulseal::soak

int main(int argc, char** argv) {
  const std::optional<pulseal::soak::Arguments> arguments = pulseal::soak::Parse(argc, argv);
  if (!arguments.has_value()) {
    std::fprintf(stderr, "usage: soak (--messages N | --minutes M) [--any-memory]\n");
    return 2;
  }
  // With an arena for each thread, glibc's share of the memory would hide a leak's.
  mallopt(M_ARENA_MAX, 2);
  return pulseal::soak::Soak(*arguments);
}
