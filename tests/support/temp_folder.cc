// SPDX-License-Identifier: Apache-2.0
#include "tests/support/temp_folder.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>

namespace pulseal::testing {
namespace {

void Require(bool done, const std::string& what) {
  if (done) return;
  std::cerr << "test folder: " << what << ": " << strerror(errno) << "\n";
  std::abort();
}

}  // namespace

TempFolder::TempFolder() : path_(std::filesystem::temp_directory_path() / "pulseal-test-XXXXXX") {
  Require(mkdtemp(path_.data()) != nullptr, path_);
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempFolder::operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

void TempFolder::Write(std::string_view name, std::string_view content, int permissions) const {
  const std::string path = *this / name;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  Require(file >= 0, path);
  Require(write(file, content.data(), content.size()) == static_cast<ssize_t>(content.size()), path);
  Require(fchmod(file, static_cast<mode_t>(permissions)) == 0, path);
  close(file);
}

void TempFolder::Replace(std::string_view name, std::string_view content, int permissions) const {
  const std::string aside = std::string(name) + ".new";
  Write(aside, content, permissions);
  std::filesystem::rename(*this / aside, *this / name);
}

void TempFolder::MakeFolder(std::string_view name) const { std::filesystem::create_directories(*this / name); }

void TempFolder::Link(std::string_view name, std::string_view target) const {
  const std::string aside = *this / (std::string(name) + ".new");
  std::filesystem::create_symlink(target, aside);
  std::filesystem::rename(aside, *this / name);
}

void TempFolder::Remove(std::string_view name) const { std::filesystem::remove_all(*this / name); }

void TempFolder::SetModified(std::string_view name, std::chrono::seconds since_1970) const {
  const struct timespec time = {static_cast<time_t>(since_1970.count()), 0};
  const struct timespec both[] = {time, time};
  Require(utimensat(AT_FDCWD, (*this / name).c_str(), both, AT_SYMLINK_NOFOLLOW) == 0, std::string(name));
}

}  // namespace pulseal::testing
