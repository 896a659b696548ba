// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a compressed payload: nothing is written behind the declared size, and what is taken has it. The same bytes
// as a payload: they come back. Input: one byte of codec, three bytes of the declared size (big endian), the bytes.
#include <string>
#include <string_view>

#include "pulseal/framing/compression.h"
#include "tests/fuzz/fuzz.h"

namespace pulseal::framing {
namespace {

void CheckDecompress(Compression codec, std::string_view bytes, uint32_t declared) {
  std::string out(declared + 1, '?');
  const auto result = Decompress(codec, bytes, declared, absl::Span<char>(&out[0], declared));
  FUZZ_CHECK(out.back() == '?');
  FUZZ_CHECK(!result.ok() || result->size() == declared);
}

void CheckRoundTrip(Compression codec, std::string_view bytes) {
  std::string compressed, out;
  if (!Compress(codec, bytes, &compressed).ok()) return;
  FUZZ_CHECK(Decompress(codec, compressed, static_cast<uint32_t>(bytes.size()), &out).ok());
  FUZZ_CHECK(out == bytes);
}

}  // namespace
}  // namespace pulseal::framing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 4, size - 4);
  const auto codec = static_cast<pulseal::framing::Compression>(data[0] % 6);
  pulseal::framing::CheckDecompress(codec, bytes, (data[1] & 7u) << 16 | data[2] << 8 | data[3]);
  pulseal::framing::CheckRoundTrip(codec, bytes);
  return 0;
}
