// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/key_pair_files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "pulseal/key_readers.h"
#include "tools/pulseal/file.h"
#include "tools/pulseal/file_aside.h"

namespace pulseal::tools {
namespace {

absl::Status MakeDirectory(const std::string& directory) {
  if (mkdir(directory.c_str(), 0777) == 0) return SyncFolder(FolderOf(directory));
  if (errno == EEXIST) return absl::OkStatus();
  if (errno != ENOENT) return ErrnoStatus(Shown(directory));
  return absl::NotFoundError(absl::StrCat(Shown(FolderOf(directory)), ": no such folder; of ", Shown(directory),
                                          " only the last one is made (mkdir -p makes them all)"));
}

// Of two programs that publish in `folder`, one waits for the other, lest the private key of one come to lie beside the
// public key of the other. It goes on without a lock where the file system has none.
absl::Status Lock(const FileDescriptor& folder) {
  if (flock(folder.get(), LOCK_EX) == 0 || errno != EINTR) return absl::OkStatus();
  return absl::CancelledError("interrupted");
}

// The file aside, open; not valid where not all could be written.
FileDescriptor WriteAside(PathAside& aside, std::string_view bytes, mode_t mode) {
  FileDescriptor file = aside.Make(mode);
  const bool is_whole = file.valid() && WriteAll(file.get(), bytes) && fsync(file.get()) == 0;
  return is_whole ? std::move(file) : FileDescriptor();
}

// Whether `path` still names `file`, which stays open, so that no other file is taken for it.
bool IsStill(const std::string& path, const FileDescriptor& file) {
  const FileDescriptor present(open(path.c_str(), O_PATH | O_CLOEXEC | O_NOFOLLOW));
  return SameFile(present.get(), file.get());
}

// After `failure`: the old private key in the place of `new_private` again, or none. Where not even that works, or
// somebody else's key is there by now, no key is lost.
absl::Status TakeBack(const KeyPairFiles& files, const FileDescriptor& new_private, bool has_old,
                      PathAside* old_private, const absl::Status& failure) {
  const bool is_ours = IsStill(files.private_path, new_private);
  if (!has_old && is_ours) unlink(files.private_path.c_str());
  if (!has_old || (is_ours && rename(old_private->c_str(), files.private_path.c_str()) == 0)) return failure;
  old_private->Keep();
  return absl::Status(
      failure.code(),
      absl::StrCat(failure.message(), "; ", Shown(files.private_path),
                   " is a new key without a public one, and the old private key is now ", Shown(old_private->path())));
}

}  // namespace

KeyPairFiles::KeyPairFiles(const std::string& key_directory, const std::string& key_name)
    : directory(key_directory),
      public_path(absl::StrCat(key_directory, "/", key_name, ".public.pem")),
      private_path(absl::StrCat(key_directory, "/", key_name, ".private.pem")) {}

absl::Status CheckKeyName(std::string_view key_name) {
  if (CanNameKeyFile(key_name)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("a key name has 1 to ", kMaxKeyDirectoryNameSize,
                                                 " bytes, doesn't begin with a dot and has no slash; \"",
                                                 Shown(key_name), "\" can't be one"));
}

absl::Status CheckKeyDirectory(const std::string& path) {
  struct stat directory;
  if (stat(path.c_str(), &directory) != 0) {
    if (errno != ENOENT) return ErrnoStatus(Shown(path));
    return absl::NotFoundError(
        absl::StrCat(Shown(path), ": no such folder (--key-dir names another; pulseal keygen makes one)"));
  }
  if (S_ISDIR(directory.st_mode)) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(Shown(path), " is not a folder"));
}

absl::Status CheckNotThere(const KeyPairFiles& files) {
  for (const std::string& path : {files.private_path, files.public_path}) {
    struct stat file;
    if (lstat(path.c_str(), &file) == 0) {
      return absl::AlreadyExistsError(
          absl::StrCat(Shown(path),
                       " exists and was left as it is; --force replaces the pair, and what was encrypted for "
                       "the old one can then no longer be read"));
    }
    if (errno != ENOENT) return ErrnoStatus(Shown(path));
  }
  return absl::OkStatus();
}

absl::Status WriteKeyPair(const KeyPairFiles& files, const KeyPair& pair, bool replace) {
  if (absl::Status status = MakeDirectory(files.directory); !status.ok()) return status;
  const FileDescriptor folder(open(files.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (absl::Status status = Lock(folder); !status.ok()) return status;
  PathAside new_private(files.private_path, "new"), new_public(files.public_path, "new");
  PathAside old_private(files.private_path, "old");
  const FileDescriptor private_file = WriteAside(new_private, pair.private_pem.view(), 0600);
  if (!private_file.valid()) return ErrnoStatus(Shown(files.private_path));
  if (!WriteAside(new_public, pair.public_pem, 0666).valid()) return ErrnoStatus(Shown(files.public_path));
  const bool has_old = replace && old_private.LinkHere();
  if (replace && !has_old && errno != ENOENT) return ErrnoStatus(Shown(files.private_path));

  // The private key first: nobody may find a public key whose messages can't be opened.
  if (absl::Status status = Publish(new_private, files.private_path, replace); !status.ok()) return status;
  if (absl::Status status = Publish(new_public, files.public_path, replace); !status.ok()) {
    return TakeBack(files, private_file, has_old, &old_private, status);
  }
  return SyncFolder(files.directory);
}

}  // namespace pulseal::tools
