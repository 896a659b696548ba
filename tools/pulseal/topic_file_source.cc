// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/topic_file_source.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pulseal/framing/entry.h"
#include "tools/pulseal/file.h"
#include "tools/pulseal/interrupt.h"
#include "tools/pulseal/progress.h"
#include "tools/pulseal/report.h"
#include "tools/pulseal/topic_reader.h"

namespace pulseal::tools {
namespace {

// Bytes of the file that belong to no record.
struct Damage {
  uint64_t places = 0, bytes = 0, first_offset = 0;
  std::optional<uint64_t> nothing_from;  // where no record follows the last place
  TopicItem torn_tail;                   // kEnd: none
};

class TopicFileSource final : public TopicSource {
 public:
  TopicFileSource(std::unique_ptr<TopicReader> file, std::string path, const TopicFileSourceOptions& options)
      : file_(std::move(file)),
        path_(std::move(path)),
        options_(options),
        progress_(file_->file().get(), !options.progress) {}

  absl::StatusOr<std::optional<TopicEntry>> Next() override {
    while (true) {
      const absl::StatusOr<TopicItem> item = file_->Next();
      if (!item.ok()) return item.status();
      switch (item->kind) {
        case TopicItem::Kind::kEntry:
          damage_.torn_tail = {};
          damage_.nothing_from.reset();
          progress_.At(item->offset);
          if (++entry_number_ >= options_.from) return Entry(*item);
          break;
        case TopicItem::Kind::kDamage:
          if (damage_.places++ == 0) damage_.first_offset = item->offset;
          damage_.bytes += item->size;
          damage_.nothing_from = item->offset;
          break;
        case TopicItem::Kind::kTornTail: damage_.torn_tail = *item; break;
        case TopicItem::Kind::kEnd: return std::optional<TopicEntry>();
      }
    }
  }

  absl::Status Settle(const std::vector<uint64_t>&) override { return absl::OkStatus(); }

  absl::StatusOr<bool> Wait() override {
    if (!options_.follow) return false;
    Pause(std::chrono::milliseconds(100));
    file_->LookAgain();
    return true;
  }

  bool ReportUnreadable() const override {
    const std::string name = Shown(path_);
    if (options_.from > std::max<uint64_t>(entry_number_, 1) && !Interrupted()) {
      Report(
          absl::StrCat(name, ": nothing to read from entry ", options_.from, " on: the last one is ", entry_number_));
    }
    const bool has_torn_tail = damage_.torn_tail.kind == TopicItem::Kind::kTornTail;
    if (damage_.places > 0) {
      Report(absl::StrCat(name, ": damaged in ", Count(damage_.places, "place"), ": ", Count(damage_.bytes, "byte"),
                          " skipped, the first at offset ", damage_.first_offset,
                          damage_.nothing_from
                              ? absl::StrCat("; nothing can be read from offset ", *damage_.nothing_from, " on")
                              : ""));
    }
    if (has_torn_tail) {
      Report(absl::StrCat(name, ": ends inside a record: the last ", Count(damage_.torn_tail.size, "byte"),
                          " from offset ", damage_.torn_tail.offset,
                          " on not read; whoever wrote it was cut off, and the next \"pulseal produce\" removes them"));
    }
    return damage_.places > 0 || has_torn_tail;
  }

 private:
  TopicEntry Entry(const TopicItem& item) const {
    TopicEntry entry;
    entry.place.entry_number = entry_number_;
    entry.place.offset = item.offset;
    const absl::StatusOr<framing::EntryView> parsed = framing::ParseEntry(item.entry);
    entry.status = parsed.status();
    if (parsed.ok()) {
      entry.metadata = parsed->metadata;
      entry.payload = parsed->payload;
    }
    return entry;
  }

  std::unique_ptr<TopicReader> file_;
  const std::string path_;
  const TopicFileSourceOptions options_;
  Progress progress_;
  Damage damage_;
  uint64_t entry_number_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<TopicSource>> OpenTopicFileSource(const std::string& path,
                                                                 const TopicFileSourceOptions& options) {
  absl::StatusOr<std::unique_ptr<TopicReader>> file = TopicReader::Open(path);
  if (!file.ok()) return file.status();
  if (SameFile(STDOUT_FILENO, (*file)->file().get())) {
    return absl::FailedPreconditionError(
        absl::StrCat(Shown(path), " is also the standard output; write to another file"));
  }
  return std::make_unique<TopicFileSource>(*std::move(file), path, options);
}

}  // namespace pulseal::tools
