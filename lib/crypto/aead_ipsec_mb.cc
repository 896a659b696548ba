// SPDX-License-Identifier: Apache-2.0
//
// Its calls return nothing, so what they would refuse is refused before. Each of them, the job and scatter-gather ones
// too, clears an error word that the process has once: the plain ones do it once a message, the others more often.
#include <intel-ipsec-mb.h>
#include <openssl/crypto.h>

#include <array>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/crypto/aead.h"
#include "lib/status.h"

namespace pulseal::crypto {
namespace {

constexpr uint64_t kFeaturesNeeded = IMB_CPUFLAGS_AVX2;
constexpr size_t kLongestText = 0x7fffffff;

const uint8_t* Bytes(const char* data) { return reinterpret_cast<const uint8_t*>(data); }
uint8_t* Bytes(char* data) { return reinterpret_cast<uint8_t*>(data); }

// For one size of key.
struct Calls {
  aes_gcm_pre_t set_key = nullptr;
  aes_gcm_enc_dec_t seal = nullptr, open = nullptr;
};

// What a call keeps notes in: some of them would decrypt the last block. On the stack, since with many data keys in turn
// the cipher would wait for memory that it is about to overwrite.
struct Notes {
  ~Notes() { OPENSSL_cleanse(&data, sizeof data); }
  gcm_context_data data;
};

class IpsecMbContext final : public AeadContext {
 public:
  IpsecMbContext(const Calls& calls, std::string_view key) : calls_(calls) { calls_.set_key(key.data(), &key_); }
  ~IpsecMbContext() override { OPENSSL_cleanse(&key_, sizeof key_); }

  AeadResult Seal(const char* nonce, std::string_view associated_data, std::string_view plaintext, char* out) override {
    if (plaintext.size() > kLongestText) return AeadResult::kBackendFailed;
    Notes notes;
    calls_.seal(&key_, &notes.data, Bytes(out), Bytes(plaintext.data()), plaintext.size(), Bytes(nonce),
                Bytes(associated_data.data()), associated_data.size(), Bytes(out) + plaintext.size(), kTagSize);
    return AeadResult::kOk;
  }

  // The plaintext is in `out` before its tag is known: nobody is told of it until the tags are equal.
  AeadResult Open(const char* nonce, std::string_view associated_data, std::string_view sealed, char* out) override {
    const std::string_view ciphertext = sealed.substr(0, sealed.size() - kTagSize);
    if (ciphertext.size() > kLongestText) return AeadResult::kBackendFailed;
    std::array<uint8_t, kTagSize> tag;
    Notes notes;
    calls_.open(&key_, &notes.data, Bytes(out), Bytes(ciphertext.data()), ciphertext.size(), Bytes(nonce),
                Bytes(associated_data.data()), associated_data.size(), tag.data(), kTagSize);
    if (CRYPTO_memcmp(tag.data(), sealed.data() + ciphertext.size(), kTagSize) == 0) return AeadResult::kOk;
    OPENSSL_cleanse(tag.data(), tag.size());  // it is the right one for a forged message
    if (!ciphertext.empty()) OPENSSL_cleanse(out, ciphertext.size());
    return AeadResult::kTagMismatch;
  }

 private:
  const Calls calls_;                  // in the first line, which the call reads anyway
  alignas(64) gcm_key_data key_ = {};  // the header says so only where LINUX is defined
};

class IpsecMbBackend final : public AeadBackend {
 public:
  explicit IpsecMbBackend(const IMB_MGR& manager)
      : aes128_{manager.gcm128_pre, manager.gcm128_enc, manager.gcm128_dec},
        aes192_{manager.gcm192_pre, manager.gcm192_enc, manager.gcm192_dec},
        aes256_{manager.gcm256_pre, manager.gcm256_enc, manager.gcm256_dec} {}

  CipherBackend kind() const override { return CipherBackend::kIpsecMb; }

