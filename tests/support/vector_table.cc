// SPDX-License-Identifier: Apache-2.0
#include "tests/support/vector_table.h"

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

#include "absl/strings/escaping.h"

namespace pulseal::testing {
namespace {

std::vector<std::string> Words(const std::string& line) {
  std::istringstream words(line);
  std::vector<std::string> all;
  for (std::string word; words >> word;) all.push_back(word);
  return all;
}

[[noreturn]] void Abort(const std::string& what) {
  std::cerr << "vectors: " << what << "\n";
  std::abort();
}

}  // namespace

std::string Vector::Text(const std::string& column) const {
  const auto field = fields_.find(column);
  if (field == fields_.end()) Abort("no column " + column);
  return field->second == "-" ? "" : field->second;
}

std::string Vector::Bytes(const std::string& column) const {
  const std::string hex = Text(column);
  if (hex.size() % 2 != 0 || hex.find_first_not_of("0123456789abcdef") != std::string::npos) Abort("no hex: " + hex);
  return absl::HexStringToBytes(hex);
}

std::vector<Vector> VectorTable(const std::string& name) {
  std::ifstream file(std::string(PULSEAL_SOURCE_DIR "/tests/vectors/") + name);
  std::vector<Vector> vectors;
  std::vector<std::string> columns;
  std::map<std::string, std::string> fields;
  for (std::string line; std::getline(file, line);) {
    const std::vector<std::string> words = Words(line);
    if (words.at(0) == "#") {
      columns.assign(words.begin() + 1, words.end());  // the last comment names them
      continue;
    }
    if (words.size() != columns.size()) Abort("not one field for each column: " + line);
    for (size_t i = 0; i < words.size(); ++i) {
      if (words[i] != "=") fields[columns[i]] = words[i];
    }
    vectors.emplace_back(fields);
  }
  if (vectors.empty()) Abort("none in " + name);
  return vectors;
}

}  // namespace pulseal::testing
