// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_SUPPORT_EACH_AEAD_H_
#define PULSEAL_TESTS_SUPPORT_EACH_AEAD_H_

#include <gtest/gtest.h>

#include <string>

#include "lib/crypto/aead.h"
#include "pulseal/aead_choice.h"

namespace pulseal::testing {

// Every one that this build, processor and installed library have: for INSTANTIATE_TEST_SUITE_P, with AeadName.
inline ::testing::internal::ParamGenerator<AeadChoice> EachAead() {
  const bool has_ipsec_mb = crypto::ChooseAead(AeadChoice::kIpsecMb, {}).ok();
  if (!has_ipsec_mb) return ::testing::Values(AeadChoice::kOpenSsl);
  return ::testing::Values(AeadChoice::kOpenSsl, AeadChoice::kIpsecMb);
}

inline std::string AeadName(const ::testing::TestParamInfo<AeadChoice>& aead) {
  return aead.param == AeadChoice::kOpenSsl ? "OpenSsl" : "IpsecMb";
}

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_SUPPORT_EACH_AEAD_H_