  absl::StatusOr<std::unique_ptr<AeadContext>> NewContext(std::string_view key) const override {
    switch (key.size()) {
      case 16: return std::make_unique<IpsecMbContext>(aes128_, key);
      case 24: return std::make_unique<IpsecMbContext>(aes192_, key);
      case 32: return std::make_unique<IpsecMbContext>(aes256_, key);
      default: return absl::InvalidArgumentError("an AES key is 16, 24 or 32 bytes");
    }
  }

 private:
  const Calls aes128_, aes192_, aes256_;
};

absl::Status Absent(const std::string& why) {
  return Misuse("libipsec-mb can't be used: " + why, absl::StatusCode::kFailedPrecondition);
}

// The layout of its structures is that of the header, so another version, even a later one, may not be used.
absl::Status CheckVersion() {
  if (imb_get_version() == IMB_VERSION_NUM) return absl::OkStatus();
  return Absent(absl::StrCat("version ", imb_get_version_str(), " is installed and Pulseal was built with ",
                             IMB_VERSION_STR, "; build Pulseal again"));
}

absl::Status CheckFeatures(const IMB_MGR& manager) {
  if ((manager.features & kFeaturesNeeded) != kFeaturesNeeded) {
    return Absent("the processor has not all of AES-NI, PCLMULQDQ, AVX2 and BMI2");
  }
  constexpr uint64_t kTested = IMB_FEATURE_SELF_TEST | IMB_FEATURE_SELF_TEST_PASS;
  if ((manager.features & kTested) == kTested) return absl::OkStatus();
  return absl::InternalError("libipsec-mb failed its self-test");
}

std::string Pattern(size_t size, size_t seed) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>((i * 167 + seed * 61) >> 3);
  return text;
}

// Whether both seal a message alike, and `ours` opens it and nothing else.
bool AgreeOn(AeadContext& ours, AeadContext& reference, size_t size) {
  const std::string nonce = Pattern(kNonceSize, size), data = Pattern(size % 40, 1), text = Pattern(size, 2);
  std::string sealed(size + kTagSize, '\0'), expected = sealed, opened(size, '\0');
  const bool is_same = ours.Seal(nonce.data(), data, text, sealed.data()) == AeadResult::kOk &&
                       reference.Seal(nonce.data(), data, text, expected.data()) == AeadResult::kOk &&
                       sealed == expected;
  const bool is_opened = ours.Open(nonce.data(), data, sealed, opened.data()) == AeadResult::kOk && opened == text;
  sealed.back() = static_cast<char>(sealed.back() ^ 1);
  return is_same && is_opened && ours.Open(nonce.data(), data, sealed, opened.data()) == AeadResult::kTagMismatch;
}

absl::Status CheckAgainst(const AeadBackend& reference, const AeadBackend& ours) {
  for (const size_t key_size : {16, 24, 32}) {
    const std::string key = Pattern(key_size, 3);
    const auto expected = reference.NewContext(key), made = ours.NewContext(key);
    if (!expected.ok()) return expected.status();
    for (const size_t size : {0, 1, 15, 16, 17, 64, 129, 256, 1000, 4099}) {
      if (AgreeOn(**made, **expected, size)) continue;
      return absl::InternalError(
          absl::StrCat("libipsec-mb and OpenSSL differ on ", size, " bytes under AES-", 8 * key_size, "-GCM"));
    }
  }
  return absl::OkStatus();
}

struct FreeManager {
  void operator()(IMB_MGR* manager) const { free_mb_mgr(manager); }
};

}  // namespace

absl::StatusOr<std::shared_ptr<const AeadBackend>> IpsecMbAead(const AeadBackend& reference) {
  if (absl::Status status = CheckVersion(); !status.ok()) return status;
  const std::unique_ptr<IMB_MGR, FreeManager> manager(alloc_mb_mgr(0));
  if (manager == nullptr) return absl::InternalError("libipsec-mb could not be set up");
  init_mb_mgr_auto(manager.get(), nullptr);  // runs its self-test
  if (absl::Status status = CheckFeatures(*manager); !status.ok()) return status;
  auto backend = std::make_shared<IpsecMbBackend>(*manager);
  if (absl::Status status = CheckAgainst(reference, *backend); !status.ok()) return status;
  return backend;
}

}  // namespace pulseal::crypto
