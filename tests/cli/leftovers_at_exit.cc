// SPDX-License-Identifier: Apache-2.0
//
// To be preloaded: when the program ends it looks through all memory that it could write to, for the secrets in the files
// that PULSEAL_SECRETS names (with colons between), and appends what it found to the file that PULSEAL_LEFTOVERS names. Of
// a short file that is the first line after a heading, of a longer one, an RSA key, the later half; of a *.bin file the ends.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

constexpr size_t kLeast = 16;
constexpr size_t kMostFiles = 8;
constexpr std::ptrdiff_t kMostLinesOfEc = 8;

// The secrets themselves, where they aren't searched for.
std::string_view files[kMostFiles];
size_t file_count = 0;

// A piece of memory is read into here, so that one that is gone meanwhile does no harm.
char memory[size_t{1} << 20];

std::string_view Map(const char* path) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  struct stat about;
  if (file < 0 || fstat(file, &about) != 0 || about.st_size == 0) return {};
  void* mapped = mmap(nullptr, static_cast<size_t>(about.st_size), PROT_READ, MAP_PRIVATE, file, 0);
  close(file);
  if (mapped == MAP_FAILED) return {};
  return {static_cast<const char*>(mapped), static_cast<size_t>(about.st_size)};
}

void Report(const char* file, std::string_view where) {
  FILE* report = fopen(getenv("PULSEAL_LEFTOVERS"), "ae");
  if (report == nullptr) std::abort();
  fprintf(report, "%s in %.*s\n", file, static_cast<int>(where.size()), where.data());
  fclose(report);
}

bool Has(std::string_view piece, std::string_view secret) {
  if (secret.size() < kLeast) return false;
  return memmem(piece.data(), piece.size(), secret.data(), kLeast) != nullptr ||
         memmem(piece.data(), piece.size(), secret.data() + secret.size() - kLeast, kLeast) != nullptr;
}

// Of the lines that are secret: the rest of a private key is its public half, which may lie about.
bool HasLineOf(std::string_view piece, std::string_view text) {
  const auto lines = std::count(text.begin(), text.end(), '\n');
  const bool is_rsa = lines > kMostLinesOfEc;
  std::ptrdiff_t number = 0;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.substr(0, 1) == "-") continue;
    ++number;
    const bool is_secret = is_rsa ? number > lines / 2 : number == 1;
    if (is_secret && Has(piece, line)) return true;
  }
  return false;
}

void Search(std::string_view piece, std::string_view where) {
  char paths[1024] = "";
  strncpy(paths, getenv("PULSEAL_SECRETS"), sizeof paths - 1);
  char* rest = paths;
  for (size_t i = 0; i < file_count; ++i) {
    const char* path = strsep(&rest, ":");
    const bool is_binary = strstr(path, ".bin") != nullptr;
    if (is_binary ? Has(piece, files[i]) : HasLineOf(piece, files[i])) Report(path, where);
  }
}

// In pieces that overlap, so that a secret at the end of one is found in the next.
void SearchMapping(int own_memory, uint64_t begin, uint64_t end, std::string_view where) {
  for (uint64_t at = begin; at < end; at += sizeof memory - kLeast) {
    const ssize_t size = pread(own_memory, memory, std::min<uint64_t>(sizeof memory, end - at), static_cast<off_t>(at));
    if (size > 0) Search({memory, static_cast<size_t>(size)}, where);
    memset(memory, 0, sizeof memory);
  }
}

__attribute__((destructor)) void SearchAll() {
  if (getenv("PULSEAL_SECRETS") == nullptr) return;
  char paths[1024] = "";
  strncpy(paths, getenv("PULSEAL_SECRETS"), sizeof paths - 1);
  char* rest = paths;
  for (const char* path; file_count < kMostFiles && (path = strsep(&rest, ":")) != nullptr;) {
    files[file_count] = Map(path);
    if (files[file_count++].empty()) Report(path, "nothing: it can't be read");
  }
  const int own_memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  FILE* maps = fopen("/proc/self/maps", "re");
  if (own_memory < 0 || maps == nullptr) return Report("a secret", "nothing: memory can't be read");
  for (char line[1024]; fgets(line, sizeof line, maps) != nullptr;) {
    uint64_t begin = 0, end = 0;
    char access[5] = "";
    if (sscanf(line, "%lx-%lx %4s", &begin, &end, access) != 3 || access[1] != 'w') continue;
    if (reinterpret_cast<uint64_t>(memory) >= begin && reinterpret_cast<uint64_t>(memory) < end) continue;
    SearchMapping(own_memory, begin, end, std::string_view(line, strcspn(line, "\n")));
  }
}

}  // namespace
