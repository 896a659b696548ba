// SPDX-License-Identifier: Apache-2.0
#include "lib/key_uri.h"

#include <limits.h>
#include <string.h>

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/as_absl.h"
#include "lib/key_file.h"
#include "lib/key_file_versions.h"
#include "lib/status.h"
#include "pulseal/key_readers.h"

namespace pulseal {
namespace {

constexpr std::string_view kPemType = "application/x-pem-file";

absl::Status BadUri(std::string_view why) {
  return MakeStatus(absl::StatusCode::kFailedPrecondition, Reason::kKeyUnusable, why);
}

bool ConsumePrefixIgnoringCase(std::string_view& text, std::string_view prefix) {
  if (!absl::StartsWithIgnoreCase(AsAbsl(text), AsAbsl(prefix))) return false;
  text.remove_prefix(prefix.size());
  return true;
}

void Wipe(std::string& text) {
  text.resize(text.capacity());
  explicit_bzero(text.data(), text.size());
}

// RFC 3986 section 2.1. Empty where a percent sign isn't followed by two hex digits.
absl::StatusOr<SecretBytes> PercentDecoded(std::string_view text) {
  SecretBytes decoded = SecretBytes::OfSize(text.size());
  size_t size = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    char byte = text[i];
    if (byte == '%') {
      const bool valid = i + 2 < text.size() && absl::ascii_isxdigit(static_cast<unsigned char>(text[i + 1])) &&
                         absl::ascii_isxdigit(static_cast<unsigned char>(text[i + 2]));
      if (!valid)
        return BadUri("a percent sign that two hexadecimal digits don't follow; write %25 for the sign itself");
      byte = absl::HexStringToBytes(AsAbsl(text.substr(i + 1, 2)))[0];
      i += 2;
    }
    decoded.mutable_span()[size++] = byte;
  }
  decoded.Truncate(size);
  return decoded;
}

absl::StatusOr<SecretBytes> Base64Decoded(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());  // so that no copy is left behind by growing
  const bool valid = absl::Base64Unescape(AsAbsl(text), &decoded);
  SecretBytes bytes = SecretBytes::CopyOf(decoded);
  Wipe(decoded);
  if (!valid) return BadUri("the data after \";base64,\" isn't Base64");
  return bytes;
}

absl::StatusOr<PathOrKey> ParseData(std::string_view rest) {
  const size_t comma = rest.find(',');
  if (comma == std::string_view::npos)
    return BadUri("a data: URI without a comma; expected data:application/x-pem-file;base64,...");
  const std::vector<absl::string_view> header = absl::StrSplit(AsAbsl(rest.substr(0, comma)), ';');
  if (!absl::EqualsIgnoreCase(header.front(), AsAbsl(kPemType))) {
    return BadUri(absl::StrCat("a data: URI of type ", Quoted(std::string(header.front())),
                               "; expected data:application/x-pem-file;base64,..."));
  }
  const std::string_view data = rest.substr(comma + 1);
  // Three bytes at most stand for one, in Base64 and percent encoding alike.
  if (data.size() > 3 * kMaxKeyFileSize) return BadUri("a data: URI that is too long for a key");
  absl::StatusOr<SecretBytes> key =
      absl::EqualsIgnoreCase(header.back(), "base64") ? Base64Decoded(data) : PercentDecoded(data);
  if (!key.ok()) return key.status();
  if (key->empty()) return BadUri("a data: URI without data");
  if (key->size() > kMaxKeyFileSize)
    return BadUri(absl::StrCat("a data: URI of ", key->size(), " bytes; a key has at most ", kMaxKeyFileSize));
  return PathOrKey(std::move(*key));
}

// A mistyped data: URI, or PEM text in its place, would otherwise be taken for a path, and repeated in the message that there is no
// such file.
bool MayBeAKey(std::string_view path) {
  for (const std::string_view sign : {"-----", "\n", "\r", "base64,", "data:"}) {
    if (path.find(sign) != std::string_view::npos) return true;
  }
  return path.size() > PATH_MAX;
}

