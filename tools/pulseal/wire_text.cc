// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/wire_text.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace pulseal::tools {
namespace {

absl::string_view Cut(std::string_view bytes, size_t most) { return {bytes.data(), std::min(bytes.size(), most)}; }

std::string SizeIfCut(std::string_view bytes, size_t most) {
  return bytes.size() > most ? absl::StrCat("... (", bytes.size(), " bytes)") : "";
}

}  // namespace

std::string WireText(std::string_view bytes, size_t most) {
  return absl::StrCat("\"", absl::CHexEscape(Cut(bytes, most)), "\"", SizeIfCut(bytes, most));
}

std::string WireHex(std::string_view bytes, size_t most) {
  return absl::StrCat(absl::BytesToHexString(Cut(bytes, most)), SizeIfCut(bytes, most));
}

}  // namespace pulseal::tools
