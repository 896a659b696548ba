// SPDX-License-Identifier: Apache-2.0
#include "tests/cli/shell.h"

#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <ostream>

#include "tests/support/test_keys.h"

namespace pulseal::testing {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

}  // namespace

bool operator==(const Outcome& a, const Outcome& b) { return a.status == b.status && a.out == b.out && a.err == b.err; }

std::ostream& operator<<(std::ostream& stream, const Outcome& outcome) {
  return stream << "\nstatus: " << outcome.status << "\nout: " << outcome.out << "\nerr: " << outcome.err;
}

Outcome Shell::Run(const std::string& command) const {
  streams_.Write("command", "cd '" + folder_.path() + "'\nPATH='" PULSEAL_PROGRAM_FOLDER "':$PATH\n" +
                                "export PYTHONPATH='" PULSEAL_SOURCE_DIR
                                "/tests/support/python' PYTHONDONTWRITEBYTECODE=1\n" +
                                command + "\n");
  const std::string line = "timeout 300 bash '" + (streams_ / "command") + "' < /dev/null > '" + (streams_ / "out") +
                           "' 2> '" + (streams_ / "err") + "'";
  const int status = std::system(line.c_str());
  if (!WIFEXITED(status)) {
    std::cerr << "the shell did not end by itself: " << command << "\n";
    std::abort();
  }
  const Outcome outcome{WEXITSTATUS(status), ReadFile(streams_ / "out"), ReadFile(streams_ / "err")};
  // Into the test's log, where tools/test.sh looks for secrets.
  std::cout << outcome.out << outcome.err << "\n";
  return outcome;
}

void Shell::GivePublicKey(const std::string& key, const std::string& name, const std::string& folder) const {
  folder_.Write(folder + "/" + name + ".public.pem", TestKey(key + ".public.pem"), 0644);
}

void Shell::GivePrivateKey(const std::string& key, const std::string& name, const std::string& folder) const {
  folder_.Write(folder + "/" + name + ".private.pem", TestKey(key + ".private.pem"), 0600);
}

void Shell::GiveKeyPair(const std::string& key, const std::string& name, const std::string& folder) const {
  GivePublicKey(key, name, folder);
  GivePrivateKey(key, name, folder);
}

std::string Shell::Contents(const std::string& file) const { return ReadFile(folder_ / file); }

}  // namespace pulseal::testing
