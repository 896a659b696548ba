// SPDX-License-Identifier: Apache-2.0
//
// To be preloaded: a disk, and an end, of the test's choosing. Calls that change files are counted; PULSEAL_FAULT says
// what happens at the Nth of them:
//   die:N          the program ends before it, as a kill would end it, with status 86
//   tear:N         the same, but a write gets half of its bytes out first
//   full:N         it and all that come after fail with "No space left on device"
//   read-only:N    the same, with "Read-only file system"
//   hold:N         the program stops before it, until it gets SIGCONT
//   lockless:N     the same, and no file can be locked
// or to all of them:
//   short:N        no write takes more than N bytes
//   interrupted:N  every Nth write is interrupted by a signal before it begins
//   slow:N         each takes N milliseconds longer
// or to calls that read files:
//   unreadable:N   the Nth and all that come after fail with "Input/output error"

// With it the C library's headers define read and pread themselves.
#undef _FORTIFY_SOURCE

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

constexpr int kDied = 86;

struct Fault {
  std::string_view kind;
  long at = 0;
};

const Fault& TheFault() {
  static const Fault fault = [] {
    const char* text = getenv("PULSEAL_FAULT");
    if (text == nullptr) return Fault{};
    const std::string_view whole(text);
    const size_t colon = whole.find(':');
    return Fault{whole.substr(0, colon), atol(text + colon + 1)};
  }();
  return fault;
}

void SleepMilliseconds(long milliseconds) {
  const timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  nanosleep(&time, nullptr);
}

// Whether the call that asks, which changes a file, is to fail.
bool Fails() {
  static std::atomic<long> calls{0};
  const Fault& fault = TheFault();
  const long number = ++calls;
  if (fault.kind == "slow") SleepMilliseconds(fault.at);
  if ((fault.kind == "hold" || fault.kind == "lockless") && number == fault.at) raise(SIGSTOP);
  if (fault.kind == "die" && number == fault.at) _exit(kDied);
  errno = fault.kind == "read-only" ? EROFS : ENOSPC;
  return ((fault.kind == "full" || fault.kind == "read-only") && number >= fault.at) ||
         (fault.kind == "tear" && number == fault.at);
}

bool IsInterrupted() {
  static std::atomic<long> writes{0};
  const Fault& fault = TheFault();
  return fault.kind == "interrupted" && ++writes % fault.at == 0;
}

bool IsUnreadable() {
  static std::atomic<long> reads{0};
  const Fault& fault = TheFault();
  return fault.kind == "unreadable" && ++reads >= fault.at;
}

template <typename Function>
Function* Real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

// `write` writes as many bytes as it is given.
template <typename Write>
ssize_t FaultyWrite(size_t size, Write write) {
  const Fault& fault = TheFault();
  if (fault.kind == "short") return write(std::min(size, static_cast<size_t>(fault.at)));
  if (IsInterrupted()) {
    errno = EINTR;
    return -1;
  }
  if (!Fails()) return write(size);
  if (fault.kind == "tear") {
    (void)!write(size / 2);
    _exit(kDied);
  }
  return -1;
}

template <typename Call>
int FaultyCall(Call call) {
  if (!Fails()) return call();
  if (TheFault().kind == "tear") _exit(kDied);
  return -1;
}

bool IsStandardStream(int file) { return file <= STDERR_FILENO; }

}  // namespace

#define PULSEAL_PRELOADED extern "C" __attribute__((visibility("default")))

PULSEAL_PRELOADED ssize_t write(int file, const void* bytes, size_t size) {
  static const auto real = Real<ssize_t(int, const void*, size_t)>("write");
  if (IsStandardStream(file)) return real(file, bytes, size);
  return FaultyWrite(size, [&](size_t allowed) { return real(file, bytes, allowed); });
}

PULSEAL_PRELOADED ssize_t pwrite(int file, const void* bytes, size_t size, off_t offset) {
  static const auto real = Real<ssize_t(int, const void*, size_t, off_t)>("pwrite");
  return FaultyWrite(size, [&](size_t allowed) { return real(file, bytes, allowed, offset); });
}

PULSEAL_PRELOADED ssize_t read(int file, void* bytes, size_t size) {
  static const auto real = Real<ssize_t(int, void*, size_t)>("read");
  if (IsStandardStream(file) || !IsUnreadable()) return real(file, bytes, size);
  errno = EIO;
  return -1;
}

PULSEAL_PRELOADED ssize_t pread(int file, void* bytes, size_t size, off_t offset) {
  static const auto real = Real<ssize_t(int, void*, size_t, off_t)>("pread");
  if (!IsUnreadable()) return real(file, bytes, size, offset);
  errno = EIO;
  return -1;
}

PULSEAL_PRELOADED int fsync(int file) {
  static const auto real = Real<int(int)>("fsync");
  return FaultyCall([&] { return real(file); });
}

PULSEAL_PRELOADED int fdatasync(int file) {
  static const auto real = Real<int(int)>("fdatasync");
  return FaultyCall([&] { return real(file); });
}

PULSEAL_PRELOADED int flock(int file, int operation) noexcept {
  static const auto real = Real<int(int, int)>("flock");
  if (TheFault().kind != "lockless") return real(file, operation);
  errno = EOPNOTSUPP;
  return -1;
}

PULSEAL_PRELOADED int ftruncate(int file, off_t size) noexcept {
  static const auto real = Real<int(int, off_t)>("ftruncate");
  return FaultyCall([&] { return real(file, size); });
}

PULSEAL_PRELOADED int rename(const char* from, const char* to) noexcept {
  static const auto real = Real<int(const char*, const char*)>("rename");
  return FaultyCall([&] { return real(from, to); });
}

PULSEAL_PRELOADED int link(const char* from, const char* to) noexcept {
  static const auto real = Real<int(const char*, const char*)>("link");
  return FaultyCall([&] { return real(from, to); });
}

PULSEAL_PRELOADED int unlink(const char* path) noexcept {
  static const auto real = Real<int(const char*)>("unlink");
  // A full disk deletes all the same.
  if (Fails() && TheFault().kind == "tear") _exit(kDied);
  return real(path);
}

PULSEAL_PRELOADED int mkdir(const char* path, mode_t mode) noexcept {
  static const auto real = Real<int(const char*, mode_t)>("mkdir");
  return FaultyCall([&] { return real(path, mode); });
}

PULSEAL_PRELOADED int open(const char* path, int flags, ...) {
  static const auto real = Real<int(const char*, int, ...)>("open");
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  if ((flags & O_CREAT) == 0) return real(path, flags);
  return FaultyCall([&] { return real(path, flags, mode); });
}
