// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/json_line.h"

#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "tools/pulseal/wire_text.h"

namespace pulseal::tools {
namespace {

// Looks a text over and makes nothing of it, up to the first thing that is too much. The library's own way to leave values
// out while it makes them looks at all elements of an array again behind each object in it.
class JsonLimits final : public Json::json_sax_t {
 public:
  absl::Status Check(std::string_view text) {
    // A NUL the parser would take for the end, whatever comes behind it.
    const bool is_whole = text.find('\0') == std::string_view::npos && Json::sax_parse(text, this);
    if (is_whole || !status_.ok()) return status_;
    return absl::InvalidArgumentError("is not a JSON object");
  }

  bool null() override { return TakeValue(); }
  bool boolean(bool) override { return TakeValue(); }
  bool number_integer(int64_t) override { return TakeValue(); }
  bool number_unsigned(uint64_t) override { return TakeValue(); }
  bool number_float(double, const std::string&) override { return TakeValue(); }
  bool string(std::string&) override { return TakeValue(); }
  bool binary(Json::binary_t&) override { return TakeValue(); }
  bool start_object(size_t) override {
    names_.emplace_back();
    return (depth_ == 0 || TakeValue()) && Enter();
  }

  bool key(std::string& name) override {
    if (depth_ == 1) is_in_properties_ = name == "properties";
    const bool is_property = depth_ > 1 && is_in_properties_;
    if (is_property || names_.back().insert(name).second) return true;
    return Refuse(absl::AlreadyExistsError(absl::StrCat("has a member ", WireText(name), " twice")));
  }

  bool end_object() override {
    names_.pop_back();
    return Leave();
  }

  bool start_array(size_t) override { return TakeValue() && Enter(); }
  bool end_array() override { return Leave(); }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  bool Refuse(absl::Status status) {
    status_ = std::move(status);
    return false;
  }

  // Outside the object is no other value.
  bool TakeValue() {
    if (depth_ == 0) return false;
    if (++values_ <= kMostJsonValues) return true;
    return Refuse(absl::ResourceExhaustedError(absl::StrCat("has more than ", kMostJsonValues, " JSON values")));
  }

  bool Enter() {
    if (++depth_ <= kDeepestJson) return true;
    return Refuse(absl::ResourceExhaustedError(absl::StrCat("has JSON more than ", kDeepestJson, " levels deep")));
  }

  bool Leave() {
    --depth_;
    return true;
  }

  absl::Status status_;
  int values_ = 0, depth_ = 0;
  std::vector<std::set<std::string>> names_;  // of each object that is open
  bool is_in_properties_ = false;
};

}  // namespace

absl::StatusOr<Json> ParseJson(std::string_view text) {
  if (absl::Status status = JsonLimits().Check(text); !status.ok()) return status;
  return Json::parse(text, nullptr, false);
}

}  // namespace pulseal::tools
