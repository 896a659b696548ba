// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_SUPPORT_EACH_AEAD_H_
#define PULSEAL_TESTS_SUPPORT_EACH_AEAD_H_

#include <gtest/gtest.h>

#include <string>

#include "lib/crypto/aead.h"
#include "pulseal/cipher_backend.h"

namespace pulseal::testing {

// Every one that this build, processor and installed library have: for INSTANTIATE_TEST_SUITE_P, with AeadName.
inline ::testing::internal::ParamGenerator<CipherBackend> EachAead() {
  const bool has_ipsec_mb = crypto::ChooseAead(CipherBackend::kIpsecMb, {}).ok();
  if (!has_ipsec_mb) return ::testing::Values(CipherBackend::kOpenSsl);
  return ::testing::Values(CipherBackend::kOpenSsl, CipherBackend::kIpsecMb);
}

inline std::string AeadName(const ::testing::TestParamInfo<CipherBackend>& aead) {
  return aead.param == CipherBackend::kOpenSsl ? "OpenSsl" : "IpsecMb";
}

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_SUPPORT_EACH_AEAD_H_
