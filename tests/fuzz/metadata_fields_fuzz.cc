// SPDX-License-Identifier: Apache-2.0
//
// ScanMetadata and ParseWrappedKey beside protobuf's parser: the same bytes accepted, the same values read.
#include "tests/fuzz/fuzz.h"
#include "tests/support/protobuf/metadata_oracle.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string difference =
      pulseal::testing::DifferenceFromProtobuf(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!difference.empty()) std::fprintf(stderr, "%s\n", difference.c_str());
  FUZZ_CHECK(difference.empty());
  return 0;
}
