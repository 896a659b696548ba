// SPDX-License-Identifier: Apache-2.0
//
// Usage: TARGET_fuzz PATH...: hands each file (those of a folder too) to the fuzz target: whole, cut at up to 256
// places, with up to 1,024 single bits flipped, and changed up to 256 times by the target's own mutator where it has one.
// For builds without libFuzzer.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz.h"

#pragma weak LLVMFuzzerCustomMutator

namespace {

std::minstd_rand random_numbers(1);

std::vector<std::filesystem::path> FilesOf(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return {path};
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(path)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

std::string Contents(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file) {
    std::cerr << path << ": can't be read\n";
    std::exit(1);
  }
  return bytes;
}

void Run(const std::string& bytes) {
  // On the heap and exactly as large, so that a sanitizer sees a read past the end.
  const std::unique_ptr<uint8_t[]> copy(new uint8_t[bytes.size()]);
  std::copy(bytes.begin(), bytes.end(), copy.get());
  LLVMFuzzerTestOneInput(copy.get(), bytes.size());
}

// The distance at which at most `most` of `count` places are visited.
size_t Stride(size_t count, size_t most) { return std::max<size_t>(1, (count + most - 1) / most); }

size_t RunMutants(const std::string& bytes) {
  constexpr size_t kMostMutants = 256, kRoom = 64;
  if (LLVMFuzzerCustomMutator == nullptr) return 0;
  std::string mutant = bytes;
  for (size_t i = 0; i < kMostMutants; ++i) {
    const size_t size = mutant.size();
    mutant.resize(size + kRoom);
    mutant.resize(LLVMFuzzerCustomMutator(reinterpret_cast<uint8_t*>(mutant.data()), size, mutant.size(),
                                          static_cast<unsigned>(random_numbers())));
    Run(mutant);
    if (i % 4 == 3) mutant = bytes;
  }
  return kMostMutants;
}

size_t RunVariants(std::string bytes) {
  size_t runs = 1;
  Run(bytes);
  for (size_t size = 0; size < bytes.size(); size += Stride(bytes.size(), 256), ++runs) Run(bytes.substr(0, size));
  for (size_t bit = 0; bit < 8 * bytes.size(); bit += Stride(8 * bytes.size(), 1024), ++runs) {
    const auto flip = static_cast<char>(1 << bit % 8);
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ flip);
    Run(bytes);
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ flip);
  }
  return runs + RunMutants(bytes);
}

}  // namespace

// A bit flipped, or a byte more.
size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most) {
  if (size < most && random_numbers() % 4 == 0) data[size++] = static_cast<uint8_t>(random_numbers());
  if (size > 0) data[random_numbers() % size] ^= static_cast<uint8_t>(1 << random_numbers() % 8);
  return size;
}

int main(int argc, char** argv) {
  size_t files = 0, runs = 0;
  for (int i = 1; i < argc; ++i) {
    for (const std::filesystem::path& path : FilesOf(argv[i])) {
      ++files;
      runs += RunVariants(Contents(path));
    }
  }
  std::cout << files << " files, " << runs << " inputs\n";
  if (files > 0) return 0;
  std::cerr << "no input: nothing was tested\n";
  return 1;
}
