// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/as_absl.h"
#include "lib/key_file.h"
#include "lib/key_file_versions.h"
#include "lib/status.h"
#include "pulseal/key_readers.h"

namespace pulseal {
namespace {

absl::Status NotAFileName(std::string_view kind, const std::string& key_name) {
  return MakeStatus(
      absl::StatusCode::kNotFound, Reason::kKeyNotFound,
      absl::StrCat(AsAbsl(kind), " ", Quoted(key_name), ": no key file can have this name; a name is 1 to ",
                   kMaxKeyDirectoryNameSize, " bytes, without slash or NUL, and doesn't start with a dot"));
}

class DirectoryKeyReader final : public CryptoKeyReader {
 public:
  DirectoryKeyReader(std::string path, KeyDirectoryOptions options)
      : path_(std::move(path)), options_(std::move(options)) {}

  absl::StatusOr<EncryptionKeyInfo> GetPublicKey(const std::string& key_name) override {
    if (!CanNameKeyFile(key_name)) return NotAFileName("public key", key_name);
    absl::StatusOr<KeyFile> file = Read(key_name + ".public.pem");
    if (file.ok()) return EncryptionKeyInfo{std::move(file->pem), {}};
    const absl::Status error = Prefixed("public key " + Quoted(key_name), file.status());
    if (!absl::IsNotFound(error)) return error;
    return MakeStatus(absl::StatusCode::kNotFound, Reason::kKeyNotFound,
                      absl::StrCat(error.message(), HowToGetPublicKey(key_name)));
  }

  absl::StatusOr<std::vector<EncryptionKeyInfo>> GetPrivateKeys(const std::string& key_name,
                                                                const KeyMetadata&) override {
    if (!CanNameKeyFile(key_name)) return NotAFileName("private key", key_name);
    Found found;
    if (absl::Status status = Find(key_name, &found); !status.ok()) {
      return Prefixed("private key " + Quoted(key_name), status);
    }
    if (found.keys.empty()) return NoneOf(key_name, found);
    for (const auto& [file_name, status] : found.left_out) WarnOnce(key_name, file_name, status);
    return std::move(found.keys);
  }

  uint64_t Generation() override { return versions_.Generation(); }

 private:
  struct Found {
    std::vector<EncryptionKeyInfo> keys;
    std::vector<std::pair<std::string, absl::Status>> left_out;  // files, and why they can't be used
  };

  std::string FullPath(const std::string& file_name) const { return absl::StrCat(path_, "/", file_name); }

  // A pair made anew under the name of one that exists would read nothing that was encrypted for that one.
  std::string HowToGetPublicKey(const std::string& key_name) const {
    const std::string private_name = key_name + ".private.pem", folder = Escaped(path_) + "/";
    const bool has_private_key = !absl::IsNotFound(ReadKeyFileIn(path_, private_name).status());
    if (has_private_key) {
      return absl::StrCat(" (its private key is here, and makes it: openssl pkey -in ", folder, Escaped(private_name),
                          " -pubout -out ", folder, Escaped(key_name), ".public.pem)");
    }
    return absl::StrCat(" (whoever is to read has it, or makes a pair with: pulseal keygen ", Escaped(key_name), ")");
  }

  // The folder's own version covers files that come; a file's version covers what happens to it.
  void Watch(const std::string& file_name) {
    versions_.Watch(path_);
    versions_.WatchIfThere(FullPath(file_name));
  }

  absl::StatusOr<KeyFile> Read(const std::string& file_name) {
    Watch(file_name);
    return ReadKeyFileIn(path_, file_name);
  }

  // NAME.private.pem is read before the rolled ones are listed, so that one that is rolled meanwhile is met in one place or
  // the other.
  absl::Status Find(const std::string& key_name, Found* found) {
    absl::Status status = Add(key_name, key_name + ".private.pem", found);
    if (!status.ok()) return status;
    const std::string rolled_folder = key_name + ".private.d";
    Watch(rolled_folder);
    const auto rolled = ListKeyFiles(path_, rolled_folder, kMaxRolledKeys);
    if (!rolled.ok()) return rolled.status();
    for (const std::string& name : *rolled) {
      status = Add(key_name, absl::StrCat(rolled_folder, "/", name), found);
      if (!status.ok()) return status;
    }
    return status;
  }

  absl::StatusOr<KeyFile> ReadPrivate(const std::string& file_name) {
    absl::StatusOr<KeyFile> file = Read(file_name);
    if (!file.ok() || !file->readable_by_others || !options_.refuse_readable_by_others) return file;
    return ReadableByOthers(file_name);
  }

  absl::Status ReadableByOthers(const std::string& file_name) const {
    const std::string path = absl::StrCat(path_, "/", Escaped(file_name));
    return MakeStatus(absl::StatusCode::kFailedPrecondition, Reason::kKeyUnusable,
                      absl::StrCat(path, ": other users can read this private key; mend it with: chmod 600 ", path));
  }

  // A rolled key that can't be used must not stop the others from opening their messages: it is told, and left out. A
  // file that can't be read for now may be the one that is needed, so then nobody can say yet what fits.
  absl::Status Add(const std::string& key_name, const std::string& file_name, Found* found) {
    absl::StatusOr<KeyFile> file = ReadPrivate(file_name);
    if (absl::IsNotFound(file.status())) return absl::OkStatus();
    if (absl::IsFailedPrecondition(file.status())) {
      found->left_out.emplace_back(file_name, file.status());
      return absl::OkStatus();
    }
    if (!file.ok()) return file.status();
    if (file->readable_by_others) WarnOnce(key_name, file_name, ReadableByOthers(file_name));
    found->keys.push_back({std::move(file->pem), {}});
    return absl::OkStatus();
  }

  absl::Status NoneOf(const std::string& key_name, const Found& found) const {
    const std::string prefix = "private key " + Quoted(key_name);
    if (!found.left_out.empty()) return Prefixed(prefix, found.left_out.front().second);
    return MakeStatus(absl::StatusCode::kNotFound, Reason::kKeyNotFound,
                      absl::StrCat(prefix, ": ", path_, "/", Escaped(key_name + ".private.pem"), ": no such file"));
  }

  void WarnOnce(const std::string& key_name, const std::string& file_name, const absl::Status& warning) {
    if (!options_.on_warning || !versions_.IsNewVersion(FullPath(file_name))) return;
    try {
      options_.on_warning(key_name, warning);
    } catch (...) {  // NOLINT(bugprone-empty-catch): the caller's exception is the caller's; the key is good
    }
  }

  const std::string path_;
  const KeyDirectoryOptions options_;
  KeyFileVersions versions_;
};

}  // namespace

std::shared_ptr<CryptoKeyReader> KeyDirectory(std::string path, KeyDirectoryOptions options) {
  return std::make_shared<DirectoryKeyReader>(std::move(path), std::move(options));
}

}  // namespace pulseal
