// SPDX-License-Identifier: Apache-2.0
//
// Rotation under load: how long each message of 1 KiB takes while the data key rotates every 100 ms and the key reader
// needs 50 ms, and how long without rotation. The textbook client rotates on the sending thread, as the clients do.
//
// usage: rotation_bench [--series=FILE] [Google Benchmark's options]
//
// FILE takes the slowest message of each millisecond of one run each, as JSON: {NAME: [nanoseconds, ...], ...}.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "bench/textbook.h"
#include "bench/workload.h"

namespace pulseal::bench {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr size_t kSize = 1024;
constexpr milliseconds kEvery(100), kReaderTakes(50), kRun(600);

// Answers with the same keys, each time as if they were new.
class SlowReader final : public CryptoKeyReader {
 public:
  explicit SlowReader(milliseconds takes) : takes_(takes) {}

  absl::StatusOr<EncryptionKeyInfo> GetPublicKey(const std::string& key_name) override {
    std::this_thread::sleep_for(takes_);
    return reader_->GetPublicKey(key_name);
  }
  absl::StatusOr<std::vector<EncryptionKeyInfo>> GetPrivateKeys(const std::string& key_name,
                                                                const KeyMetadata& metadata) override {
    return reader_->GetPrivateKeys(key_name, metadata);
  }
  uint64_t Generation() override { return ++generation_; }

 private:
  const milliseconds takes_;
  const std::shared_ptr<CryptoKeyReader> reader_ = OneRecipient();
  std::atomic<uint64_t> generation_{0};
};

// Calls `work` every 100 ms on a thread of its own, until destroyed.
class Ticker {
 public:
  template <typename Work>
  explicit Ticker(Work work)
      : thread_([this, work] {
          std::unique_lock<std::mutex> lock(mutex_);
          for (auto due = steady_clock::now() + kEvery; !wake_.wait_until(lock, due, [this] { return done_; });
               due += kEvery) {
            work();
          }
        }) {}

  ~Ticker() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      done_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  bool done_ = false;
  std::thread thread_;
};

std::map<std::string, std::vector<uint32_t>>& AllSeries() {
  static auto* const all = new std::map<std::string, std::vector<uint32_t>>;
  return *all;
}

// The time of each message of one run.
class Latencies {
 public:
  Latencies() { nanoseconds_.reserve(8'000'000); }

  // False where `message` fails.
  template <typename Message>
  bool Measure(Message message) {
    const steady_clock::time_point began = steady_clock::now();
    for (auto last = began; last - began < kRun;) {
      if (!message(last - began)) return false;
      const auto now = steady_clock::now();
      Add(now - last, now - began);
      last = now;
    }
    return true;
  }

  void Report(benchmark::State& state, const std::string& name) {
    std::sort(nanoseconds_.begin(), nanoseconds_.end());
    state.counters["p50"] = Quantile(0.5);
    state.counters["p99"] = Quantile(0.99);
    state.counters["p999"] = Quantile(0.999);
    state.counters["max"] = Quantile(1);
    state.counters["messages"] = static_cast<double>(nanoseconds_.size());
    AllSeries()[name] = slowest_;
  }

 private:
  void Add(std::chrono::nanoseconds took, std::chrono::nanoseconds since_begin) {
    const auto nanoseconds = static_cast<uint32_t>(took.count());
    if (nanoseconds_.size() < nanoseconds_.capacity()) nanoseconds_.push_back(nanoseconds);
    const auto millisecond = static_cast<size_t>(since_begin / milliseconds(1));
    if (slowest_.size() <= millisecond) slowest_.resize(millisecond + 1);
    slowest_[millisecond] = std::max(slowest_[millisecond], nanoseconds);
  }

  double Quantile(double part) const {
    return nanoseconds_[static_cast<size_t>(static_cast<double>(nanoseconds_.size() - 1) * part)];
  }

