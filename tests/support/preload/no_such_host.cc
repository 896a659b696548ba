// SPDX-License-Identifier: Apache-2.0
//
// To be preloaded: name servers that know no host.
#include <netdb.h>

extern "C" __attribute__((visibility("default"))) int getaddrinfo(const char* /*name*/, const char* /*service*/,
                                                                  const addrinfo* /*hints*/, addrinfo** /*found*/) {
  return EAI_NONAME;
}
