// SPDX-License-Identifier: Apache-2.0
#include "lib/key_uri.h"

#include <limits.h>
#include <string.h>

#include <algorithm>
#include <initializer_list>
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
  // What stands there isn't repeated: it is the key, where the type was forgotten.
  if (!absl::EqualsIgnoreCase(header.front(), AsAbsl(kPemType)))
    return BadUri("a data: URI of another type; expected data:application/x-pem-file;base64,...");
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

bool ContainsIgnoringCase(std::string_view text, std::string_view word) {
  const auto equal = [](char a, char b) {
    return absl::ascii_tolower(static_cast<unsigned char>(a)) == absl::ascii_tolower(static_cast<unsigned char>(b));
  };
  return std::search(text.begin(), text.end(), word.begin(), word.end(), equal) != text.end();
}

// Of Base64, percent-encoded or not.
bool IsOfBase64(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '+' || c == '/' || c == '=' || c == '%';
}

// Whether `run`, of nothing but Base64's characters, is more like a key than like a path: those have a slash more often
// than one character in 16, a key one in 64, and long names in them are hexadecimal, which isn't in both cases.
bool ReadsLikeBase64(std::string_view run) {
  constexpr size_t kShortest = 48, kMeanName = 16;
  const auto has = [run](auto is) { return std::any_of(run.begin(), run.end(), is); };
  const auto slashes = static_cast<size_t>(std::count(run.begin(), run.end(), '/'));
  return run.size() >= kShortest && run.size() >= kMeanName * (slashes + 1) && has(absl::ascii_isupper) &&
         has(absl::ascii_islower) && has(absl::ascii_isdigit);
}

bool HasBase64Run(std::string_view text) {
  for (auto begin = text.begin(); begin != text.end();) {
    const auto end = std::find_if_not(begin, text.end(), IsOfBase64);
    if (ReadsLikeBase64(text.substr(static_cast<size_t>(begin - text.begin()), static_cast<size_t>(end - begin))))
      return true;
    begin = std::find_if(end, text.end(), IsOfBase64);
  }
  return false;
}

// A mistyped data: URI, or a key in its place, would otherwise be taken for a path, and repeated in the message that
// there is no such file. LS0tLS1C is how the Base64 of PEM begins. That of DER begins with M and has no dot in it.
bool MayBeAKey(std::string_view path) {
  const auto has_one_of = [path](std::initializer_list<std::string_view> signs) {
    return std::any_of(signs.begin(), signs.end(), [path](auto sign) { return ContainsIgnoringCase(path, sign); });
  };
  if (path.size() > PATH_MAX || has_one_of({"-----", "\n", "\r", "base64,", "data:", "LS0tLS1C"})) return true;
  if (path.front() == '/' || path.front() == '.') return false;
  return has_one_of({"base64", "x-pem-file"}) || (path.find('.') == std::string_view::npos && HasBase64Run(path));
}

absl::StatusOr<PathOrKey> PathFrom(std::string_view path) {
  if (path.empty()) return BadUri("the path is empty");
  if (path.find('\0') != std::string_view::npos) return BadUri("a path with a NUL byte");
  if (MayBeAKey(path)) {
    return BadUri(
        "this looks like the key itself, not like a path; expected data:application/x-pem-file;base64,... or /path");
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
