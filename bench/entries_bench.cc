// SPDX-License-Identifier: Apache-2.0
//
// Stored entries: a message encrypted to where it belongs in an entry, and the entry finished around it, checksum
// included; an entry checked, taken apart and decrypted.
#include <string>
#include <string_view>

#include "bench/textbook.h"
#include "bench/workload.h"
#include "pulseal/framing/entry.h"

namespace pulseal::bench {
namespace {

constexpr size_t kSizes[] = {256, 1024, 65536, 1 << 20};

std::string EntryOf(const SealedMessage& message) {
  std::string entry;
  if (!framing::AppendEntry(message.metadata, "", message.payload, &entry).ok()) std::abort();
  return entry;
}

template <typename Backend>
void Write(benchmark::State& state, size_t size) {
  const auto encryptor = NewEncryptor<Backend>();
  Buffers& buffers = BuffersFor(size);
  const std::string metadata = ClientMetadata(size);
  const size_t head = framing::EntrySize(metadata.size() + encryptor->fields_size(), 0);
  std::string entry(head + buffers.sealed.size(), '\0');
  Repeat(state, [&] {
    const auto sealed =
        encryptor->Encrypt(buffers.plaintext, absl::MakeSpan(entry).subspan(head), buffers.fields_span());
    return sealed.ok() && framing::BuildEntry(metadata, sealed->fields, sealed->payload, absl::MakeSpan(entry)).ok();
  });
}

template <typename Backend>
void Read(benchmark::State& state, size_t size) {
  const auto decryptor = NewDecryptor<Backend>();
  Buffers& buffers = BuffersFor(size);
  const std::string entry = EntryOf(Seal(*NewEncryptor<Backend>(), buffers.plaintext));
  Repeat(state, [&] {
    const auto parts = framing::ParseEntry(entry);
    return parts.ok() && Delivers(*decryptor, parts->metadata, parts->payload, buffers);
  });
}

// Metadata made anew and the payload copied for each entry.
void TextbookWrite(benchmark::State& state, size_t size) {
  TextbookClient client(OneRecipient(), OneName());
  const Buffers& buffers = BuffersFor(size);
  Repeat(state, [&] {
    std::string sealed, fields, entry;
    return client.Encrypt(buffers.plaintext, &sealed, &fields) &&
           framing::AppendEntry(ClientMetadata(size), fields, sealed, &entry).ok();
  });
}

void TextbookRead(benchmark::State& state, size_t size) {
  TextbookClient client(OneRecipient());
  const std::string entry = EntryOf(Seal(*NewEncryptor<OpenSslBackend>(), BuffersFor(size).plaintext));
  Repeat(state, [&] {
    const auto parts = framing::ParseEntry(entry);
    std::string opened;
    return parts.ok() && client.Decrypt(parts->metadata, parts->payload, &opened);
  });
}

const bool registered = [] {
  for (const size_t size : kSizes) {
    const auto add = [size](const char* case_name, const char* way, const char* backend,
                            void (*run)(benchmark::State&, size_t)) {
      Register(Name(case_name, way, backend, std::to_string(size)), [run, size](auto& s) { run(s, size); });
    };
    ForEachBackend([&add](auto backend) {
      using Backend = decltype(backend);
      add("entry-write", "pulseal", Backend::kName, Write<Backend>);
      add("entry-read", "pulseal", Backend::kName, Read<Backend>);
      add("entry-write", "floor", Backend::kName,
          [](auto& s, size_t bytes) { Repeat(s, FloorSealing<Backend>(bytes)); });
      add("entry-read", "floor", Backend::kName,
          [](auto& s, size_t bytes) { Repeat(s, FloorOpening<Backend>(bytes)); });
    });
    add("entry-write", "textbook", "openssl", TextbookWrite);
    add("entry-read", "textbook", "openssl", TextbookRead);
  }
  return true;
}();

}  // namespace
}  // namespace pulseal::bench

BENCHMARK_MAIN();
