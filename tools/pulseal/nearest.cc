// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/nearest.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace pulseal::tools {
namespace {

// Levenshtein's: letters to change, add and remove. Neither CLI11 nor Abseil shows one.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (const char letter : a) {
    size_t diagonal = row[0]++;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t changed = diagonal + (letter == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string Nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string nearest;
  size_t least = std::max<size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    // A name can't be that far from a word of another length, and a word may be as long as an argument gets.
    if (word.size() > 3 * candidate.size() + 3) continue;
    const size_t distance = EditDistance(word, candidate);
    if (distance < least) nearest = candidate;
    least = std::min(least, distance);
  }
  return nearest;
}

}  // namespace pulseal::tools
