// SPDX-License-Identifier: Apache-2.0
#include "lib/key_uri.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "lib/as_absl.h"
#include "pulseal/error.h"
#include "pulseal/key_readers.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_keys.h"

namespace pulseal {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::TempFolder;
using testing::TestKey;

std::string PathOf(std::string_view uri) {
  const auto source = ParseKeyUri(uri);
  if (!source.ok()) return source.status().ToString();
  return std::holds_alternative<KeyPath>(*source) ? std::get<KeyPath>(*source).path : "data";
}

std::string DataOf(std::string_view uri) {
  const auto source = ParseKeyUri(uri);
  if (!source.ok()) return source.status().ToString();
  return std::holds_alternative<SecretBytes>(*source) ? std::string(std::get<SecretBytes>(*source).view()) : "path";
}

void ExpectRefused(std::string_view uri, const std::string& words) {
  const absl::Status error = ParseKeyUri(uri).status();
  EXPECT_EQ(error.code(), absl::StatusCode::kFailedPrecondition) << uri;
  EXPECT_EQ(ReasonOf(error), Reason::kKeyUnusable) << uri;
  EXPECT_THAT(std::string(error.message()), HasSubstr(words));
}

TEST(KeyUri, Paths) {
  EXPECT_EQ(PathOf("/keys/a.pem"), "/keys/a.pem");
  EXPECT_EQ(PathOf("keys/a%20b.pem"), "keys/a%20b.pem");
  EXPECT_EQ(PathOf("file:///keys/a.pem"), "/keys/a.pem");
  EXPECT_EQ(PathOf("FILE:/keys/a.pem"), "/keys/a.pem");
  EXPECT_EQ(PathOf("file://localhost/keys/a.pem"), "/keys/a.pem");
  EXPECT_EQ(PathOf("file:./keys/a.pem"), "./keys/a.pem");
  EXPECT_EQ(PathOf("file:keys/a.pem"), "keys/a.pem");
  EXPECT_EQ(PathOf("file:///with%20space/100%25.pem"), "/with space/100%.pem");
}

TEST(KeyUri, PathsThatAreNone) {
  ExpectRefused("", "empty");
  ExpectRefused("file:", "empty");
  ExpectRefused("file://", "another host");
  ExpectRefused("file://keys/a.pem", "another host");
  ExpectRefused("file://localhostile/a.pem", "another host");
  ExpectRefused("file:///a%00b", "NUL");
  ExpectRefused(std::string_view("a\0b", 3), "NUL");
  ExpectRefused("file:///a%2", "percent sign");
  ExpectRefused("file:///a%", "percent sign");
  ExpectRefused("file:///a%zz", "percent sign");
  ExpectRefused("https://example.com/a.pem", "\"https://\"; expected file:///path");
}

TEST(KeyUri, Data) {
  const std::string pem = TestKey("rsa-2048.public.pem");
  EXPECT_EQ(DataOf("data:application/x-pem-file;base64," + absl::Base64Escape(pem)), pem);
  EXPECT_EQ(DataOf("DATA:Application/X-PEM-File;charset=utf-8;BASE64,YWJj"), "abc");
  EXPECT_EQ(DataOf("data:application/x-pem-file;base64,YWI="), "ab");
  EXPECT_EQ(DataOf("data:application/x-pem-file;base64,YWI"), "ab");
  EXPECT_EQ(DataOf("data:application/x-pem-file,a%0ab+c,d"), "a\nb+c,d");
  EXPECT_EQ(DataOf("data:application/x-pem-file;charset=utf-8,abc"), "abc");
  EXPECT_EQ(DataOf("data:application/x-pem-file," + std::string(kMaxKeyFileSize, 'x')).size(), kMaxKeyFileSize);
}

TEST(KeyUri, DataThatIsNone) {
  ExpectRefused("data:", "without a comma");
  ExpectRefused("data:application/x-pem-file;base64", "without a comma");
  ExpectRefused("data:,abc", "another type; expected data:application/x-pem-file");
  ExpectRefused("data:text/plain;base64,YWJj", "another type");
  ExpectRefused("data:application/x-pem-file;base64,", "without data");
  ExpectRefused("data:application/x-pem-file,", "without data");
  ExpectRefused("data:application/x-pem-file;base64,YW=Jj", "isn't Base64");
  ExpectRefused("data:application/x-pem-file;base64,*", "isn't Base64");
  ExpectRefused("data:application/x-pem-file,a%1", "percent sign");
  ExpectRefused("data:application/x-pem-file," + std::string(kMaxKeyFileSize + 1, 'x'), "65537 bytes");
  ExpectRefused("data:application/x-pem-file," + std::string(3 * kMaxKeyFileSize + 1, 'x'), "too long");
}

TEST(KeyUri, MessagesDoNotRepeatTheKey) {
  for (const char* uri :
       {"data:application/x-pem-file;base64,c2VjcmV0*", "data:application/x-pem-file,secret%", "data:secret"}) {
    EXPECT_THAT(ParseKeyUri(uri).status().ToString(), Not(HasSubstr("secret"))) << uri;
    EXPECT_THAT(ParseKeyUri(uri).status().ToString(), Not(HasSubstr("c2VjcmV0"))) << uri;
  }
  // Taken for paths these would be repeated in the message that there is no such file.
  for (const std::string uri : {"-----BEGIN PRIVATE KEY-----c2VjcmV0", " data:application/x-pem-file,c2VjcmV0",
                                "application/x-pem-file;base64,c2VjcmV0", "file:c2VjcmV0%0Ac2VjcmV0"}) {
    const absl::Status error = ParseKeyUri(uri).status();
    EXPECT_EQ(ReasonOf(error), Reason::kKeyUnusable) << uri;
    EXPECT_EQ(error.message().find("c2VjcmV0"), absl::string_view::npos) << error;
  }
}

// What stands between the two lines that begin and end PEM.
std::string BodyOf(std::string_view pem) {
  std::string body;
  for (const absl::string_view line : absl::StrSplit(AsAbsl(pem), '\n')) {
    if (!absl::StartsWith(line, "-----")) body.append(line.data(), line.size());
  }
  return body;
}

TEST(KeyUri, MessagesDoNotRepeatAKeyThatIsTakenForAPath) {
  for (const char* name : {"p-256.private.pem", "p-256.pkcs8.private.pem", "p-521.private.pem", "rsa-2048.private.pem",
                           "rsa-2048.pkcs8.private.pem", "rsa-2048.encrypted.private.pem"}) {
    const std::string pem = TestKey(name);
    for (const std::string& key : {BodyOf(pem), absl::Base64Escape(pem)}) {
      const std::string escaped = absl::StrReplaceAll(key, {{"/", "%2F"}, {"+", "%2B"}, {"=", "%3D"}});
      for (const std::string& uri :
           {key, escaped, "\"" + key + "\"", " " + key + " ", key.substr(0, 64), key.substr(64, 64), "file:" + key,
            "file:" + escaped, "data:" + key + ",", "data:" + key + ";base64,", "date:application/x-pem-file," + key,
            "application/x-pem-file;base64;" + key, "Application/X-PEM-File;Base64." + key, "base64%2C" + key,
            "BASE64;" + key, "base64/" + key, "pem:" + key}) {
        const absl::Status error = ParseKeyUri(uri).status();
        EXPECT_EQ(error.code(), absl::StatusCode::kFailedPrecondition) << uri;
        EXPECT_EQ(ReasonOf(error), Reason::kKeyUnusable) << uri;
        for (size_t i = 0; i + 16 <= key.size(); i += 16)
          EXPECT_THAT(error.ToString(), Not(HasSubstr(key.substr(i, 16)))) << uri;
      }
    }
  }
}

TEST(KeyUri, LongPathsAreNotTakenForKeys) {
  const std::string hash = "6f1ed002ab5595859014ebf0951522d9c1e3b58a0b0f2c0e6a4f1d2b3c4d5e6f";
  for (const std::string& path :
       {std::string("/nix/store/7rjwyf9cg6bq6a0fd5m3hkl2s9i0zjqv-Orders2Keys/private.pem"),
        "/var/run/secrets/" + hash + "/key", "/run/secrets/" + absl::AsciiStrToUpper(hash) + "/key", "secrets/" + hash,
        "secrets/" + hash + "/key", std::string("deploy/Production2/services/orders/keys/2024/private/current/latest"),
        std::string("KeysOfTheProductionSystem2024Edition/PrivateKeyOfTheOrdersService.pem"),
        std::string("./KeysOfTheProductionSystem2024Edition/PrivateKeyOfTheOrdersService"),
        std::string("/run/secrets/orders-base64/private.pem"), std::string("./base64/x-pem-file/orders"),
        std::string("/var/lib/kubelet/pods/5D4F1A2B-0c1d-4e2f-8a9b-0123456789ab/volumes/kubernetes.io~secret/Orders1"),
        "/" + std::string(100, 'a') + "/" + std::string(100, 'b')}) {
    EXPECT_EQ(PathOf(path), path);
    EXPECT_EQ(PathOf("file:" + path), path);
  }
}

TEST(KeyUris, ReadsByName) {
  TempFolder folder;
  folder.Write("private.pem", "private");
  folder.Link("link.pem", folder / "private.pem");
  const auto reader = KeyUris({{"a", "data:application/x-pem-file;base64,cHVibGlj"}, {"b", folder / "none.pem"}},
                              {{"a", "file://" + (folder / "private.pem")}, {"b", folder / "link.pem"}});
  EXPECT_EQ(reader->GetPublicKey("a")->pem.view(), "public");
  ASSERT_EQ(reader->GetPrivateKeys("a", {})->size(), 1u);
  EXPECT_EQ(reader->GetPrivateKeys("a", {})->front().pem.view(), "private");
  EXPECT_EQ(reader->GetPrivateKeys("b", {})->front().pem.view(), "private");
}

TEST(KeyUris, ErrorsNameTheKey) {
  TempFolder folder;
  const auto reader = KeyUris({{"b", folder / "none.pem"}, {"c", "http://x"}}, {{"b", "file:" + folder.path()}});
  const absl::Status unknown = reader->GetPublicKey("../b").status();
  EXPECT_EQ(unknown.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(unknown), Reason::kKeyNotFound);
  EXPECT_EQ(std::string(unknown.message()), "public key \"../b\": no URI was given for it");
  const absl::Status missing = reader->GetPublicKey("b").status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(std::string(missing.message()), "public key \"b\": " + (folder / "none.pem") + ": no such file");
  const absl::Status scheme = reader->GetPublicKey("c").status();
  EXPECT_EQ(scheme.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(scheme), Reason::kKeyUnusable);
  const absl::Status is_folder = reader->GetPrivateKeys("b", {}).status();
  EXPECT_EQ(is_folder.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(is_folder.message()), HasSubstr("private key \"b\""));
  EXPECT_EQ(reader->GetPrivateKeys("c", {}).status().code(), absl::StatusCode::kNotFound);
}

TEST(KeyUris, GenerationChangesWithTheFiles) {
  TempFolder folder;
  const auto reader = KeyUris({{"a", folder / "a.pem"}}, {});
  EXPECT_FALSE(reader->GetPublicKey("a").ok());
  const uint64_t before = reader->Generation();
  folder.Write("a.pem", "first");
  const uint64_t after = reader->Generation();
  EXPECT_NE(before, after);
  EXPECT_EQ(reader->GetPublicKey("a")->pem.view(), "first");
  folder.Replace("a.pem", "second");
  EXPECT_NE(after, reader->Generation());
  EXPECT_EQ(reader->GetPublicKey("a")->pem.view(), "second");
}

}  // namespace
}  // namespace pulseal
