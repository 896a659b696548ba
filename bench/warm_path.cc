// SPDX-License-Identifier: Apache-2.0
//
// Heap allocations, locks and system calls of 100,000 warm messages of 1 KiB, encrypted and then decrypted, on one thread:
// counted, as JSON. Allocations and locks by functions of the same names in front of the C library's; system calls by a
// seccomp filter that traps them, in a child since it can't be taken off again.
//
// usage: warm_path BACKEND
#include <dlfcn.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <string>

#include "bench/workload.h"

namespace {

thread_local bool counting = false;
thread_local long allocations = 0, locks = 0;
volatile sig_atomic_t system_calls = 0;

template <typename Function>
Function* Next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* memory, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) {
  allocations += counting;
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  allocations += counting;
  return __libc_calloc(count, size);
}
void* realloc(void* memory, size_t size) {
  allocations += counting;
  return __libc_realloc(memory, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  allocations += counting;
  return __libc_memalign(alignment, size);
}

int pthread_mutex_lock(pthread_mutex_t* mutex) {
  static const auto next = Next<int(pthread_mutex_t*)>("pthread_mutex_lock");
  locks += counting;
  return next(mutex);
}
int pthread_rwlock_rdlock(pthread_rwlock_t* lock) {
  static const auto next = Next<int(pthread_rwlock_t*)>("pthread_rwlock_rdlock");
  locks += counting;
  return next(lock);
}
int pthread_rwlock_wrlock(pthread_rwlock_t* lock) {
  static const auto next = Next<int(pthread_rwlock_t*)>("pthread_rwlock_wrlock");
  locks += counting;
  return next(lock);
}
}

namespace pulseal::bench {
namespace {

constexpr int kMessages = 100'000;
constexpr size_t kSize = 1024;

cpu_set_t ProcessorsAtStart() {
  cpu_set_t processors;
  if (sched_getaffinity(0, sizeof processors, &processors) != 0) std::abort();
  return processors;
}
const cpu_set_t processors = ProcessorsAtStart();

void MoveTo(int processor) {
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(processor, &only);
  if (sched_setaffinity(0, sizeof only, &only) != 0) std::abort();
}

// Encrypts and decrypts.
template <typename Backend>
class Subject {
 public:
  bool Encrypt() { return Encrypts(*encryptor_, buffers_); }
  bool Decrypt() { return Delivers(*decryptor_, message_.metadata, message_.payload, buffers_); }
  // On each processor, since each has a state of its own; ends on one, where the thread then stays.
  bool WarmUp() {
    for (int processor = 0; processor < CPU_SETSIZE; ++processor) {
      if (!CPU_ISSET(processor, &processors)) continue;
      MoveTo(processor);
      for (int i = 0; i < kMessages / 10; ++i) {
        if (!Encrypt() || !Decrypt()) return false;
      }
    }
    return true;
  }

 private:
  std::unique_ptr<MessageEncryptor> encryptor_ = NewEncryptor<Backend>();
  std::unique_ptr<MessageDecryptor> decryptor_ = NewDecryptor<Backend>();
  Buffers& buffers_ = BuffersFor(kSize);
  SealedMessage message_ = Seal(*encryptor_, buffers_.plaintext);
};

// What it traps doesn't happen, and fails as if there were no such call.
void CountSystemCall(int, siginfo_t*, void* context) {
  ++system_calls;
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RAX] = -ENOSYS;
}

constexpr sock_filter Allow(unsigned int number) { return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1); }

// From here on every system call of this thread counts; but for the end of the program, and of the handler itself.
bool TrapSystemCalls() {
  struct sigaction action = {};
  action.sa_sigaction = CountSystemCall;
  action.sa_flags = SA_SIGINFO;
  constexpr sock_filter kAllowed = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  sock_filter filter[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                          Allow(SYS_rt_sigreturn),
                          kAllowed,
                          Allow(SYS_write),
                          kAllowed,
                          Allow(SYS_exit_group),
                          kAllowed,
                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP)};
  const sock_fprog program = {sizeof filter / sizeof *filter, filter};
  return sigaction(SIGSYS, &action, nullptr) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// In the child, which makes objects of its own: those from before a fork don't work in it.
template <typename Backend, bool (Subject<Backend>::*kMessage)()>
[[noreturn]] void ReportSystemCalls(int pipe_end) {
  Subject<Backend> subject;
  bool ok = subject.WarmUp() && TrapSystemCalls();
  system_calls = 0;
  for (int i = 0; i < kMessages; ++i) ok = (subject.*kMessage)() && ok;
  const long counted = ok ? static_cast<long>(system_calls) : -1;
  _exit(write(pipe_end, &counted, sizeof counted) == sizeof counted ? 0 : 1);
}

template <typename Backend, bool (Subject<Backend>::*kMessage)()>
long SystemCalls() {
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  const pid_t child = fork();
  if (child == 0) ReportSystemCalls<Backend, kMessage>(ends[1]);
  long counted = -1;
  if (read(ends[0], &counted, sizeof counted) != sizeof counted || waitpid(child, nullptr, 0) != child || counted < 0) {
    std::abort();
  }
  return counted;
}

template <typename Backend, bool (Subject<Backend>::*kMessage)()>
void Count(const char* operation) {
  const long calls = SystemCalls<Backend, kMessage>();
  Subject<Backend> subject;
  bool ok = subject.WarmUp();
  allocations = locks = 0;
  counting = true;
  for (int i = 0; i < kMessages; ++i) ok = (subject.*kMessage)() && ok;
  counting = false;
  if (!ok) std::abort();
  std::printf("{\"name\": \"warm-path/%s/%s\", \"messages\": %d, \"allocations\": %ld, \"locks\": %ld, ", operation,
              Backend::kName, kMessages, allocations, locks);
  std::printf("\"system_calls\": %ld}\n", calls);
  std::fflush(stdout);
}

}  // namespace
}  // namespace pulseal::bench

int main(int argc, char** argv) {
  using namespace pulseal::bench;
  bool counted = false;
  ForEachBackend([&](auto backend) {
    using Backend = decltype(backend);
    if (argc != 2 || std::strcmp(argv[1], Backend::kName) != 0) return;
    Count<Backend, &Subject<Backend>::Encrypt>("encrypt");
    Count<Backend, &Subject<Backend>::Decrypt>("decrypt");
    counted = true;
  });
  if (!counted) std::fputs("usage: warm_path BACKEND\n", stderr);
  return counted ? 0 : 2;
}
