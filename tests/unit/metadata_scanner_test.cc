// SPDX-License-Identifier: Apache-2.0
#include "lib/metadata_scanner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/wire.h"

namespace pulseal {
namespace {

WrappedKey Key(std::string name) { return {std::move(name), std::string(256, 'w'), {{"version", "1.0"}}}; }

TEST(ScanMetadata, ReadsWhatAProducerAppends) {
  std::string metadata;
  wire::AppendBytesField(1, "producer", &metadata);
  wire::AppendVarintField(2, 7, &metadata);
  wire::AppendVarintField(3, 1700000000000, &metadata);
  wire::AppendVarintField(11, 5, &metadata);
  const absl::StatusOr<std::string> fields = SerializeFieldsWithoutNonce({Key("orders"), Key("audit")});
  ASSERT_TRUE(fields.ok()) << fields.status();
  metadata += *fields;

  ScannedMetadata scanned;
  ASSERT_TRUE(ScanMetadata(metadata, &scanned)) << ExplainMalformed(metadata);
  ASSERT_EQ(scanned.wrapped_keys().size(), 2u);
  EXPECT_EQ(KeyNameOf(scanned.keys[1]), "audit");
  const absl::StatusOr<WrappedKey> key = ParseWrappedKey(scanned.keys[0]);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->key_name, "orders");
  EXPECT_EQ(key->bytes, std::string(256, 'w'));
  EXPECT_EQ(key->metadata, (KeyMetadata{{"version", "1.0"}}));
  EXPECT_EQ(scanned.nonce, std::string(12, '\0'));
  EXPECT_EQ(scanned.nonce.data() + 12, metadata.data() + metadata.size());
  EXPECT_EQ(scanned.num_messages_in_batch, 5);
}

}  // namespace
}  // namespace pulseal
