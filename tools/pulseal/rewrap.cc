// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "pulseal/framing/entry.h"
#include "pulseal/framing/message_metadata.h"
#include "pulseal/message_crypto.h"
#include "tools/pulseal/command.h"
#include "tools/pulseal/file.h"
#include "tools/pulseal/file_aside.h"
#include "tools/pulseal/interrupt.h"
#include "tools/pulseal/key_names.h"
#include "tools/pulseal/leftovers.h"
#include "tools/pulseal/private_keys.h"
#include "tools/pulseal/progress.h"
#include "tools/pulseal/report.h"
#include "tools/pulseal/topic_reader.h"
#include "tools/pulseal/topic_writer.h"

namespace pulseal::tools {
namespace {

// Data keys whose wrapped keys are kept beside the chunks', so that messages of the same one cost one wrapping.
constexpr size_t kMostDataKeys = 1000;

struct Arguments {
  std::string topic, out;
  std::vector<std::string> key_names;
  PrivateKeyArguments keys;
  bool quiet = false;
};

// LocalKeyWrapper answers inside the call.
absl::StatusOr<SecretBytes> Unwrap(KeyWrapper& keys, const WrappedKey& wrapped) {
  absl::StatusOr<SecretBytes> data_key = absl::InternalError("no answer");
  keys.Unwrap(wrapped, DecryptorOptions().max_private_key_operations, [&data_key](absl::StatusOr<Unwrapped> answer) {
    if (answer.ok()) data_key = std::move(answer->data_key);
    if (!answer.ok()) data_key = answer.status();
  });
  return data_key;
}

absl::StatusOr<WrappedKey> Wrap(KeyWrapper& keys, const std::string& key_name,
                                const std::shared_ptr<const SecretBytes>& data_key) {
  absl::StatusOr<WrappedKey> wrapped = absl::InternalError("no answer");
  keys.Wrap(key_name, data_key, [&wrapped](absl::StatusOr<WrappedKey> answer) { wrapped = std::move(answer); });
  return wrapped;
}

// The new recipients' wrapped keys, made once for each data key. Wrapped again a data key has other bytes, and by these
// bytes readers know which chunks belong together: what chunks have is kept to the end, and of the rest a part, since a
// topic may have any number of data keys, but few with chunks.
class Recipients {
 public:
  Recipients(std::shared_ptr<KeyWrapper> keys, std::vector<std::string> key_names)
      : keys_(std::move(keys)), key_names_(std::move(key_names)) {}

  // For the data key in `old`, which must be the one that the message is encrypted with.
  absl::StatusOr<absl::Span<const WrappedKey>> WrapAgain(const WrappedKey& old, bool is_chunk) {
    const auto known = made_.find({old.key_name, old.bytes});
    if (known == made_.end()) return WrapFirst(old, is_chunk);
    known->second.has_chunks |= is_chunk;
    return absl::MakeConstSpan(known->second.wrapped_keys);
  }

 private:
  struct Made {
    std::vector<WrappedKey> wrapped_keys;
    bool has_chunks = false;
  };

  absl::StatusOr<absl::Span<const WrappedKey>> WrapFirst(const WrappedKey& old, bool is_chunk) {
    absl::StatusOr<SecretBytes> data_key = Unwrap(*keys_, old);
    if (!data_key.ok()) return data_key.status();
    absl::StatusOr<std::vector<WrappedKey>> wrapped_keys =
        WrapForAll(std::make_shared<const SecretBytes>(*std::move(data_key)));
    if (!wrapped_keys.ok()) return wrapped_keys.status();
    if (made_.size() >= most_) DropAllWithoutChunks();
    Made& made = made_[{old.key_name, old.bytes}] = {*std::move(wrapped_keys), is_chunk};
    return absl::MakeConstSpan(made.wrapped_keys);
  }

  absl::StatusOr<std::vector<WrappedKey>> WrapForAll(const std::shared_ptr<const SecretBytes>& data_key) {
    std::vector<WrappedKey> wrapped_keys;
    for (const std::string& key_name : key_names_) {
      absl::StatusOr<WrappedKey> wrapped = Wrap(*keys_, key_name, data_key);
      if (!wrapped.ok()) return wrapped.status();
      wrapped_keys.push_back(*std::move(wrapped));
    }
    return wrapped_keys;
  }

