// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/websocket_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/pulseal/websocket_url.h"

namespace pulseal::tools {
namespace {

using ::testing::HasSubstr;

constexpr char kWhole[] =
    R"({"messageId":"CAE=","payload":"AAEC","properties":{"b":"1","a":"2"},"key":"k","redeliveryCount":0,
    "publishTime":"2026-01-31T12:00:00.123+01:00","eventTime":"2026-01-31T11:00:00Z","encryptionContext":{
    "keys":{"orders":{"keyValue":"d3JhcHBlZA==","metadata":{"version":"7"}}},"param":"AAAAAAAAAAAAAAAA","algorithm":null,
    "compressionType":"ZSTD","uncompressedMessageSize":77,"batchSize":3}})";

Json Whole() { return Json::parse(kWhole); }

TEST(WebSocketMessageTest, TellsAllThatTheEndpointTells) {
  const absl::StatusOr<WebSocketMessage> message = ReadWebSocketMessage(std::string_view(kWhole));
  ASSERT_TRUE(message.ok()) << message.status();
  ASSERT_TRUE(message->status.ok()) << message->status;
  EXPECT_EQ(message->message_id, "CAE=");
  EXPECT_EQ(message->payload, std::string("\0\1\2", 3));
  const auto metadata = framing::ParseMessageMetadata(message->metadata);
  ASSERT_TRUE(metadata.ok()) << metadata.status();
  EXPECT_EQ(metadata->properties, (framing::Properties{{"b", "1"}, {"a", "2"}}));
  EXPECT_EQ(metadata->partition_key, "k");
  EXPECT_EQ(metadata->publish_time, 1769857200123u);
  EXPECT_EQ(metadata->event_time, 1769857200000u);
  EXPECT_EQ(metadata->compression, framing::Compression::kZstd);
  EXPECT_EQ(metadata->uncompressed_size, 77u);
  EXPECT_EQ(metadata->num_messages_in_batch, 3);
  const auto context = ParseEncryptionContext(message->metadata);
  ASSERT_TRUE(context.ok()) << context.status();
  ASSERT_EQ(context->keys.size(), 1u);
  EXPECT_EQ(context->keys[0].key_name, "orders");
  EXPECT_EQ(context->keys[0].bytes, "wrapped");
  EXPECT_EQ(context->keys[0].metadata, (KeyMetadata{{"version", "7"}}));
  EXPECT_EQ(context->nonce, std::string(12, '\0'));
}

TEST(WebSocketMessageTest, OneThatIsNotEncryptedNorInABatchHasNeither) {
  const WebSocketMessage message =
      WebSocketMessageOf(Json{{"messageId", "x"}, {"payload", ""}, {"key", nullptr}, {"encryptionContext", nullptr}});
  ASSERT_TRUE(message.status.ok()) << message.status;
  const auto metadata = framing::ParseMessageMetadata(message.metadata);
  ASSERT_TRUE(metadata.ok());
  EXPECT_EQ(metadata->encryption_fields, "");
  EXPECT_FALSE(metadata->num_messages_in_batch.has_value());
  EXPECT_FALSE(metadata->partition_key.has_value());
}

TEST(WebSocketMessageTest, WhatIsNoMessage) {
  for (const std::string_view text : {"", "{", "[]", "1", "{}", R"({"messageId":1})", "\xff"}) {
    const auto message = ReadWebSocketMessage(text);
    EXPECT_EQ(message.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(message.status().message()), HasSubstr("sends what is no message: \""));
  }
}

// Consume remembers 100,000 of them.
TEST(WebSocketMessageTest, AnIdIsShort) {
  const auto status = [](size_t size) {
    return ReadWebSocketMessage(R"({"messageId":")" + std::string(size, 'A') + "\"}").status();
  };
  EXPECT_EQ(status(1024), absl::OkStatus());
  EXPECT_EQ(status(1025).code(), absl::StatusCode::kInvalidArgument);
}

