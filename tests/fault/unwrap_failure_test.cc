// SPDX-License-Identifier: Apache-2.0
//
// Why an unwrap failed must not show, neither in the answer nor in what it took. Times are measured by hand:
// tests/timing.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/crypto/pem_key.h"
#include "pulseal/key_readers.h"
#include "pulseal/key_wrapper.h"
#include "tests/fault/allocation_counter.h"
#include "tests/support/raw_rsa.h"
#include "tests/support/test_keys.h"

namespace pulseal {
namespace {

using testing::Allocations;
using testing::RawRsa;
using testing::TestKey;

struct Cost {
  absl::Status status;
  size_t allocations = 0;
};

class UnwrapFailure : public ::testing::Test {
 protected:
  UnwrapFailure() {
    std::multimap<std::string, SecretBytes> private_pems;
    private_pems.emplace("rsa", SecretBytes::CopyOf(TestKey("rsa-2048.private.pem")));
    private_pems.emplace("ec", SecretBytes::CopyOf(TestKey("p-256.private.pem")));
    wrapper_ = LocalKeyWrapper(KeysInMemory({{"ec", TestKey("p-256.public.pem")}}, std::move(private_pems)));
  }

  // Of several times the least: OpenSSL makes its blinding factors anew now and then.
  Cost CostOf(const std::string& key_name, const std::string& bytes) {
    Cost least;
    for (int i = 0; i < 5; ++i) {
      WrappedKey wrapped{key_name, bytes, {}};
      absl::Status status;
      const size_t before = Allocations();
      wrapper_->Unwrap(std::move(wrapped), 8,
                       [&status](const absl::StatusOr<Unwrapped>& answer) { status = answer.status(); });
      const size_t allocations = Allocations() - before;
      if (i == 0 || allocations < least.allocations) least = {status, allocations};
    }
    return least;
  }

  void ExpectAlike(const std::string& key_name, const std::vector<std::string>& wrapped_keys) {
    CostOf(key_name, wrapped_keys[0]);  // warm
    const Cost first = CostOf(key_name, wrapped_keys[0]);
    EXPECT_EQ(first.status.code(), absl::StatusCode::kUnauthenticated);
    EXPECT_GT(first.allocations, 0u);
    for (size_t i = 1; i < wrapped_keys.size(); ++i) {
      const Cost cost = CostOf(key_name, wrapped_keys[i]);
      EXPECT_EQ(cost.status, first.status) << i;
      EXPECT_EQ(cost.allocations, first.allocations) << i;
    }
  }

  std::shared_ptr<KeyWrapper> wrapper_;
};

TEST_F(UnwrapFailure, EveryWrongRsaBlockCostsTheSame) {
  const auto key = crypto::ReadPemKey(TestKey("rsa-2048.public.pem"), nullptr, {});
  ASSERT_TRUE(key.ok());
  std::vector<std::string> wrapped_keys;
  for (const char first : {'\0', '\1', '\x7f'}) {
    for (const char rest : {'\0', '\1', 'x', '\xff'}) {
      wrapped_keys.push_back(RawRsa(*key, /*with_private_key=*/false, first + std::string(255, rest)));
    }
  }
  ExpectAlike("rsa", wrapped_keys);
}

TEST_F(UnwrapFailure, EveryWrongByteBehindThePointCostsTheSame) {
  std::string wrapped;
  wrapper_->Wrap("ec", std::make_shared<const SecretBytes>(SecretBytes::CopyOf(std::string(32, 'k'))),
                 [&wrapped](const absl::StatusOr<WrappedKey>& answer) { wrapped = answer->bytes; });
  ASSERT_EQ(wrapped.size(), 117u);
  std::vector<std::string> wrapped_keys;
  for (size_t place = 65; place < wrapped.size(); ++place) {
    std::string forged = wrapped;
    forged[place] = static_cast<char>(forged[place] ^ 1);
    wrapped_keys.push_back(forged);
  }
  ExpectAlike("ec", wrapped_keys);
}

}  // namespace
}  // namespace pulseal
