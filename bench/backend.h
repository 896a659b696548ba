// SPDX-License-Identifier: Apache-2.0
//
// The backends of AES-GCM, each with its floor: everything is measured on every one that this processor can run.
#ifndef PULSEAL_BENCH_BACKEND_H_
#define PULSEAL_BENCH_BACKEND_H_

#include <utility>

#include "bench/floor.h"
#include "pulseal/message_decryptor.h"

namespace pulseal::bench {

struct OpenSslBackend {
  static constexpr const char* kName = "openssl";
  using Floor = OpenSslFloor;

  static constexpr CipherBackend kChoice = CipherBackend::kOpenSsl;
};

#ifdef PULSEAL_BENCH_IPSEC_MB
struct IpsecMbBackend {
  static constexpr const char* kName = "ipsec-mb";
  using Floor = IpsecMbFloor;
  static constexpr CipherBackend kChoice = CipherBackend::kIpsecMb;
};
#endif

inline bool IsHere(CipherBackend choice) {
  DecryptorOptions options;
  options.cipher_backend = choice;
  return MessageDecryptor::Create(std::move(options)).ok();
}

// register_on(OpenSslBackend()), and so on.
template <typename Register>
void ForEachBackend(Register register_on) {
  register_on(OpenSslBackend());
#ifdef PULSEAL_BENCH_IPSEC_MB
  if (IsHere(CipherBackend::kIpsecMb)) register_on(IpsecMbBackend());
#endif
}

}  // namespace pulseal::bench

#endif  // PULSEAL_BENCH_BACKEND_H_
