// SPDX-License-Identifier: Apache-2.0
#include "tests/support/test_keys.h"

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

namespace pulseal::testing {

std::string TestKey(const std::string& file_name) {
  const std::string path = std::string(PULSEAL_SOURCE_DIR "/tests/vectors/keys/") + file_name;
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file || text.str().empty()) {
    std::cerr << "test key missing: " << path << "\n";
    std::abort();
  }
  return text.str();
}

}  // namespace pulseal::testing
