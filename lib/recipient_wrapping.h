// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_RECIPIENT_WRAPPING_H_
#define PULSEAL_LIB_RECIPIENT_WRAPPING_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/mutex.h"
#include "pulseal/key_wrapper.h"
#include "pulseal/secret_bytes.h"

namespace pulseal {

// One data key on its way to be wrapped for every recipient: all or nothing. Thread-safe; kept alive by the answers
// that it waits for, so that a late one finds something to be ignored by.
class RecipientWrapping : public std::enable_shared_from_this<RecipientWrapping> {
 public:
  struct Outcome {
    absl::Status status;              // the first failure, naming its key, or NoMemory
    std::string failed_key_name;      // whose; empty with an OK status and NoMemory
    std::vector<WrappedKey> wrapped;  // with an OK status: one for each name, in their order
  };

  // `done` is called exactly once, with no lock held: by the last answer, the first failure, or GiveUp; after Abandon
  // never. What it throws is dropped.
  static std::shared_ptr<RecipientWrapping> Create(std::vector<std::string> key_names,
                                                   std::shared_ptr<const SecretBytes> data_key,
                                                   std::function<void(Outcome)> done);

  // Asks `wrapper` for every name, on this thread, which may block. Stops asking once it is over. Called once.
  void Start(KeyWrapper& wrapper);

  // Ends it with `why`, naming a key whose answer is missing. Nothing where it is over already.
  void GiveUp(const absl::Status& why);

  // Ends it without a word, so that a wrapper that never answers keeps no data key alive.
  void Abandon();

  bool is_over() { return data_key() == nullptr; }

 private:
  RecipientWrapping(std::vector<std::string> key_names, std::shared_ptr<const SecretBytes> data_key,
                    std::function<void(Outcome)> done);

  void AskFor(KeyWrapper& wrapper, size_t index);
  void Answered(size_t index, absl::StatusOr<WrappedKey> answer);
  void Accept(size_t index, absl::StatusOr<WrappedKey> answer);
  static Outcome WithoutMemory();
  void Fail(size_t index, const absl::Status& status);
  void Finish(Outcome outcome);
  std::function<void(Outcome)> End();             // `done`; empty where it was over already
  std::shared_ptr<const SecretBytes> data_key();  // null once it is over

  const std::vector<std::string> key_names_;
  Mutex mutex_;
  std::shared_ptr<const SecretBytes> data_key_ ABSL_GUARDED_BY(mutex_);
  std::function<void(Outcome)> done_ ABSL_GUARDED_BY(mutex_);  // empty once it is over
  std::vector<WrappedKey> wrapped_ ABSL_GUARDED_BY(mutex_);
  std::vector<bool> answered_ ABSL_GUARDED_BY(mutex_);
  size_t missing_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pulseal

#endif  // PULSEAL_LIB_RECIPIENT_WRAPPING_H_
