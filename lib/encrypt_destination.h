// SPDX-License-Identifier: Apache-2.0
//
// The two kinds of buffers that a caller of Encrypt brings. Each is checked against the payload first, and asked for
// room when it is known how long the fields are; up to then nothing in it has changed. Words are put together apart from
// the checks, which each message pays for.
#ifndef PULSEAL_LIB_ENCRYPT_DESTINATION_H_
#define PULSEAL_LIB_ENCRYPT_DESTINATION_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "lib/buffers.h"
#include "lib/status.h"
#include "pulseal/encryption_metadata.h"

namespace pulseal {

// Where a message goes, once it is known how long its fields are.
struct Destination {
  char* out;
  char* fields;
};

// Buffers of the caller's: at least payload and tag, and the fields; `out` may start where the payload does.
class SpanDestination {
 public:
  SpanDestination(absl::Span<char> out, absl::Span<char> fields) : out_(out), fields_(fields) {}

  absl::Status Check(std::string_view payload) const {
    const size_t needed = payload.size() + kTagSize;
    if (out_.size() < needed) return OutTooSmall(needed);
    const std::string_view written(out_.data(), needed), fields(fields_.data(), fields_.size());
    const bool in_place = out_.data() == payload.data();
    if (!in_place && Overlaps(written, payload)) {
      return Overlapping("out overlaps payload without starting where it starts");
    }
    if (Overlaps(fields, written) || Overlaps(fields, payload)) {
      return Overlapping("fields overlaps out or payload");
    }
    return absl::OkStatus();
  }

  absl::Status CheckFieldsOf(size_t size) const {
    return fields_.size() >= size ? absl::OkStatus() : FieldsTooSmall(size);
  }
  Destination ForFieldsOf(size_t /*size*/) const { return {out_.data(), fields_.data()}; }

 private:
  [[gnu::noinline]] static absl::Status Overlapping(const char* how) { return Misuse(how); }
  [[gnu::noinline]] absl::Status FieldsTooSmall(size_t size) const {
    return Misuse(absl::StrCat("fields is ", fields_.size(), " bytes and must be at least ", size),
                  absl::StatusCode::kOutOfRange);
  }
  [[gnu::noinline]] absl::Status OutTooSmall(size_t needed) const {
    return Misuse(absl::StrCat("out is ", out_.size(), " bytes and must be at least ", needed),
                  absl::StatusCode::kOutOfRange);
  }

  const absl::Span<char> out_, fields_;
};

// Strings of the caller's, made as long as needed: apart from each other and from the payload.
class StringDestination {
 public:
  StringDestination(size_t payload_size, std::string* out, std::string* fields)
      : payload_size_(payload_size), out_(out), fields_(fields) {}

  absl::Status Check(std::string_view payload) const {
    if (out_ == fields_ || Overlaps(*out_, payload) || Overlaps(*fields_, payload)) {
      return Misuse("out, fields and payload must be apart");
    }
    return absl::OkStatus();
  }

  absl::Status CheckFieldsOf(size_t /*size*/) const { return absl::OkStatus(); }
  Destination ForFieldsOf(size_t size) const {
    out_->resize(payload_size_ + kTagSize);
    fields_->resize(size);
    return {&(*out_)[0], &(*fields_)[0]};
  }

 private:
  const size_t payload_size_;
  std::string* const out_;
  std::string* const fields_;
};

}  // namespace pulseal

#endif  // PULSEAL_LIB_ENCRYPT_DESTINATION_H_
