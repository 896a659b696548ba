// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_CLI_SHELL_H_
#define PULSEAL_TESTS_CLI_SHELL_H_

#include <iosfwd>
#include <string>

#include "tests/support/temp_folder.h"

namespace pulseal::testing {

// What a user sees of a command.
struct Outcome {
  int status = 0;  // as $? has it
  std::string out, err;
};
bool operator==(const Outcome& a, const Outcome& b);
std::ostream& operator<<(std::ostream& stream, const Outcome& outcome);

// bash in a folder of the test's own, with the program in PATH and tests/support/python where python3 finds it.
class Shell {
 public:
  // Runs `command` with standard input empty unless it redirects it. One that hangs is ended, with status 124.
  Outcome Run(const std::string& command) const;

  // Puts a key pair of tests/vectors/keys where `name` finds it: quicker than making one.
  void GivePublicKey(const std::string& key, const std::string& name, const std::string& folder = "keys") const;
  void GivePrivateKey(const std::string& key, const std::string& name, const std::string& folder = "keys") const;
  void GiveKeyPair(const std::string& key, const std::string& name, const std::string& folder = "keys") const;

  std::string Contents(const std::string& file) const;
  const TempFolder& folder() const { return folder_; }

 private:
  TempFolder folder_;
  TempFolder streams_;
};

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_CLI_SHELL_H_