absl::StatusOr<PathOrKey> PathFrom(std::string_view path) {
  if (path.empty()) return BadUri("the path is empty");
  if (path.find('\0') != std::string_view::npos) return BadUri("a path with a NUL byte");
  if (MayBeAKey(path)) {
    return BadUri("this looks like the key itself, not like a path; expected data:application/x-pem-file;base64,...");
  }
  return PathOrKey(KeyPath{std::string(path)});
}

absl::StatusOr<PathOrKey> ParseFile(std::string_view rest) {
  if (ConsumePrefixIgnoringCase(rest, "//")) {
    ConsumePrefixIgnoringCase(rest, "localhost");
    if (rest.empty() || rest.front() != '/') return BadUri("a file: URI of another host; expected file:///path");
  }
  const absl::StatusOr<SecretBytes> path = PercentDecoded(rest);
  if (!path.ok()) return path.status();
  return PathFrom(path->view());
}

class UriKeyReader final : public CryptoKeyReader {
 public:
  using Uris = std::map<std::string, std::string>;

  UriKeyReader(Uris public_uris, Uris private_uris)
      : public_uris_(std::move(public_uris)), private_uris_(std::move(private_uris)) {}

  // A data: URI is the key itself; one that was given as a public key by mistake is still a private one.
  ~UriKeyReader() override {
    for (Uris* uris : {&public_uris_, &private_uris_}) {
      for (auto& [key_name, uri] : *uris) Wipe(uri);
    }
  }

  absl::StatusOr<EncryptionKeyInfo> GetPublicKey(const std::string& key_name) override {
    return Get("public", public_uris_, key_name);
  }

  absl::StatusOr<std::vector<EncryptionKeyInfo>> GetPrivateKeys(const std::string& key_name,
                                                                const KeyMetadata&) override {
    absl::StatusOr<EncryptionKeyInfo> key = Get("private", private_uris_, key_name);
    if (!key.ok()) return key.status();
    std::vector<EncryptionKeyInfo> keys;
    keys.push_back(std::move(*key));
    return keys;
  }

  uint64_t Generation() override { return versions_.Generation(); }

 private:
  absl::StatusOr<EncryptionKeyInfo> Get(const char* kind, const Uris& uris, const std::string& key_name) {
    const std::string prefix = absl::StrCat(kind, " key ", Quoted(key_name));
    const auto found = uris.find(key_name);
    if (found == uris.end()) {
      return MakeStatus(absl::StatusCode::kNotFound, Reason::kKeyNotFound, prefix + ": no URI was given for it");
    }
    absl::StatusOr<SecretBytes> pem = Load(found->second);
    if (!pem.ok()) return Prefixed(prefix, pem.status());
    return EncryptionKeyInfo{std::move(*pem), {}};
  }

  absl::StatusOr<SecretBytes> Load(const std::string& uri) {
    absl::StatusOr<PathOrKey> source = ParseKeyUri(uri);
    if (!source.ok()) return source.status();
    if (auto* pem = std::get_if<SecretBytes>(&*source)) return std::move(*pem);
    const std::string& path = std::get<KeyPath>(*source).path;
    versions_.Watch(path);
    absl::StatusOr<KeyFile> file = ReadKeyFile(path);
    if (!file.ok()) return file.status();
    return std::move(file->pem);
  }

  Uris public_uris_, private_uris_;  // not changed until they are wiped
  KeyFileVersions versions_;
};

}  // namespace

absl::StatusOr<PathOrKey> ParseKeyUri(std::string_view uri) {
  std::string_view rest = uri;
  if (ConsumePrefixIgnoringCase(rest, "data:")) return ParseData(rest);
  if (ConsumePrefixIgnoringCase(rest, "file:")) return ParseFile(rest);
  if (uri.find("://") != std::string_view::npos) {
    return BadUri(absl::StrCat("a URI of a kind that isn't read, ", Quoted(uri.substr(0, uri.find("://") + 3)),
                               "; expected file:///path, data:application/x-pem-file;base64,... or a path"));
  }
  return PathFrom(uri);
}

std::shared_ptr<CryptoKeyReader> KeyUris(std::map<std::string, std::string> public_uris,
                                         std::map<std::string, std::string> private_uris) {
  return std::make_shared<UriKeyReader>(std::move(public_uris), std::move(private_uris));
}

}  // namespace pulseal
