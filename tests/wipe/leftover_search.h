// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_WIPE_LEFTOVER_SEARCH_H_
#define PULSEAL_TESTS_WIPE_LEFTOVER_SEARCH_H_

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace pulseal::testing {

// Runs code and then looks for secrets in all the memory that it used: every block that operator delete got, as it was
// at that moment, every block of operator new that is still held, the pages of SecretBytes, and the stack. Memory of malloc
// is not looked at: OpenSSL's heap is OpenSSL's.
//
// One at a time. All but Run and Found are thread-safe.
class LeftoverSearch {
 public:
  LeftoverSearch();
  ~LeftoverSearch();
  LeftoverSearch(const LeftoverSearch&) = delete;
  LeftoverSearch& operator=(const LeftoverSearch&) = delete;

  // A copy in memory that isn't searched.
  std::string_view Copy(std::string_view bytes);
  // The same, and what Live and Found look for, under this name. At least 16 bytes.
  std::string_view Keep(const char* name, std::string_view secret);
  // The same for random bytes.
  std::string_view NewSecret(const char* name, size_t size);

  // Runs `code` on a thread with a stack of its own. Secrets that it uses must be copies made by this object.
  void Run(const std::function<void()>& code);

  // Which of the secrets are in blocks that are allocated now, or in pages of SecretBytes: so that a test knows that there was something to wipe.
  std::vector<std::string> Live() const;

  // After Run: each secret that was left anywhere, where, and who freed it. Found are at least 15 bytes in a row, and
  // often 8.
  std::vector<std::string> Found() const;
};

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_WIPE_LEFTOVER_SEARCH_H_
