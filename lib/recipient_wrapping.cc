// SPDX-License-Identifier: Apache-2.0
#include "lib/recipient_wrapping.h"

#include <algorithm>
#include <new>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/as_absl.h"
#include "lib/metadata_fields.h"
#include "lib/status.h"

namespace pulseal {
namespace {

Reason DefaultReason(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kNotFound: return Reason::kKeyNotFound;
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kInvalidArgument: return Reason::kKeyUnusable;
    case absl::StatusCode::kInternal: return Reason::kNone;  // says nothing about the key: see kSend
    default: return Reason::kKeyServiceUnavailable;
  }
}

// Wrappers of the embedder's own may forget to say which key they speak of.
absl::Status NamingKey(const std::string& key_name, const absl::Status& status) {
  const std::string name = Quoted(key_name);
  const absl::Status named =
      absl::StrContains(status.message(), name) ? status : Prefixed(absl::StrCat("key ", name), status);
  return WithReason(named, DefaultReason(status.code()));
}

absl::Status CheckAnswer(const std::string& key_name, const WrappedKey& answer) {
  const auto unusable = [](std::string_view why) {
    return MakeStatus(absl::StatusCode::kFailedPrecondition, Reason::kKeyUnusable,
                      absl::StrCat("the key wrapper answered ", AsAbsl(why)));
  };
  if (answer.bytes.empty()) return unusable("without bytes");
  if (answer.key_name != key_name) return unusable(absl::StrCat("for ", Quoted(answer.key_name)));
  const absl::Status fits = SerializeWrappedKeys(absl::MakeConstSpan(&answer, 1)).status();
  return fits.ok() ? fits : unusable(absl::StrCat("with more than a message may carry: ", fits.message()));
}

}  // namespace

std::shared_ptr<RecipientWrapping> RecipientWrapping::Create(std::vector<std::string> key_names,
                                                             std::shared_ptr<const SecretBytes> data_key,
                                                             std::function<void(Outcome)> done) {
  return std::shared_ptr<RecipientWrapping>(
      new RecipientWrapping(std::move(key_names), std::move(data_key), std::move(done)));
}

RecipientWrapping::RecipientWrapping(std::vector<std::string> key_names, std::shared_ptr<const SecretBytes> data_key,
                                     std::function<void(Outcome)> done)
    : key_names_(std::move(key_names)),
      data_key_(std::move(data_key)),
      done_(std::move(done)),
      wrapped_(key_names_.size()),
      answered_(key_names_.size()),
      missing_(key_names_.size()) {}

void RecipientWrapping::Start(KeyWrapper& wrapper) {
  for (size_t i = 0; i < key_names_.size(); ++i) AskFor(wrapper, i);
}

void RecipientWrapping::AskFor(KeyWrapper& wrapper, size_t index) {
  std::shared_ptr<const SecretBytes> key = data_key();
  if (key == nullptr) return;
  try {
    wrapper.Wrap(key_names_[index], std::move(key),
                 [self = shared_from_this(), index](absl::StatusOr<WrappedKey> answer) {
                   self->Answered(index, std::move(answer));
                 });
  } catch (const std::bad_alloc&) {
    Finish(WithoutMemory());
  } catch (...) {
    Fail(index, absl::UnavailableError("the key wrapper threw an exception"));
  }
}

// On a thread of the wrapper's: an exception would end in code that knows nothing of it, or end the program.
void RecipientWrapping::Answered(size_t index, absl::StatusOr<WrappedKey> answer) {
  try {
    Accept(index, std::move(answer));
  } catch (const std::bad_alloc&) {
    Finish(WithoutMemory());
  }
}

void RecipientWrapping::Accept(size_t index, absl::StatusOr<WrappedKey> answer) {
  if (!answer.ok()) return Fail(index, answer.status());
  if (absl::Status status = CheckAnswer(key_names_[index], *answer); !status.ok()) return Fail(index, status);
  std::vector<WrappedKey> all;
  {
    MutexLock lock(mutex_);
    if (done_ == nullptr || answered_[index]) return;
    answered_[index] = true;
    wrapped_[index] = *std::move(answer);
    if (--missing_ > 0) return;
    all = std::move(wrapped_);
  }
  Finish({absl::OkStatus(), {}, std::move(all)});
}

void RecipientWrapping::Fail(size_t index, const absl::Status& status) {
  {
    MutexLock lock(mutex_);
    if (answered_[index]) return;  // a second answer counts no more than any other second answer
  }
  Finish({NamingKey(key_names_[index], status), key_names_[index], {}});
}

void RecipientWrapping::GiveUp(const absl::Status& why) {
  std::string key_name;
  {
    MutexLock lock(mutex_);
    const auto missing = std::find(answered_.begin(), answered_.end(), false);
    if (missing == answered_.end()) return;  // the last answer is here, and about to end it
    key_name = key_names_[static_cast<size_t>(missing - answered_.begin())];
  }
  Finish({NamingKey(key_name, why), key_name, {}});
}

RecipientWrapping::Outcome RecipientWrapping::WithoutMemory() { return {NoMemory(), {}, {}}; }

void RecipientWrapping::Abandon() { End(); }

void RecipientWrapping::Finish(Outcome outcome) {
  if (const std::function<void(Outcome)> done = End()) done(std::move(outcome));
}

std::function<void(RecipientWrapping::Outcome)> RecipientWrapping::End() {
  MutexLock lock(mutex_);
  data_key_.reset();
  return std::exchange(done_, nullptr);
}

std::shared_ptr<const SecretBytes> RecipientWrapping::data_key() {
  MutexLock lock(mutex_);
  return data_key_;
}

}  // namespace pulseal
