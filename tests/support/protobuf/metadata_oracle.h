// SPDX-License-Identifier: Apache-2.0
//
// What protobuf's own parser makes of bytes, beside what the library makes of them.
#ifndef PULSEAL_TESTS_SUPPORT_PROTOBUF_METADATA_ORACLE_H_
#define PULSEAL_TESTS_SUPPORT_PROTOBUF_METADATA_ORACLE_H_

#include <string>
#include <string_view>

namespace pulseal::testing {

// Hands `metadata` to ScanMetadata, and each wrapped key in it to ParseWrappedKey and KeyNameOf. Empty where acceptance
// and values are protobuf's, but for the rules that metadata_fields.h documents; otherwise what differs.
std::string DifferenceFromProtobuf(std::string_view metadata);

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_SUPPORT_PROTOBUF_METADATA_ORACLE_H_
