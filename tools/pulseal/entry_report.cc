// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/entry_report.h"

#include <functional>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "pulseal/encryption_metadata.h"
#include "pulseal/framing/field.h"
#include "tools/pulseal/metadata_schema.h"
#include "tools/pulseal/report.h"
#include "tools/pulseal/wire_text.h"

namespace pulseal::tools {
namespace {

using framing::FieldView;
using Kind = FieldSchema::Kind;

constexpr size_t kMostFields = 10'000;  // a MiB of metadata may have half a million

void AppendRow(std::string_view label, std::string_view value, std::string& out) {
  absl::StrAppendFormat(&out, "%-18s %s\n", label, value);
}

std::string Hex(std::string_view bytes) {
  return absl::BytesToHexString(absl::string_view(bytes.data(), bytes.size()));
}

bool IsText(const FieldSchema* schema) { return schema != nullptr && schema->kind == Kind::kText; }

std::string NumberText(const FieldSchema* schema, uint64_t value) {
  const Kind kind = schema == nullptr ? Kind::kNumber : schema->kind;
  const auto int32 = static_cast<int32_t>(static_cast<uint32_t>(value));
  switch (kind) {
    case Kind::kSigned: return absl::StrCat(int32);
    case Kind::kBool: return value != 0 ? "true" : "false";
    case Kind::kCompression: return absl::StrCat(int32, " (", CompressionName(int32), ")");
    case Kind::kTime: return absl::StrCat(value, " (", TimeText(value), ")");
    default: return absl::StrCat(value);
  }
}

Json Number(const FieldSchema* schema, uint64_t value) {
  if (schema != nullptr && schema->kind == Kind::kSigned) return static_cast<int32_t>(static_cast<uint32_t>(value));
  return value;
}

std::string ValueText(const FieldSchema* schema, const FieldView& field) {
  if (field.type == FieldView::Type::kVarint) return NumberText(schema, field.value);
  if (field.type != FieldView::Type::kBytes) return WireHex(field.bytes);
  return IsText(schema) ? WireText(field.content) : WireHex(field.content);
}

using VisitField = std::function<void(size_t offset, const FieldView&, const FieldSchema*, const std::string& prefix)>;

// Each field of `message`, which begins at `offset` of the metadata, and the fields of those that are messages.
// `fields_left` counts down to 0.
void ForEachField(std::string_view message, size_t offset, absl::Span<const FieldSchema> schemas,
                  const std::string& prefix, size_t& fields_left, const VisitField& visit) {
  std::string_view rest = message;
  FieldView field;
  while (fields_left > 0 && framing::TakeField(&rest, &field)) {
    --fields_left;
    const auto at = [&](std::string_view part) { return offset + static_cast<size_t>(part.data() - message.data()); };
    const FieldSchema* const schema = FindField(schemas, field.number);
    visit(at(field.bytes), field, schema, prefix);
    if (field.type != FieldView::Type::kBytes || schema == nullptr || schema->nested.empty()) continue;
    ForEachField(field.content, at(field.content), schema->nested, absl::StrCat(prefix, field.number, "."), fields_left,
                 visit);
  }
}

std::string FieldTable(std::string_view metadata) {
  std::string out = absl::StrFormat("%6s  %-7s %-26s %s\n", "offset", "field", "name", "value");
  size_t fields_left = kMostFields;
  ForEachField(metadata, 0, MetadataSchema(), "", fields_left,
               [&](size_t offset, const FieldView& field, const FieldSchema* schema, const std::string& prefix) {
                 const bool has_parts = schema != nullptr && schema->kind == Kind::kMessage;
                 absl::StrAppendFormat(&out, "%6d  %-7s %-26s %s\n", offset, absl::StrCat(prefix, field.number),
                                       schema == nullptr ? "(unknown)" : schema->name,
                                       has_parts ? Count(field.content.size(), "byte") : ValueText(schema, field));
               });
  if (fields_left == 0) absl::StrAppend(&out, "  ...  and the fields behind these ", kMostFields, "\n");
  return out;
}

Json FieldList(std::string_view metadata) {
  Json list = Json::array();
  size_t fields_left = kMostFields;
  ForEachField(metadata, 0, MetadataSchema(), "", fields_left,
               [&](size_t offset, const FieldView& field, const FieldSchema* schema, const std::string& prefix) {
                 Json object = {{"offset", offset}, {"field", absl::StrCat(prefix, field.number)}};
                 if (schema != nullptr) object["name"] = schema->name;
                 if (field.type == FieldView::Type::kVarint) object["number"] = Number(schema, field.value);
                 if (field.type == FieldView::Type::kBytes && IsText(schema)) object["text"] = field.content;
                 if (field.type == FieldView::Type::kBytes) object["hex"] = Hex(field.content);
                 object["size"] = field.bytes.size();
                 list.push_back(std::move(object));
               });
  return list;
}

std::string CompressionText(const EntryFacts& facts) {
  return absl::StrCat(CompressionName(facts.compression), ", ", Count(facts.uncompressed_size, "byte"),
                      " uncompressed");
}

// "chunk 2 of 5 of "uuid"".
std::string ChunkText(const EntryFacts& facts) {
  return absl::StrCat("chunk ", int64_t{facts.chunk_id} + 1, " of ", facts.num_chunks, " of ",
                      WireText(facts.chunk_uuid));
}

std::string ForWhom(const InspectedMessage& message) {
  if (!message.facts.encrypted()) return "PLAINTEXT";
  std::vector<std::string> names;
  for (const Recipient& recipient : message.recipients.all()) {
    names.push_back(absl::StrCat(WireText(recipient.key.key_name), " ", WrappingText(recipient)));
  }
  return absl::StrCat("for ", absl::StrJoin(names, ", "));
}

std::string SizeText(const InspectedMessage& message) {
  if (!message.payload_size) return "not given";
  const std::string size = Count(*message.payload_size, "byte");
  if (!message.is_readable || !message.facts.encrypted() || *message.payload_size < kTagSize) return size;
  return absl::StrCat(size, ", ", *message.payload_size - kTagSize, " without the tag");
}

void AppendRecipients(const InspectedMessage& message, std::string& out) {
  const char* label = "readable by";
  if (!message.facts.encrypted()) AppendRow(label, "anybody: PLAINTEXT, which anybody could have written", out);
  for (const Recipient& recipient : message.recipients.all()) {
    std::vector<std::string> metadata;
    for (const auto& [name, value] : recipient.key.metadata) {
      metadata.push_back(absl::StrCat(", ", WireText(name), " = ", WireText(value)));
    }
    AppendRow(label,
              absl::StrCat(WireText(recipient.key.key_name), "  ", WrappingText(recipient), ", ",
                           Count(recipient.key.bytes.size(), "byte"), absl::StrJoin(metadata, "")),
              out);
    label = "";
  }
}

void AppendFacts(const InspectedMessage& message, std::string& out) {
  const EntryFacts& facts = message.facts;
  AppendRow("producer", absl::StrCat(WireText(facts.producer_name), ", sequence ", facts.sequence_id), out);
  AppendRow("published", TimeText(facts.publish_time), out);
  AppendRow("compression", CompressionText(facts), out);
  if (facts.num_messages_in_batch) AppendRow("batch", absl::StrCat("of ", *facts.num_messages_in_batch), out);
  if (facts.is_chunk()) AppendRow("chunk", ChunkText(facts), out);
  AppendRecipients(message, out);
  if (facts.encrypted()) AppendRow("nonce", WireHex(facts.nonce), out);
}

void AddFacts(const InspectedMessage& message, Json& object) {
  const EntryFacts& facts = message.facts;
  object["producer_name"] = facts.producer_name;
  object["sequence_id"] = facts.sequence_id;
  object["publish_time"] = facts.publish_time;
  object["compression"] = CompressionName(facts.compression);
  object["uncompressed_size"] = facts.uncompressed_size;
  if (facts.num_messages_in_batch) object["messages_in_batch"] = *facts.num_messages_in_batch;
  if (facts.is_chunk()) {
    object["chunk"] = {{"uuid", facts.chunk_uuid}, {"index", facts.chunk_id}, {"count", facts.num_chunks}};
  }
  object["encrypted"] = facts.encrypted();
  if (facts.encrypted()) object["nonce"] = Hex(facts.nonce);
  object["keys"] = Json::array();
  for (const Recipient& recipient : message.recipients.all()) {
    object["keys"].push_back({{"key_name", recipient.key.key_name},
                              {"wrapping", WrappingText(recipient)},
                              {"wrapped_size", recipient.key.bytes.size()},
                              {"metadata", recipient.key.metadata}});
  }
}

}  // namespace

void Inspect(InspectedMessage& message) {
  message.is_readable = ReadFacts(message.metadata, message.facts);
  if (!message.is_readable) {
    message.problem = ParseEncryptionContext(message.metadata).status();
    return;
  }
  message.problem = message.recipients.Read(message.metadata, message.facts);
  if (!message.problem.ok()) return;
  message.problem = CheckEncryption(message.facts, message.payload_size.value_or(kTagSize));
}

std::string MessageLine(const InspectedMessage& message) {
  const EntryFacts& facts = message.facts;
  std::string line;
  if (message.place) line = absl::StrCat(message.place->entry_number, " at ", message.place->offset, ": ");
  if (!message.problem.ok()) return absl::StrCat(line, "malformed: ", message.problem.message());
  absl::StrAppend(&line, ForWhom(message), "; payload ", Count(message.payload_size.value_or(0), "byte"));
  if (facts.encrypted()) absl::StrAppend(&line, "; nonce ", Hex(facts.nonce));
  if (facts.compression != 0) absl::StrAppend(&line, "; ", CompressionText(facts));
  if (facts.num_messages_in_batch) absl::StrAppend(&line, "; batch of ", *facts.num_messages_in_batch);
  if (facts.is_chunk()) absl::StrAppend(&line, "; ", ChunkText(facts));
  return line;
}

std::string MessageText(const InspectedMessage& message) {
  std::string out;
  if (message.place) {
    AppendRow("entry", absl::StrCat(message.place->entry_number, " at offset ", message.place->offset), out);
  }
  AppendRow("metadata", Count(message.metadata.size(), "byte"), out);
  AppendRow("payload", SizeText(message), out);
  if (message.is_readable) AppendFacts(message, out);
  if (!message.problem.ok()) AppendRow("problem", std::string(message.problem.message()), out);
  return absl::StrCat(out, "\n", FieldTable(message.metadata));
}

Json MessageJson(const InspectedMessage& message, bool with_fields) {
  Json object = {{"kind", "entry"}};
  if (message.place) object["entry"] = message.place->entry_number;
  if (message.place) object["offset"] = message.place->offset;
  if (!message.problem.ok()) object["problem"] = std::string(message.problem.message());
  if (!message.metadata.empty()) object["metadata_size"] = message.metadata.size();
  if (message.payload_size) object["payload_size"] = *message.payload_size;
  if (message.is_readable) AddFacts(message, object);
  if (with_fields) object["fields"] = FieldList(message.metadata);
  return object;
}

}  // namespace pulseal::tools
