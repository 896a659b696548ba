// SPDX-License-Identifier: Apache-2.0
//
// Wrapped data keys for an EC key. The first byte chooses the curve and, by its top bit, whether the rest is the
// wrapped key or a data key to be wrapped and opened again.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "lib/crypto/ecies.h"
#include "lib/crypto/unwrap_failed.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/test_keys.h"

namespace {

using pulseal::crypto::PemKey;

PemKey Read(const char* file) { return *pulseal::crypto::ReadPemKey(pulseal::testing::TestKey(file), nullptr, {}); }

const PemKey& Key(size_t choice) {
  static const auto& keys =
      *new std::array<PemKey, 3>{Read("p-256.private.pem"), Read("p-384.private.pem"), Read("p-521.private.pem")};
  return keys[choice % keys.size()];
}

void RoundTrip(const PemKey& key, const std::string& data_key) {
  const auto wrapped = pulseal::crypto::EciesWrap(key, data_key, {});
  const bool possible = !data_key.empty() && data_key.size() <= pulseal::crypto::kMaxEciesDataKeySize;
  FUZZ_CHECK(wrapped.ok() == possible);
  FUZZ_CHECK(!possible || pulseal::crypto::EciesUnwrap(key, *wrapped, {})->view() == data_key);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const PemKey& key = Key(data[0] & 0x7f);
  const std::string rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] & 0x80) {
    RoundTrip(key, rest);
    return 0;
  }
  const auto opened = pulseal::crypto::EciesUnwrap(key, rest, {});
  FUZZ_CHECK(opened.ok() ? pulseal::crypto::EciesFits(key, rest) : opened.status() == pulseal::crypto::UnwrapFailed());
  return 0;
}
