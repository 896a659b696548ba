// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/topic_file_sink.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "pulseal/framing/entry.h"
#include "tools/pulseal/file.h"
#include "tools/pulseal/report.h"
#include "tools/pulseal/topic_writer.h"

namespace pulseal::tools {
namespace {

class TopicFileSink final : public TopicSink {
 public:
  explicit TopicFileSink(std::unique_ptr<TopicWriter> file) : file_(std::move(file)) {}

  absl::Status Check(const framing::SingleMessage&) const override { return absl::OkStatus(); }

  absl::Status Append(const framing::OutgoingEntry& entry) override {
    const size_t metadata_size = entry.metadata.size() + entry.encryption_fields.size();
    const auto room = file_->Reserve(framing::EntrySize(metadata_size, entry.payload.size()));
    if (!room.ok()) return room.status();
    const auto stored = framing::BuildEntry(entry.metadata, entry.encryption_fields, entry.payload, *room);
    if (!stored.ok()) return stored.status();
    file_->Commit(stored->size());
    return absl::OkStatus();
  }

  void CountMessages(uint64_t messages) override { file_->CountMessages(messages); }
  absl::Status Flush() override { return file_->Flush(); }
  absl::Status Sync() override { return file_->Sync(); }
  uint64_t entries_written() const override { return file_->entries_written(); }
  uint64_t messages_written() const override { return file_->messages_written(); }

 private:
  std::unique_ptr<TopicWriter> file_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<TopicSink>> OpenTopicFileSink(const std::string& path) {
  // Opening it writes already.
  const FileDescriptor before(open(path.c_str(), O_PATH | O_CLOEXEC));
  if (SameFile(STDOUT_FILENO, before.get())) {
    return absl::FailedPreconditionError(
        absl::StrCat(Shown(path), " is also the standard output; write to another file"));
  }
  absl::StatusOr<std::unique_ptr<TopicWriter>> file = TopicWriter::Open(path);
  if (!file.ok()) return file.status();
  if (SameFile(STDIN_FILENO, (*file)->file().get())) {
    return absl::FailedPreconditionError(absl::StrCat(Shown(path), " is also the standard input"));
  }
  if ((*file)->torn_bytes() > 0) {
    Report(absl::StrCat(Shown(path), ": removed ", Count((*file)->torn_bytes(), "byte"),
                        " at the end, an incomplete record of a run that was cut off"));
  }
  return std::make_unique<TopicFileSink>(*std::move(file));
}

}  // namespace pulseal::tools
