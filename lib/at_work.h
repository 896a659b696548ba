// SPDX-License-Identifier: Apache-2.0
//
// A thread of ours that is at work. At exit OpenSSL takes itself down while other threads go on, and one that is inside it
// then ends the program by a crash, after it had done all that it was asked. So exit waits for threads that are at work, but
// not for ever: they may be stuck in a key reader.
//
// The count is the process's, as OpenSSL and its end are.
#ifndef PULSEAL_LIB_AT_WORK_H_
#define PULSEAL_LIB_AT_WORK_H_

#include <chrono>

namespace pulseal {

class AtWork {
 public:
  // What exit waits at most.
  static constexpr std::chrono::seconds kLongestWait{1};

  // Whoever will start threads that will be at work calls this first, and not such a thread: once OpenSSL is ending it takes
  // handlers that it never calls, and exit would not wait.
  static void MakeExitWait();

  // Doesn't return once the process is ending: the thread, which nobody waits for, ends with it.
  AtWork();
  ~AtWork();
  AtWork(const AtWork&) = delete;
  AtWork& operator=(const AtWork&) = delete;
};

}  // namespace pulseal

#endif  // PULSEAL_LIB_AT_WORK_H_
