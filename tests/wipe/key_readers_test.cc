// SPDX-License-Identifier: Apache-2.0
//
// Private keys on their way out of files, URIs and memory.
#include "pulseal/key_readers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "lib/as_absl.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_keys.h"
#include "tests/wipe/leftover_search.h"
#include "tests/wipe/private_key_secrets.h"

namespace pulseal {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using testing::LeftoverSearch;
using testing::TempFolder;
using testing::TestKey;

class ReaderWipes : public ::testing::Test {
 protected:
  ReaderWipes() { KeepPrivateKey(search_, pem_); }

  // Reads the key "orders" with the reader that `make` makes, and gives both up again.
  template <typename MakeReader>
  void Read(absl::StatusCode expected, MakeReader make) {
    search_.Run([&] {
      const std::shared_ptr<CryptoKeyReader> reader = make();
      const auto keys = reader->GetPrivateKeys("orders", {});
      EXPECT_EQ(keys.status().code(), expected) << keys.status();
      if (!keys.ok()) return;
      EXPECT_THAT(search_.Live(), Contains("private key's PEM"));
    });
    EXPECT_THAT(search_.Found(), IsEmpty());
  }

  // `uri` in a string that nobody but the reader has.
  std::shared_ptr<CryptoKeyReader> Uris(std::string_view uri) {
    std::map<std::string, std::string> uris;
    uris["orders"] = uri;
    return KeyUris({}, std::move(uris));
  }

  LeftoverSearch search_;
  const std::string_view pem_ = search_.Copy(TestKey("rsa-2048.private.pem"));
  // A test that uses it looks for its later half, where the secret numbers are.
  const std::string_view base64_ = search_.Copy(absl::Base64Escape(AsAbsl(pem_)));
};

TEST_F(ReaderWipes, KeyDirectory) {
  const TempFolder folder;
  folder.Write("orders.private.pem", pem_);
  folder.Write("orders.private.d/old.pem", pem_);
  Read(absl::StatusCode::kOk, [&] { return KeyDirectory(folder.path()); });
}

TEST_F(ReaderWipes, AKeyDirectoryThatRefuses) {
  const TempFolder folder;
  folder.Write("orders.private.pem", pem_, 0644);
  KeyDirectoryOptions options;
  options.refuse_readable_by_others = true;
  Read(absl::StatusCode::kFailedPrecondition, [&] { return KeyDirectory(folder.path(), options); });
}

TEST_F(ReaderWipes, KeysInMemory) {
  Read(absl::StatusCode::kOk, [&] {
    std::multimap<std::string, SecretBytes> pems;
    pems.emplace("orders", SecretBytes::CopyOf(pem_));
    return KeysInMemory({}, std::move(pems));
  });
}

TEST_F(ReaderWipes, AFileUri) {
  const TempFolder folder;
  folder.Write("key.pem", pem_);
  Read(absl::StatusCode::kOk, [&] { return Uris(folder / "key.pem"); });
}

TEST_F(ReaderWipes, ADataUri) {
  search_.Keep("private key in its URI", base64_.substr(base64_.size() / 2));
  const std::string_view uri = search_.Copy(absl::StrCat("data:application/x-pem-file;base64,", AsAbsl(base64_)));
  Read(absl::StatusCode::kOk, [&] { return Uris(uri); });
}

TEST_F(ReaderWipes, ADataUriThatEndsInOtherThanBase64) {
  search_.Keep("private key in its URI", base64_.substr(base64_.size() / 2));
  const std::string_view uri = search_.Copy(absl::StrCat("data:application/x-pem-file;base64,", AsAbsl(base64_), "!"));
  Read(absl::StatusCode::kFailedPrecondition, [&] { return Uris(uri); });
}

TEST_F(ReaderWipes, APercentEncodedDataUri) {
  const std::string_view uri = search_.Copy(absl::StrCat("data:application/x-pem-file,", AsAbsl(pem_)));
  Read(absl::StatusCode::kOk, [&] { return Uris(uri); });
}

TEST_F(ReaderWipes, APercentEncodedDataUriThatIsMalformed) {
  const std::string_view uri = search_.Copy(absl::StrCat("data:application/x-pem-file,", AsAbsl(pem_), "%"));
  Read(absl::StatusCode::kFailedPrecondition, [&] { return Uris(uri); });
}

TEST_F(ReaderWipes, ADataUriWhereThePublicKeyBelongs) {
  const std::string_view uri = search_.Copy(absl::StrCat("data:application/x-pem-file,", AsAbsl(pem_)));
  search_.Run([&] {
    std::map<std::string, std::string> uris;
    uris["orders"] = uri;
    const std::shared_ptr<CryptoKeyReader> reader = KeyUris(std::move(uris), {});
    EXPECT_TRUE(reader->GetPublicKey("orders").ok());
  });
  EXPECT_THAT(search_.Found(), IsEmpty());
}

}  // namespace
}  // namespace pulseal
