// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_SUPPORT_VECTOR_TABLE_H_
#define PULSEAL_TESTS_SUPPORT_VECTOR_TABLE_H_

#include <map>
#include <string>
#include <vector>

namespace pulseal::testing {

// One vector of a table in tests/vectors, whose README describes the form. Aborts the test program when asked for a
// column that isn't there, or for the bytes of one that isn't hex.
class Vector {
 public:
  explicit Vector(std::map<std::string, std::string> fields) : fields_(std::move(fields)) {}

  std::string Text(const std::string& column) const;
  std::string Bytes(const std::string& column) const;

 private:
  std::map<std::string, std::string> fields_;  // by column, dittos replaced
};

// The vectors of tests/vectors/NAME; aborts the test program where there are none.
std::vector<Vector> VectorTable(const std::string& name);

// How many vectors of each verdict came to each outcome: {"valid, opens", 12}.
using Outcomes = std::map<std::string, int>;

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_SUPPORT_VECTOR_TABLE_H_