  void DropAllWithoutChunks() {
    for (auto made = made_.begin(); made != made_.end();)
      made = made->second.has_chunks ? std::next(made) : made_.erase(made);
    most_ = made_.size() + kMostDataKeys;
  }

  const std::shared_ptr<KeyWrapper> keys_;
  const std::vector<std::string> key_names_;
  std::map<std::pair<std::string, std::string>, Made> made_;  // by key name and bytes of the old one
  size_t most_ = kMostDataKeys;
};

// The one of the message's wrapped keys that holds its data key. Anybody can put others beside it, which open too and hold
// the data keys of other messages: what decides is that the payload authenticates under this one alone.
absl::StatusOr<WrappedKey> FindDataKey(const framing::EntryView& entry, MessageDecryptor& decryptor) {
  SecretBytes plaintext = SecretBytes::OfSize(entry.payload.size());
  const Decision decision = decryptor.Decrypt(entry.metadata, entry.payload, plaintext.mutable_span());
  if (decision.action != Decision::Action::kDeliver) return decision.status;
  absl::StatusOr<EncryptionContext> context = ParseEncryptionContext(entry.metadata);
  if (!context.ok()) return context.status();
  for (WrappedKey& key : context->keys) {
    if (key.key_name != decision.key_name) continue;
    const absl::StatusOr<std::string> alone = ReplaceWrappedKeys(entry.metadata, absl::MakeConstSpan(&key, 1));
    if (!alone.ok()) return alone.status();
    const Decision with_it = decryptor.Decrypt(*alone, entry.payload, plaintext.mutable_span());
    if (with_it.action == Decision::Action::kDeliver) return std::move(key);
  }
  return absl::InternalError("no wrapped key opens the message by itself");
}

// The stored entry `stored` with new wrapped keys; otherwise why it has to stay as it is.
absl::StatusOr<std::string> Rewrapped(std::string_view stored, MessageDecryptor& decryptor, Recipients& recipients) {
  const absl::StatusOr<framing::EntryView> entry = framing::ParseEntry(stored);
  if (!entry.ok()) return entry.status();
  const absl::StatusOr<WrappedKey> data_key = FindDataKey(*entry, decryptor);
  if (!data_key.ok()) return data_key.status();
  const auto read = framing::ParseMessageMetadata(entry->metadata);  // whoever can't read it joins no chunks by it
  const auto wrapped_keys = recipients.WrapAgain(*data_key, read.ok() && read->num_chunks > 1);
  if (!wrapped_keys.ok()) return wrapped_keys.status();
  const absl::StatusOr<std::string> metadata = ReplaceWrappedKeys(entry->metadata, *wrapped_keys);
  if (!metadata.ok()) return metadata.status();
  std::string rewrapped;
  if (absl::Status status = framing::AppendEntry(*metadata, "", entry->payload, &rewrapped); !status.ok())
    return status;
  return rewrapped;
}

// The next entry of a topic that has to be whole; an empty one at its end.
absl::StatusOr<TopicItem> NextEntry(TopicReader& topic, const std::string& name) {
  absl::StatusOr<TopicItem> item = topic.Next();
  if (!item.ok() || item->kind == TopicItem::Kind::kEntry || item->kind == TopicItem::Kind::kEnd) return item;
  return absl::DataLossError(
      absl::StrCat(Shown(name), ": damaged at offset ", item->offset, "; only a topic that is whole is rewrapped"));
}

absl::Status Append(std::string_view entry, TopicWriter& topic) {
  const absl::StatusOr<absl::Span<char>> room = topic.Reserve(entry.size());
  if (!room.ok()) return room.status();
  entry.copy(room->data(), entry.size());
  topic.Commit(entry.size());
  return absl::OkStatus();
}

// Every entry of the topic, rewrapped where that is possible, to the end of `out`.
absl::Status Copy(const std::string& name, TopicReader& topic, MessageDecryptor& decryptor, Recipients& recipients,
                  TopicWriter& out, Progress& progress, Leftovers& leftovers) {
  for (uint64_t number = 1; !Interrupted(); ++number) {
    const absl::StatusOr<TopicItem> item = NextEntry(topic, name);
    if (!item.ok()) return item.status();
    if (item->kind == TopicItem::Kind::kEnd) return out.Sync();
    progress.At(item->offset);
    const absl::StatusOr<std::string> rewrapped = Rewrapped(item->entry, decryptor, recipients);
    if (!rewrapped.ok()) {
      leftovers.Add(Leftovers::Outcome::kCopiedAsFound, ReasonName(ReasonOf(rewrapped.status())), 1,
                    {number, item->offset}, rewrapped.status());
    }
    const std::string_view entry = rewrapped.ok() ? std::string_view(*rewrapped) : item->entry;
    if (absl::Status status = Append(entry, out); !status.ok()) return status;
  }
  return absl::CancelledError("interrupted");
}

bool AreFor(const std::vector<WrappedKey>& keys, const std::vector<std::string>& key_names) {
  return std::equal(keys.begin(), keys.end(), key_names.begin(), key_names.end(),
                    [](const WrappedKey& key, const std::string& name) { return key.key_name == name; });
}

// `rewrapped`, as it was read back, is `original` or that with other recipients.
bool IsRewrapped(std::string_view original, std::string_view rewrapped, const std::vector<std::string>& key_names) {
  if (original == rewrapped) return true;
  const absl::StatusOr<framing::EntryView> before = framing::ParseEntry(original),
                                           after = framing::ParseEntry(rewrapped);
  if (!before.ok() || !after.ok() || before->payload != after->payload) return false;
  const absl::StatusOr<EncryptionContext> context = ParseEncryptionContext(after->metadata);
  if (!context.ok() || !AreFor(context->keys, key_names)) return false;
  const absl::StatusOr<std::string> expected = ReplaceWrappedKeys(before->metadata, context->keys);
  return expected.ok() && *expected == after->metadata;
}

// Reads both topics once more, from the disk: the first `entries` of the original have to be all of the rewrapped one.
absl::Status Verify(const Arguments& arguments, const std::string& rewrapped, uint64_t entries) {
  const auto original_topic = TopicReader::Open(arguments.topic);
  if (!original_topic.ok()) return original_topic.status();
  const auto rewrapped_topic = TopicReader::Open(rewrapped, arguments.out);
  if (!rewrapped_topic.ok()) return rewrapped_topic.status();
  for (uint64_t i = 0; i < entries; ++i) {
    const absl::StatusOr<TopicItem> before = NextEntry(**original_topic, arguments.topic);
    if (!before.ok()) return before.status();
    const absl::StatusOr<TopicItem> after = NextEntry(**rewrapped_topic, arguments.out);
    if (!after.ok()) return after.status();
    if (!IsRewrapped(before->entry, after->entry, arguments.key_names)) {
      return absl::DataLossError(absl::StrCat(Shown(arguments.out), ": what was read back at offset ", after->offset,
                                              " isn't what was written; the file was dropped"));
    }
  }
  const absl::StatusOr<TopicItem> end = NextEntry(**rewrapped_topic, arguments.out);
  if (!end.ok() || end->kind == TopicItem::Kind::kEnd) return end.status();
  return absl::DataLossError(absl::StrCat(Shown(arguments.out), ": more was read back than was written"));
}

absl::Status CheckNoFile(const std::string& path) {
  const FileDescriptor file(open(path.c_str(), O_PATH | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid() && errno == ENOENT) return absl::OkStatus();
  if (!file.valid()) return ErrnoStatus(Shown(path));
  return absl::AlreadyExistsError(absl::StrCat(Shown(path), " exists and was left as it is; --out names a new file"));
}

// For the new file: nobody else may read it, for messages in clear are copied as they are. Its owner has to write it.
mode_t ModeLike(const FileDescriptor& topic) {
  struct stat file;
  return fstat(topic.get(), &file) == 0 ? (file.st_mode & 0666) | 0600 : 0600;
}

absl::Status RewrapAll(const Arguments& arguments, MessageDecryptor& decryptor, Recipients& recipients,
                       Leftovers& leftovers) {
  if (absl::Status status = CheckNoFile(arguments.out); !status.ok()) return status;
  const auto topic = TopicReader::Open(arguments.topic);
  if (!topic.ok()) return topic.status();
  Progress progress((*topic)->file().get(), arguments.quiet);
  PathAside aside(arguments.out, "new");
  if (!aside.Make(ModeLike((*topic)->file())).valid()) return ErrnoStatus(Shown(arguments.out));
  const auto out = TopicWriter::Open(aside.path(), arguments.out);
  if (!out.ok()) return out.status();
  absl::Status status = Copy(arguments.topic, **topic, decryptor, recipients, **out, progress, leftovers);
  if (status.ok()) status = Verify(arguments, aside.path(), (*out)->entries_written());
  if (!status.ok()) return status;
  if (status = Publish(aside, arguments.out, false); !status.ok()) return status;
  return SyncFolder(FolderOf(arguments.out));
}

// Says what is wrong with the recipients as "pulseal produce" does.
absl::Status CheckRecipients(const Arguments& arguments, const std::shared_ptr<KeyWrapper>& keys) {
  EncryptorOptions options;
  options.key_names = arguments.key_names;
  options.key_wrapper = keys;
  return MessageEncryptor::Create(std::move(options)).status();
}

absl::StatusOr<std::unique_ptr<MessageDecryptor>> MakeDecryptor(const std::shared_ptr<KeyWrapper>& keys) {
  DecryptorOptions options;
  options.key_wrapper = keys;
  options.require_encryption = true;  // a message in clear has no data key to wrap again
  options.unwraps_per_second = 1'000'000;
  return MessageDecryptor::Create(std::move(options));
}

ExitCode Run(const Arguments& arguments) {
  const absl::StatusOr<std::shared_ptr<KeyWrapper>> keys = OpenPrivateKeys(arguments.keys);
  if (!keys.ok()) return EnvironmentFailure(keys.status());
  if (const absl::Status status = CheckRecipients(arguments, *keys); !status.ok()) {
    return RefusedRecipients(arguments.key_names, status);
  }
  const auto decryptor = MakeDecryptor(*keys);
  if (!decryptor.ok()) return EnvironmentFailure(decryptor.status());
  CatchInterrupts();
  Recipients recipients(*keys, arguments.key_names);
  Leftovers leftovers;
  const absl::Status status = RewrapAll(arguments, **decryptor, recipients, leftovers);
  if (!status.ok()) return EnvironmentFailure(status);
  leftovers.ReportAll(arguments.topic);
  return leftovers.any_unread() ? ExitCode::kMessagesLeft : ExitCode::kDone;
}

std::function<ExitCode()> Define(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  app.add_option("TOPIC", arguments->topic, "Topic file")->required();
  DefineKeyNames(app, arguments->key_names, "Who may read from now on");
  app.add_option("--out", arguments->out, "The new topic file")->required()->type_name("NEW");
  DefinePrivateKeys(app, arguments->keys,
                    "your private keys (NAME.private.pem) and the public keys after --to (NAME.public.pem)");
  app.add_flag("-q,--quiet", arguments->quiet, "Show no progress");
  return [arguments] { return Run(*arguments); };
}

}  // namespace

extern const Command kRewrapCommand = {
    "rewrap", "Give recorded messages new recipients",
    "Wraps each message's data key again, for the names after --to and for nobody else, in a new file; payloads stay\n"
    "as they are. It takes a private key that reads the messages, and the public keys of the new recipients. A\n"
    "message that can't be read is copied as it is, and the exit status is 1. The new file appears when it is\n"
    "complete and was read back. Whoever could read the old file still can, and has the data keys: to shut somebody\n"
    "out, encrypt anew. And who gets a data key reads all that is encrypted with it, elsewhere too.\n\n"
    "Example: pulseal rewrap orders.topic --to orders --to newcomer --out shared.topic",
    Define};

}  // namespace pulseal::tools
