// SPDX-License-Identifier: Apache-2.0
//
// usage: timing [MEASUREMENTS]
//
// Whether the time of an unwrap that fails tells why it failed. Built and run by hand, on a machine with nothing else to do:
//
//     cmake --preset release && cmake --build --preset release --target timing && build/release/tests/timing/timing
//
// Two classes of wrapped keys, both invalid, go through LocalKeyWrapper in random order, MEASUREMENTS of each (50,000 by
// default, some minutes). Printed is Welch's t between their times, for all and with the slowest cropped: interrupts hide
// small differences. Beyond 4.5 either way the classes can be told apart (Reparaz, Balasch, Verbauwhede, DATE 2017), and
// the exit status is 1. The last pair is a control: one class of it takes a little longer on purpose, and must be found.
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "lib/crypto/pem_key.h"
#include "pulseal/key_readers.h"
#include "pulseal/key_wrapper.h"
#include "tests/support/raw_rsa.h"
#include "tests/support/test_keys.h"

namespace pulseal::testing {
namespace {

constexpr double kTold = 4.5;
constexpr double kKept[] = {1.0, 0.99, 0.95, 0.9, 0.75, 0.5};
constexpr size_t kPool = 1000;  // wrapped keys of each class, so that no single one speaks for it

using Random = std::mt19937_64;
using Classes = std::array<std::vector<std::string>, 2>;

std::string RandomBytes(Random& random, size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

// Both are no OAEP. The first byte of what the private key makes of them is zero in the first class only: whoever learns
// that opens any wrapped key in some thousand attempts (Manger, CRYPTO 2001).
Classes RsaBlocks(Random& random) {
  const auto key = crypto::ReadPemKey(TestKey("rsa-2048.public.pem"), nullptr, {});
  if (!key.ok()) abort();
  Classes classes;
  for (size_t i = 0; i < kPool; ++i) {
    std::string block = RandomBytes(random, 256);
    block[0] = '\0';
    classes[0].push_back(RawRsa(*key, /*with_private_key=*/false, block));
    block[0] = static_cast<char>(1 + random() % 127);  // below the modulus
    classes[1].push_back(RawRsa(*key, /*with_private_key=*/false, block));
  }
  return classes;
}

// The first byte of the tag is wrong, or the last one: a comparison that stops early would tell how many were right.
Classes EciesTags(KeyWrapper& wrapper, Random& random) {
  Classes classes;
  for (size_t i = 0; i < kPool; ++i) {
    std::string wrapped;
    wrapper.Wrap("ec", std::make_shared<const SecretBytes>(SecretBytes::CopyOf(RandomBytes(random, 32))),
                 [&wrapped](const absl::StatusOr<WrappedKey>& answer) { wrapped = answer->bytes; });
    for (const size_t which : {0, 1}) {
      std::string forged = wrapped;
      char& byte = forged[which == 0 ? forged.size() - 20 : forged.size() - 1];
      byte = static_cast<char>(byte ^ (1 + random() % 255));
      classes[which].push_back(forged);
    }
  }
  return classes;
}

std::shared_ptr<KeyWrapper> Wrapper() {
  std::map<std::string, std::string> public_pems;
  std::multimap<std::string, SecretBytes> private_pems;
  for (const auto& [name, file] : {std::pair("rsa", "rsa-2048"), std::pair("ec", "p-256")}) {
    public_pems[name] = TestKey(std::string(file) + ".public.pem");
    private_pems.emplace(name, SecretBytes::CopyOf(TestKey(std::string(file) + ".private.pem")));
  }
  return LocalKeyWrapper(KeysInMemory(std::move(public_pems), std::move(private_pems)));
}

double NanosecondsOf(const std::function<void()>& call) {
  const auto before = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - before).count();
}

struct Moments {
  double count = 0, mean = 0, variance = 0;
};

Moments MomentsBelow(const std::vector<double>& times, double limit) {
  Moments moments;
  double sum_of_squares = 0;
  for (const double time : times) {
    if (time > limit) continue;
    ++moments.count;
    const double from_mean = time - moments.mean;
    moments.mean += from_mean / moments.count;
    sum_of_squares += from_mean * (time - moments.mean);
  }
  moments.variance = sum_of_squares / (moments.count - 1);
  return moments;
}

// Prints a row for each crop; the largest t of either sign.
double Report(const char* name, const std::array<std::vector<double>, 2>& times) {
  std::vector<double> all = times[0];
  all.insert(all.end(), times[1].begin(), times[1].end());
  std::sort(all.begin(), all.end());
  double largest = 0;
  for (const double kept : kKept) {
    const double limit = all[static_cast<size_t>(kept * static_cast<double>(all.size() - 1))];
    const Moments a = MomentsBelow(times[0], limit), b = MomentsBelow(times[1], limit);
    const double t = (a.mean - b.mean) / std::sqrt(a.variance / a.count + b.variance / b.count);
    printf("%-42s %4.0f%%  %12.1f  %12.1f  %9.1f  %7.2f\n", name, 100 * kept, a.mean, b.mean, a.mean - b.mean, t);
    largest = std::max(largest, std::abs(t));
  }
  fflush(stdout);
  return largest;
}

double Measure(const char* name, KeyWrapper& wrapper, const std::string& key_name, const Classes& classes,
               size_t measurements, int extra_steps, Random& random) {
  std::array<std::vector<double>, 2> times;
  volatile uint64_t sink = 1;
  const auto unwrap = [&](size_t which) {
    WrappedKey wrapped{key_name, classes[which][random() % kPool], {}};
    return NanosecondsOf([&] {
      wrapper.Unwrap(std::move(wrapped), 8, [](const absl::StatusOr<Unwrapped>& answer) {
        if (!absl::IsUnauthenticated(answer.status())) abort();
      });
      for (int step = 0; step < (which == 1 ? extra_steps : 0); ++step) sink = sink * 3;
    });
  };
  for (size_t i = 0; i < 1000; ++i) unwrap(i % 2);  // warm
  while (times[0].size() < measurements || times[1].size() < measurements) {
    const size_t which = random() % 2;
    times[which].push_back(unwrap(which));
  }
  return Report(name, times);
}

int Run(size_t measurements) {
  Random random(20240611);
  const std::shared_ptr<KeyWrapper> wrapper = Wrapper();
  const Classes blocks = RsaBlocks(random), tags = EciesTags(*wrapper, random);
  printf("%-42s %5s  %12s  %12s  %9s  %7s\n", "", "kept", "mean, ns", "mean, ns", "apart", "t");
  const double rsa = Measure("RSA: first byte zero, not zero", *wrapper, "rsa", blocks, measurements, 0, random);
  const double ecies = Measure("ECIES: first byte of tag, last", *wrapper, "ec", tags, measurements, 0, random);
  const double control =
      Measure("control: ECIES, the second takes longer", *wrapper, "ec", tags, measurements, 300, random);
  if (control < kTold) printf("the control was not found: take more measurements, or a quieter machine\n");
  return rsa < kTold && ecies < kTold && control >= kTold ? 0 : 1;
}

}  // namespace
}  // namespace pulseal::testing

int main(int argc, char** argv) {
  const size_t measurements = argc > 1 ? strtoul(argv[1], nullptr, 10) : 50000;
  return pulseal::testing::Run(std::max<size_t>(measurements, 100));
}
