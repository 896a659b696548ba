// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/fuzz_steps.h"

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/fuzz/fuzz.h"
#include "tests/support/metadata_mutator.h"

namespace pulseal {
namespace {

constexpr size_t kStepHead = 5;

size_t BigEndian16(std::string_view bytes) {
  return static_cast<size_t>(static_cast<uint8_t>(bytes[0])) << 8 | static_cast<uint8_t>(bytes[1]);
}

// libFuzzer's mutations change whatever lies in a step; this one also knows steps, and metadata.
class StepMutation {
 public:
  StepMutation(size_t most, unsigned seed) : most_(most), random_(seed) {}

  std::string Of(std::string_view input) {
    std::vector<std::string> steps;
    const std::string options(input.substr(0, 1));
    std::string_view rest = input.substr(options.size());
    for (FuzzStep step; TakeFuzzStep(&rest, &step);) steps.push_back(Written(step.how, step.metadata, step.payload));
    if (steps.empty()) return {};
    ChangeOne(&steps);
    std::string changed = options;
    for (const std::string& step : steps) changed += step;
    return changed.substr(0, most_);
  }

 private:
  size_t Below(size_t end) { return random_() % end; }

  static std::string Written(uint8_t how, std::string_view metadata, std::string_view payload) {
    std::string step(1, static_cast<char>(how));
    for (const size_t size : {metadata.size(), payload.size()}) {
      step.push_back(static_cast<char>(size >> 8));
      step.push_back(static_cast<char>(size));
    }
    return step.append(metadata).append(payload);
  }

  void ChangeOne(std::vector<std::string>* steps) {
    const size_t at = Below(steps->size()), other = Below(steps->size());
    switch (Below(8)) {
      case 0: steps->insert(steps->begin() + static_cast<ptrdiff_t>(other), std::string((*steps)[at])); break;
      case 1: steps->erase(steps->begin() + static_cast<ptrdiff_t>(at)); break;
      case 2: std::swap((*steps)[at], (*steps)[other]); break;
      default: (*steps)[at] = Changed((*steps)[at]);
    }
  }

  std::string Changed(std::string_view bytes) {
    FuzzStep step;
    TakeFuzzStep(&bytes, &step);
    constexpr size_t kLongest = 0xffff;
    if (Below(3) == 0) return Written(static_cast<uint8_t>(random_()), step.metadata, step.payload);
    const std::string metadata = testing::MutateMetadata(step.metadata, kLongest, LLVMFuzzerMutate, random_);
    return Written(step.how, metadata, step.payload);
  }

  const size_t most_;
  std::minstd_rand random_;
};

}  // namespace

bool TakeFuzzStep(std::string_view* rest, FuzzStep* step) {
  if (rest->size() < kStepHead) return false;
  const std::string_view sizes = rest->substr(1, 4);
  step->how = static_cast<uint8_t>(rest->front());
  rest->remove_prefix(kStepHead);
  step->metadata = rest->substr(0, BigEndian16(sizes));
  rest->remove_prefix(step->metadata.size());
  step->payload = rest->substr(0, BigEndian16(sizes.substr(2)));
  rest->remove_prefix(step->payload.size());
  return true;
}

}  // namespace pulseal

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most, unsigned seed) {
  const std::string mutant =
      seed % 4 == 0 ? "" : pulseal::StepMutation(most, seed).Of({reinterpret_cast<const char*>(data), size});
  if (mutant.empty()) return LLVMFuzzerMutate(data, size, most);
  std::copy(mutant.begin(), mutant.end(), data);
  return mutant.size();
}
