// SPDX-License-Identifier: Apache-2.0
//
// usage: pulseal_manual MANUAL_PAGE BASH_COMPLETION
//
// Writes both files; run by the build.
#include <fstream>
#include <functional>
#include <iostream>

#include "tools/pulseal/command_line.h"
#include "tools/pulseal/manual.h"

int main(int argc, char** argv) {
  using namespace pulseal::tools;
  if (argc != 3) return std::cerr << "usage: pulseal_manual MANUAL_PAGE BASH_COMPLETION\n", 2;
  std::function<ExitCode()> run;
  const auto command_line = MakeCommandLine(&run);
  std::ofstream page(argv[1]), completion(argv[2]);
  page << ManualPage(*command_line);
  completion << BashCompletion(*command_line);
  page.close();
  completion.close();
  return page.good() && completion.good() ? 0 : 3;
}
