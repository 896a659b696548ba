// SPDX-License-Identifier: Apache-2.0
#include "pulseal/framing/entry.h"

#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lib/as_absl.h"
#include "lib/framing/big_endian.h"
#include "lib/framing/crc32c.h"
#include "lib/status.h"
#include "pulseal/encryption_metadata.h"

namespace pulseal::framing {
namespace {

constexpr std::string_view kMagic = "\x0e\x01";
constexpr size_t kChecksumAt = 2, kSizeAt = 6;

char* Put(std::string_view bytes, char* out) {
  // A payload that is in its place already stays there.
  if (!bytes.empty() && bytes.data() != out) std::memcpy(out, bytes.data(), bytes.size());
  return out + bytes.size();
}

absl::Status Malformed(std::string_view problem) {
  return MakeStatus(absl::StatusCode::kInvalidArgument, Reason::kMalformed, absl::StrCat("entry: ", AsAbsl(problem)));
}

absl::Status MetadataTooLarge(size_t size) {
  return Misuse(absl::StrCat("entry: its metadata is ", size, " bytes; at most ", kMaxMetadataSize, " fit"));
}

}  // namespace

absl::StatusOr<std::string_view> BuildEntry(std::string_view metadata, std::string_view encryption_fields,
                                            std::string_view payload, absl::Span<char> out) {
  const size_t metadata_size = metadata.size() + encryption_fields.size();
  if (metadata_size > kMaxMetadataSize) return MetadataTooLarge(metadata_size);
  const size_t size = EntrySize(metadata_size, payload.size());
  if (out.size() < size) {
    return Misuse(absl::StrCat("entry: it takes ", size, " bytes, and `out` has ", out.size()),
                  absl::StatusCode::kOutOfRange);
  }
  Put(payload, Put(encryption_fields, Put(metadata, out.data() + kEntryHeaderSize)));
  Put(kMagic, out.data());
  StoreBigEndian(static_cast<uint32_t>(metadata_size), out.data() + kSizeAt);
  StoreBigEndian(Crc32c(std::string_view(out.data() + kSizeAt, size - kSizeAt)), out.data() + kChecksumAt);
  return std::string_view(out.data(), size);
}

absl::Status AppendEntry(std::string_view metadata, std::string_view encryption_fields, std::string_view payload,
                         std::string* out) {
  const size_t metadata_size = metadata.size() + encryption_fields.size();
  if (metadata_size > kMaxMetadataSize) return MetadataTooLarge(metadata_size);
  const size_t before = out->size();
  out->resize(before + EntrySize(metadata_size, payload.size()));
  return BuildEntry(metadata, encryption_fields, payload, absl::MakeSpan(*out).subspan(before)).status();
}

absl::StatusOr<EntryView> ParseEntry(std::string_view entry) {
  const std::string_view magic = entry.substr(0, kMagic.size());
  if (magic != kMagic.substr(0, magic.size())) {
    return Malformed(absl::StrCat("its magic number at offset 0 is ", Quoted(magic), ", not 0e 01"));
  }
  if (entry.size() < kEntryHeaderSize) {
    return Malformed(absl::StrCat("it is cut off in its header: ", entry.size(), " of ", kEntryHeaderSize, " bytes"));
  }
  const uint32_t metadata_size = LoadBigEndian(entry.substr(kSizeAt));
  const size_t rest = entry.size() - kEntryHeaderSize;
  if (metadata_size > kMaxMetadataSize) {
    return Malformed(absl::StrCat("its metadata size at offset 6 is ", metadata_size, ", over ", kMaxMetadataSize));
  }
  if (metadata_size > rest) {
    return Malformed(absl::StrCat("its metadata at offset 10 is cut off: ", rest, " of ", metadata_size, " bytes"));
  }
  const uint32_t stored = LoadBigEndian(entry.substr(kChecksumAt)), computed = Crc32c(entry.substr(kSizeAt));
  if (stored != computed) {
    return MakeStatus(
        absl::StatusCode::kUnauthenticated, Reason::kMalformed,
        absl::StrFormat("entry: its checksum at offset 2 is %08x, and that of its bytes is %08x: it is damaged, "
                        "or its payload is cut off",
                        stored, computed));
  }
  return EntryView{entry.substr(kEntryHeaderSize, metadata_size), entry.substr(kEntryHeaderSize + metadata_size)};
}

}  // namespace pulseal::framing
