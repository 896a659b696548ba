// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/interrupt.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <initializer_list>

namespace pulseal::tools {
namespace {

// A signal handler has nothing but globals to tell the program by.
volatile std::sig_atomic_t caught_signal = 0;
int event = -1;

void Remember(int signal) {
  const int saved_errno = errno;
  caught_signal = signal;
  const uint64_t one = 1;
  (void)!write(event, &one, sizeof one);
  errno = saved_errno;
}

}  // namespace

void CatchInterrupts() {
  event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  struct sigaction action = {};
  action.sa_handler = Remember;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction present;
    // Ignored by whoever started us (nohup, a shell's background job): it stays so.
    if (sigaction(signal, nullptr, &present) == 0 && present.sa_handler != SIG_IGN) sigaction(signal, &action, nullptr);
  }
}

bool Interrupted() { return caught_signal != 0; }

int InterruptDescriptor() { return event; }

void Pause(std::chrono::milliseconds time) {
  pollfd interrupt = {InterruptDescriptor(), POLLIN, 0};
  poll(&interrupt, 1, static_cast<int>(time.count()));
}

void EndInterrupted() { EndBySignal(caught_signal); }

void EndBySignal(int signal) {
  std::signal(signal, SIG_DFL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
  std::raise(signal);
  _exit(128 + signal);  // the first process of a container has no default action
}

}  // namespace pulseal::tools
