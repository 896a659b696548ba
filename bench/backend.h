// SPDX-License-Identifier: Apache-2.0
//
// The backends of AES-GCM, each with its floor: everything is measured on every one that this processor can run.
#ifndef PULSEAL_BENCH_BACKEND_H_
#define PULSEAL_BENCH_BACKEND_H_

#include "bench/floor.h"

namespace pulseal::bench {

struct OpenSslBackend {
  static constexpr const char* kName = "openssl";
  using Floor = OpenSslFloor;

  // Has an encryptor or decryptor that is made with `options` run on this backend.
  template <typename Options>
  static void ForceIn(Options&) {}
};

// register_on(OpenSslBackend()), and so on.
template <typename Register>
void ForEachBackend(Register register_on) {
  register_on(OpenSslBackend());
}

}  // namespace pulseal::bench

#endif  // PULSEAL_BENCH_BACKEND_H_
