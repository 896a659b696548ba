// SPDX-License-Identifier: Apache-2.0
//
// SIGINT, SIGTERM and SIGHUP, for commands that have something to finish first.
#ifndef PULSEAL_TOOLS_INTERRUPT_H_
#define PULSEAL_TOOLS_INTERRUPT_H_

#include <chrono>

namespace pulseal::tools {

// From now on the first of each of these signals is only remembered; a second one ends the program.
void CatchInterrupts();

bool Interrupted();

// Readable once a signal has come: poll it beside whatever is waited for.
int InterruptDescriptor();

// Sleeps for so long, or up to an interruption.
void Pause(std::chrono::milliseconds time);

// Ends the program by the signal that was caught, so that a shell or a loop around it sees an interruption.
[[noreturn]] void EndInterrupted();

// Ends the program by `signal`.
[[noreturn]] void EndBySignal(int signal);

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_INTERRUPT_H_
