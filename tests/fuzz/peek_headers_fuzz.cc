// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as the headers of an answer to a peek: what they tell of the metadata is whole fields, and what is wrong
// with them is said in words for a terminal.
#include <string_view>

#include "pulseal/framing/field.h"
#include "tests/fuzz/fuzz.h"
#include "tools/pulseal/peek_headers.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto message = pulseal::tools::ParsePeekHeaders({reinterpret_cast<const char*>(data), size});
  if (!message.ok()) {
    FUZZ_CHECK(pulseal::IsPlain({message.status().message().data(), message.status().message().size()}));
    FUZZ_CHECK(absl::IsInvalidArgument(message.status()) || absl::IsFailedPrecondition(message.status()));
    return 0;
  }
  std::string_view rest = message->metadata;
  for (pulseal::framing::FieldView field; pulseal::framing::TakeField(&rest, &field);) {
  }
  FUZZ_CHECK(rest.empty());
  return 0;
}
