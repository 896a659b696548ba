// SPDX-License-Identifier: Apache-2.0
#include <intel-ipsec-mb.h>

#include <cstdlib>
#include <cstring>

#include "bench/floor.h"

namespace pulseal::bench {
namespace {

const IMB_MGR& Manager() {
  static const IMB_MGR* const manager = [] {
    IMB_MGR* const made = alloc_mb_mgr(0);
    if (made == nullptr) std::abort();
    init_mb_mgr_auto(made, nullptr);
    return made;
  }();
  return *manager;
}

uint8_t* Bytes(char* text) { return reinterpret_cast<uint8_t*>(text); }
const uint8_t* Bytes(std::string_view text) { return reinterpret_cast<const uint8_t*>(text.data()); }

}  // namespace

struct IpsecMbState {
  alignas(64) gcm_key_data key;
  gcm_context_data work;
  aes_gcm_enc_dec_t seal = Manager().gcm256_enc, open = Manager().gcm256_dec;
};

IpsecMbFloor::IpsecMbFloor() : state_(std::make_unique<IpsecMbState>()) {
  Manager().gcm256_pre(kFloorKey, &state_->key);
}
IpsecMbFloor::~IpsecMbFloor() = default;
IpsecMbFloor::IpsecMbFloor(IpsecMbFloor&&) noexcept = default;

bool IpsecMbFloor::Seal(uint64_t nonce, std::string_view plaintext, char* out) {
  state_->seal(&state_->key, &state_->work, Bytes(out), Bytes(plaintext), plaintext.size(), NonceOf(nonce).data(),
               nullptr, 0, Bytes(out) + plaintext.size(), kTagSize);
  return true;
}

bool IpsecMbFloor::Open(uint64_t nonce, std::string_view sealed, char* out) {
  const std::string_view ciphertext = sealed.substr(0, sealed.size() - kTagSize);
  uint8_t tag[kTagSize];
  state_->open(&state_->key, &state_->work, Bytes(out), Bytes(ciphertext), ciphertext.size(), NonceOf(nonce).data(),
               nullptr, 0, tag, kTagSize);
  return std::memcmp(tag, sealed.data() + ciphertext.size(), kTagSize) == 0;
}

}  // namespace pulseal::bench
