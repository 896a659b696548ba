// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/as_absl.h"
#include "lib/crypto/ecies.h"
#include "lib/crypto/openssl_source.h"
#include "lib/crypto/pem_key.h"
#include "lib/crypto/random.h"
#include "lib/crypto/rsa_oaep.h"
#include "lib/crypto/unwrap_failed.h"
#include "lib/key_source.h"
#include "lib/parsed_keys.h"
#include "lib/status.h"
#include "pulseal/key_wrapper.h"

namespace pulseal {
namespace {

using crypto::KeyAlgorithm;
using crypto::PemKey;

absl::StatusOr<std::string> WrapFor(const PemKey& recipient, std::string_view data_key,
                                    const crypto::OpenSslSource& source) {
  if (recipient.algorithm == KeyAlgorithm::kEc) return crypto::EciesWrap(recipient, data_key, source);
  return crypto::RsaOaepWrap(recipient, data_key, source);
}

bool Fits(const PemKey& key, std::string_view wrapped) {
  return key.algorithm == KeyAlgorithm::kEc ? crypto::EciesFits(key, wrapped) : crypto::RsaOaepFits(key, wrapped);
}

absl::StatusOr<SecretBytes> UnwrapWith(const PemKey& key, std::string_view wrapped,
                                       const crypto::OpenSslSource& source) {
  if (key.algorithm == KeyAlgorithm::kEc) return crypto::EciesUnwrap(key, wrapped, source);
  return crypto::RsaOaepUnwrap(key, wrapped, source);
}

// `status` with "private key NAME: " before it, unless its words name the key already.
absl::Status Naming(std::string_view kind, const std::string& key_name, const absl::Status& status) {
  const std::string name = Quoted(key_name);
  if (absl::StrContains(status.message(), name)) return status;
  return Prefixed(absl::StrCat(AsAbsl(kind), " ", name), status);
}

class LocalWrapper final : public KeyWrapper {
 public:
  LocalWrapper(std::shared_ptr<CryptoKeyReader> reader, LocalKeyPolicy policy)
      : reader_(std::move(reader)),
        source_{policy.openssl.context, policy.openssl.properties},
        keys_(std::move(policy)) {}

  void Wrap(std::string key_name, std::shared_ptr<const SecretBytes> data_key,
            std::function<void(absl::StatusOr<WrappedKey>)> done) override {
    absl::StatusOr<WrappedKey> wrapped = WrapNow(key_name, data_key->view());
    done(wrapped.ok() ? std::move(wrapped) : Naming("public key", key_name, wrapped.status()));
  }

  void Unwrap(WrappedKey wrapped, int max_operations, std::function<void(absl::StatusOr<Unwrapped>)> done) override {
    absl::StatusOr<Unwrapped> unwrapped = UnwrapNow(wrapped, max_operations);
    done(unwrapped.ok() ? std::move(unwrapped) : Naming("private key", wrapped.key_name, unwrapped.status()));
  }

  uint64_t Generation() override { return reader_->Generation(); }

 private:
  absl::StatusOr<WrappedKey> WrapNow(const std::string& key_name, std::string_view data_key) {
    uint64_t generation = 0;
    absl::StatusOr<EncryptionKeyInfo> info = AskKeySource<EncryptionKeyInfo>([&] {
      generation = reader_->Generation();
      return reader_->GetPublicKey(key_name);
    });
    if (!info.ok()) return info.status();
    absl::StatusOr<std::shared_ptr<const PemKey>> key =
        keys_.Get(key_name, /*want_private=*/false, info->pem.view(), generation);
    if (!key.ok()) return key.status();
    if (absl::Status status = crypto::ReseedGenerator(source_.context); !status.ok()) return status;
    absl::StatusOr<std::string> bytes = WrapFor(**key, data_key, source_);
    if (!bytes.ok()) return bytes.status();
    return WrappedKey{key_name, *std::move(bytes), std::move(info->metadata)};
  }

  absl::StatusOr<Unwrapped> UnwrapNow(const WrappedKey& wrapped, int max_operations) {
    using Candidates = std::vector<EncryptionKeyInfo>;
    uint64_t generation = 0;
    const absl::StatusOr<Candidates> candidates = AskKeySource<Candidates>([&] {
      generation = reader_->Generation();
      return reader_->GetPrivateKeys(wrapped.key_name, wrapped.metadata);
    });
    if (!candidates.ok()) return candidates.status();

    Failures failures;
    int operations = 0;
    for (const EncryptionKeyInfo& candidate : *candidates) {
      absl::StatusOr<std::shared_ptr<const PemKey>> key =
          keys_.Get(wrapped.key_name, /*want_private=*/true, candidate.pem.view(), generation);
      if (!key.ok()) {
        failures.Add(key.status());
        continue;
      }
      if (!Fits(**key, wrapped.bytes)) {
        failures.Add(crypto::UnwrapFailed());
        continue;
      }
      if (operations == max_operations) return WithOperations(LimitReached(max_operations), operations);
      ++operations;
      absl::StatusOr<SecretBytes> data_key = UnwrapWith(**key, wrapped.bytes, source_);
      if (data_key.ok()) return Unwrapped{*std::move(data_key), operations};
      // OpenSSL's RSA keys hold a pair of blinding factors; squaring them can fail between the two, and what is unblinded
      // then is wrong until they are made anew, 32 operations later. So the keys are.
      if (absl::IsInternal(data_key.status())) keys_.Clear();
      failures.Add(data_key.status());
    }
    return WithOperations(failures.Worst(), operations);
  }

  // Of several candidates' failures the one that says most: a candidate that may open it later, then one that was
  // tried, then one that can't be used.
  class Failures {
   public:
    void Add(const absl::Status& status) {
      if (worst_.ok() || Rank(status) > Rank(worst_)) worst_ = status;
    }
    absl::Status Worst() const {
      if (!worst_.ok()) return worst_;
      return MakeStatus(absl::StatusCode::kNotFound, Reason::kKeyNotFound, "the key reader has none of this name");
    }

   private:
    static int Rank(const absl::Status& status) {
      switch (status.code()) {
        case absl::StatusCode::kFailedPrecondition: return 0;
        case absl::StatusCode::kUnauthenticated: return 1;
        default: return 2;
      }
    }
    absl::Status worst_;
  };

  static absl::Status LimitReached(int max_operations) {
    return MakeStatus(absl::StatusCode::kResourceExhausted, Reason::kLimitReached,
                      absl::StrCat("more candidates than the ", max_operations,
                                   " private-key operations that are left for this message; remove keys that are no "
                                   "longer needed, or raise max_private_key_operations"));
  }

  const std::shared_ptr<CryptoKeyReader> reader_;
  const crypto::OpenSslSource source_;
  ParsedKeys keys_;
};

}  // namespace

std::shared_ptr<KeyWrapper> LocalKeyWrapper(std::shared_ptr<CryptoKeyReader> reader, LocalKeyPolicy policy) {
  return std::make_shared<LocalWrapper>(std::move(reader), std::move(policy));
}

}  // namespace pulseal