  std::vector<uint32_t> nanoseconds_, slowest_;  // the second by millisecond
};

// What one run does: state.iterations() is 1.
template <typename Message>
void MeasureRun(benchmark::State& state, const std::string& name, Message message) {
  for (int warm_up = 0; warm_up < 1000; ++warm_up) message(std::chrono::nanoseconds(0));
  for (auto _ : state) {
    Latencies latencies;
    if (!latencies.Measure(message)) return state.SkipWithError("a message failed");
    latencies.Report(state, name);
  }
}

template <typename Backend>
void Pulseal(benchmark::State& state, const std::string& name, bool rotating) {
  const auto encryptor = NewEncryptor<Backend>(std::make_shared<SlowReader>(kReaderTakes));
  Buffers& buffers = BuffersFor(kSize);
  std::unique_ptr<Ticker> ticker;
  if (rotating) ticker = std::make_unique<Ticker>([&encryptor] { encryptor->RotateAsync([](const absl::Status&) {}); });
  MeasureRun(state, name, [&](std::chrono::nanoseconds) { return Encrypts(*encryptor, buffers); });
  ticker.reset();
  const uint64_t rotations = encryptor->counters().rotations - 1;
  state.counters["rotations"] = static_cast<double>(rotations);
  if (rotating && rotations < kRun / kEvery / 2) state.SkipWithError("it did not rotate");
}

template <typename Backend>
void Floor(benchmark::State& state, const std::string& name) {
  typename Backend::Floor floor;
  Buffers& buffers = BuffersFor(kSize);
  uint64_t nonce = 0;
  MeasureRun(state, name,
             [&](std::chrono::nanoseconds) { return floor.Seal(++nonce, buffers.plaintext, buffers.sealed.data()); });
}

void Textbook(benchmark::State& state, const std::string& name, bool rotating) {
  TextbookClient client(std::make_shared<SlowReader>(kReaderTakes), OneName());
  const Buffers& buffers = BuffersFor(kSize);
  std::chrono::nanoseconds due = kEvery;
  int rotations = 0;
  MeasureRun(state, name, [&](std::chrono::nanoseconds since_begin) {
    if (rotating && since_begin >= due) {
      due += kEvery;
      ++rotations;
      if (!client.Rotate()) return false;
    }
    std::string sealed, fields;
    return client.Encrypt(buffers.plaintext, &sealed, &fields);
  });
  state.counters["rotations"] = rotations;
}

template <typename Run>
void RegisterRun(const std::string& name, Run run) {
  Register(name, [run, name](auto& state) { run(state, name); })->Iterations(1)->UseRealTime();
}

const bool registered = [] {
  for (const bool rotating : {false, true}) {
    const char* const parameter = rotating ? "rotating" : "steady";
    ForEachBackend([&](auto backend) {
      using Backend = decltype(backend);
      RegisterRun(Name("rotation", "pulseal", Backend::kName, parameter),
                  [rotating](auto& state, const std::string& name) { Pulseal<Backend>(state, name, rotating); });
    });
    RegisterRun(Name("rotation", "textbook", "openssl", parameter),
                [rotating](auto& state, const std::string& name) { Textbook(state, name, rotating); });
  }
  ForEachBackend([](auto backend) {
    using Backend = decltype(backend);
    RegisterRun(Name("rotation", "floor", Backend::kName, "steady"),
                [](auto& state, const std::string& name) { Floor<Backend>(state, name); });
  });
  return true;
}();

void WriteSeries(const std::string& path) {
  std::ofstream file(path);
  const char* separator = "{";
  for (const auto& [name, slowest] : AllSeries()) {
    file << separator << "\n\"" << name << "\": [";
    for (size_t i = 0; i < slowest.size(); ++i) file << (i > 0 ? ", " : "") << slowest[i];
    file << "]";
    separator = ",";
  }
  file << "\n}\n";
}

// The FILE of --series=FILE, which it takes out of the arguments.
std::string TakeSeriesFile(int& argc, char** argv) {
  constexpr std::string_view kOption = "--series=";
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.substr(0, kOption.size()) != kOption) continue;
    std::rotate(argv + i, argv + i + 1, argv + argc);
    --argc;
    return std::string(argument.substr(kOption.size()));
  }
  return "";
}

}  // namespace
}  // namespace pulseal::bench

int main(int argc, char** argv) {
  const std::string series = pulseal::bench::TakeSeriesFile(argc, argv);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  if (!series.empty()) pulseal::bench::WriteSeries(series);
  return 0;
}