TEST(WebSocketMessageTest, NamesTheMemberThatIsWrong) {
  const auto with = [](const char* pointer, const Json& value) {
    Json object = Whole();
    object[Json::json_pointer(pointer)] = value;
    const WebSocketMessage message = WebSocketMessageOf(object);
    EXPECT_EQ(message.message_id, "CAE=");
    EXPECT_EQ(message.status.code(), absl::StatusCode::kInvalidArgument) << pointer << value;
    return std::string(message.status.message());
  };
  EXPECT_EQ(with("/payload", "*"), "\"payload\" has to be base64");
  EXPECT_EQ(with("/payload", nullptr), "there is no \"payload\"");
  EXPECT_EQ(with("/properties", 1), "\"properties\" has to be an object of texts");
  EXPECT_EQ(with("/properties/b", 1), "\"properties\" has to be an object of texts");
  EXPECT_EQ(with("/key", 1), "\"key\" has to be a text");
  for (const Json& time : {Json("yesterday"), Json(1), Json("1969-12-31T23:59:59Z")}) {
    EXPECT_THAT(with("/publishTime", time), HasSubstr("\"publishTime\" has to be a time"));
    EXPECT_THAT(with("/eventTime", time), HasSubstr("\"eventTime\" has to be a time"));
  }
  for (const Json& keys : {Json(nullptr), Json(1), Json::object()}) {
    EXPECT_EQ(with("/encryptionContext/keys", keys), "\"keys\" has to be an object of wrapped keys");
  }
  EXPECT_EQ(with("/encryptionContext/keys/orders", 1), "there is no \"keyValue\"");
  EXPECT_EQ(with("/encryptionContext/keys/orders/keyValue", 1), "\"keyValue\" has to be base64");
  EXPECT_EQ(with("/encryptionContext/keys/orders/metadata", 1), "\"metadata\" has to be an object of texts");
  EXPECT_EQ(with("/encryptionContext/param", nullptr), "there is no \"param\"");
  EXPECT_EQ(with("/encryptionContext/compressionType", "BROTLI"),
            "\"compressionType\" has to be NONE, LZ4, ZLIB, ZSTD or SNAPPY");
  EXPECT_EQ(with("/encryptionContext/uncompressedMessageSize", -1), "\"uncompressedMessageSize\" has to be a number");
  EXPECT_EQ(with("/encryptionContext/uncompressedMessageSize", 4294967296),
            "\"uncompressedMessageSize\" has to be a number");
  EXPECT_EQ(with("/encryptionContext/batchSize", 2147483648), "\"batchSize\" has to be a number");
}

TEST(WebSocketMessageTest, WhatIsSent) {
  framing::MessageMetadata metadata;
  metadata.properties = {{"a", "1"}};
  metadata.partition_key = "k";
  metadata.event_time = 1769857200123;
  metadata.compression = framing::Compression::kLz4;
  metadata.uncompressed_size = 9;
  EXPECT_EQ(Json::parse(WebSocketSend(metadata, "nonce", "\1\2", 5)), (Json{{"payload", "AQI="},
                                                                            {"context", "5"},
                                                                            {"properties", {{"a", "1"}}},
                                                                            {"key", "k"},
                                                                            {"eventTime", "2026-01-31T11:00:00.123Z"},
                                                                            {"encryptionParam", "bm9uY2U="},
                                                                            {"compressionType", "LZ4"},
                                                                            {"uncompressedMessageSize", 9}}));
  EXPECT_EQ(WebSocketAcknowledgement("CAE="), R"({"messageId":"CAE="})");
  EXPECT_EQ(WebSocketPermit(7), R"({"type":"permit","permitMessages":7})");
  const WrappedKey key = {"o", "\x3f?>", {{"v", "1"}}};
  EXPECT_EQ(WebSocketKeysParameter({key}),
            "encryptionKeys="
            "eyJvIjp7ImtleVZhbHVlIjoiUHo4KyIsIm1ldGFkYXRhIjp7InYiOiIxIn19fQ%3D%3D");
}

TEST(WebSocketMessageTest, Receipts) {
  const auto receipt = ReadWebSocketReceipt(R"({"result":"ok","messageId":"CAE=","context":"12"})");
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_EQ(receipt->number, 12u);
  EXPECT_TRUE(receipt->status.ok());
  const auto refusal = ReadWebSocketReceipt(R"({"result":"send-error:3","errorMsg":"why\u001b","context":"12"})");
  ASSERT_TRUE(refusal.ok()) << refusal.status();
  EXPECT_EQ(refusal->status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(refusal->status.message(), "the endpoint doesn't take the message: \"send-error:3: why\\x1b\"");
  for (const std::string_view text : {"", "[]", "{}", R"({"result":1})", R"({"result":"ok"})",
                                      R"({"result":"ok","context":"x"})", R"({"result":"ok","context":12})"}) {
    EXPECT_EQ(ReadWebSocketReceipt(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(WebSocketUrlTest, PartsAndPaths) {
  const auto url = ParseWebSocketUrl("wss://[::1]:8443/behind/a/proxy/ws/v2/consumer/non-persistent/t/n/a%20b");
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_TRUE(url->is_tls);
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->port, 8443);
  EXPECT_TRUE(url->is_this_machine());
  EXPECT_EQ(url->ProducerPath(), "/behind/a/proxy/ws/v2/producer/non-persistent/t/n/a%20b");
  EXPECT_EQ(url->ConsumerPath("a b/c"), "/behind/a/proxy/ws/v2/consumer/non-persistent/t/n/a%20b/a%20b%2Fc");
  EXPECT_EQ(ParseWebSocketUrl("ws://pulsar.example/t/n/o")->port, 80);
  EXPECT_EQ(ParseWebSocketUrl("wss://pulsar.example/t/n/o")->port, 443);
  EXPECT_FALSE(ParseWebSocketUrl("wss://pulsar.example/t/n/o")->is_this_machine());
}

}  // namespace
}  // namespace pulseal::tools
