// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_SUPPORT_TEMP_FOLDER_H_
#define PULSEAL_TESTS_SUPPORT_TEMP_FOLDER_H_

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>

namespace pulseal::testing {

// A folder of a test's own, gone with this object. Names are relative to it; what can't be done aborts the test
// program.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const;

  // Creates or overwrites in place, with these permissions; makes missing folders.
  void Write(std::string_view name, std::string_view content, int permissions = 0600) const;
  // The same aside, and then renamed over `name`, as careful programs do.
  void Replace(std::string_view name, std::string_view content, int permissions = 0600) const;
  void MakeFolder(std::string_view name) const;
  void Link(std::string_view name, std::string_view target) const;  // symbolic; over one that is there
  void Remove(std::string_view name) const;                         // with all that is in it
  void SetModified(std::string_view name, std::chrono::seconds since_1970) const;

 private:
  std::string path_;
};

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_SUPPORT_TEMP_FOLDER_H_
