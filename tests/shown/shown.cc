// SPDX-License-Identifier: Apache-2.0
//
// Prints, to a log alone, every status that somebody has had in his hands, every event, and the first data keys that were drawn,
// which are to be in none of them. Each text once. Allocates nothing and takes no lock: some programs count the one, others fork.
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <new>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "lib/crypto/random.h"
#include "lib/event_sink.h"

namespace pulseal::testing {
namespace {

constexpr size_t kMostTexts = size_t{1} << 16;  // beyond so many, some are printed again
constexpr int kMostDataKeys = 64;

// Texts that differ in decimal digits alone, offsets and numbers, are one: FNV-1a of the rest.
uint64_t HashOf(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) {
    if (c < '0' || c > '9') hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  return hash;
}

bool IsNew(std::string_view text) {
  static std::array<std::atomic<uint64_t>, kMostTexts> seen{};
  const uint64_t hash = HashOf(text);
  return seen[hash % kMostTexts].exchange(hash, std::memory_order_relaxed) != hash;
}

iovec Bytes(std::string_view text) { return {const_cast<char*>(text.data()), text.size()}; }

void Print(std::string_view what, std::string_view text) {
  const int error = errno;
  const std::array<iovec, 3> line{Bytes(what), Bytes(text), Bytes("\n")};
  if (isatty(STDERR_FILENO) == 0) (void)!writev(STDERR_FILENO, line.data(), line.size());
  errno = error;
}

void Show(std::string_view what, std::string_view text) {
  if (!text.empty() && IsNew(text)) Print(what, text);
}

std::string_view Std(absl::string_view text) { return {text.data(), text.size()}; }

// A status keeps its words where `rep` points, counting who shares them.
void ShowStatus(uintptr_t rep) {
  static_assert(sizeof(rep) == sizeof(absl::Status));
  alignas(absl::Status) std::array<unsigned char, sizeof(rep)> bytes;
  std::memcpy(bytes.data(), &rep, sizeof(rep));
  const auto& status = *std::launder(reinterpret_cast<const absl::Status*>(bytes.data()));
  Show("status: ", Std(status.message()));
  status.ForEachPayload([](absl::string_view, const absl::Cord& payload) {
    for (const absl::string_view chunk : payload.Chunks()) Show("status: ", Std(chunk));
  });
}

void PrintHex(std::string_view data_key) {
  static std::atomic<int> printed{0};
  if (printed.load(std::memory_order_relaxed) >= kMostDataKeys || printed.fetch_add(1) >= kMostDataKeys) return;
  constexpr char kHex[] = "0123456789abcdef";
  std::array<char, 2 * crypto::kDataKeySize> hex;
  for (size_t i = 0; i < crypto::kDataKeySize; ++i) {
    const auto byte = static_cast<unsigned char>(data_key[i]);
    hex[2 * i] = kHex[byte >> 4];
    hex[2 * i + 1] = kHex[byte & 15];
  }
  Print("data key: ", {hex.data(), hex.size()});
  explicit_bzero(hex.data(), hex.size());
}

}  // namespace

void RealUnref(uintptr_t rep) asm("__real_" UNREF);
void Unref(uintptr_t rep) asm("__wrap_" UNREF);
void Unref(uintptr_t rep) {
  ShowStatus(rep);
  RealUnref(rep);
}

void RealEmit(EventSink* sink, CryptoEvent::Kind kind, std::string_view key_name,
              const absl::Status& status) asm("__real_" EMIT);
void Emit(EventSink* sink, CryptoEvent::Kind kind, std::string_view key_name,
          const absl::Status& status) asm("__wrap_" EMIT);
void Emit(EventSink* sink, CryptoEvent::Kind kind, std::string_view key_name, const absl::Status& status) {
  Show("event: ", key_name);
  RealEmit(sink, kind, key_name, status);
}

absl::StatusOr<SecretBytes> RealNewDataKey(ossl_lib_ctx_st* openssl_context) asm("__real_" NEW_DATA_KEY);
absl::StatusOr<SecretBytes> NewDataKey(ossl_lib_ctx_st* openssl_context) asm("__wrap_" NEW_DATA_KEY);
absl::StatusOr<SecretBytes> NewDataKey(ossl_lib_ctx_st* openssl_context) {
  absl::StatusOr<SecretBytes> data_key = RealNewDataKey(openssl_context);
  if (data_key.ok()) PrintHex(data_key->view());
  return data_key;
}

}  // namespace pulseal::testing
