// SPDX-License-Identifier: Apache-2.0
//
// The whole consumer: whatever metadata and payload say, it comes back with a decision that the header allows, writes
// nothing outside `out`, and delivers nothing that was not sealed. Input: one byte of options, two bytes of the
// metadata's size (big endian), metadata, payload.
#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

#include "pulseal/message_decryptor.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/fake_key_wrapper.h"

namespace pulseal {
namespace {

using Action = Decision::Action;
using testing::FakeKeyWrapper;

DecryptorOptions OptionsFrom(uint8_t bits) {
  auto wrapper = std::make_shared<FakeKeyWrapper>();
  wrapper->SetManner(bits & 1 ? FakeKeyWrapper::Manner::kTwice : FakeKeyWrapper::Manner::kInside);
  wrapper->SetStatus("b", absl::NotFoundError("not held"));
  DecryptorOptions options;
  options.key_wrapper = wrapper;
  options.background.mode = Background::Mode::kMaintain;
  options.background.clock = [] { return std::chrono::nanoseconds(0); };
  options.failure_action = static_cast<ConsumerCryptoFailureAction>((bits >> 1 & 3) % 3);
  options.require_encryption = bits & 8;
  options.deliver_whole_batch = bits & 16;
  options.apply_action_when_unavailable = bits & 32;
  options.cache_ttl = std::chrono::seconds(bits & 64 ? 0 : 100);
  options.max_private_key_operations = bits & 128 ? 1 : 8;
  return options;
}

bool IsInside(std::string_view part, std::string_view whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void CheckDecision(const Decision& decision, std::string_view metadata, std::string_view payload, std::string_view out,
                   bool may_be_pending) {
  FUZZ_CHECK(decision.num_messages >= 1);
  FUZZ_CHECK(decision.status.ok() == (decision.action == Action::kDeliver));
  FUZZ_CHECK(ReasonOf(decision.status) == decision.reason);
  FUZZ_CHECK(IsInside(decision.key_name, metadata));
  FUZZ_CHECK(decision.reason != Reason::kMisuse && decision.reason != Reason::kForked);
  switch (decision.action) {
    case Action::kDeliver:
      FUZZ_CHECK(IsInside(decision.payload, decision.was_encrypted ? out : payload));
      FUZZ_CHECK(decision.payload.size() == (decision.was_encrypted ? payload.size() - kTagSize : payload.size()));
      break;
    case Action::kDeliverEncrypted:
      FUZZ_CHECK(decision.payload.data() == payload.data() && decision.payload.size() == payload.size());
      break;
    case Action::kPending: FUZZ_CHECK(may_be_pending && decision.was_encrypted); break;
    default: FUZZ_CHECK(decision.payload.empty());
  }
}

void Consume(uint8_t bits, std::string_view metadata, std::string_view payload) {
  const auto decryptor = *MessageDecryptor::Create(OptionsFrom(bits));
  // One byte more than needed, which must stay as it is.
  std::string out(payload.size() < kTagSize ? 1 : payload.size() - kTagSize + 1, '?');
  const absl::Span<char> room(&out[0], out.size() - 1);
  const auto check = [&](const Decision& decision, bool may_be_pending) {
    CheckDecision(decision, metadata, payload, out, may_be_pending);
    FUZZ_CHECK(out.back() == '?');
    if (decision.reason == Reason::kAuthenticationFailed) {
      FUZZ_CHECK(std::all_of(room.begin(), room.end(), [](char c) { return c == '\0'; }));
    }
  };
  check(decryptor->TryDecrypt(metadata, payload, room), true);
  int answers = 0;
  decryptor->Resolve(metadata, [&](absl::StatusOr<ResolvedKey> key) {
    ++answers;
    if (key.ok()) check(decryptor->TryDecrypt(*key, metadata, payload, room), false);
  });
  FUZZ_CHECK(answers == 0);
  for (int i = 0; i < 3; ++i) decryptor->Maintain();
  FUZZ_CHECK(answers == 1);
  check(decryptor->Decrypt(metadata, payload, room), false);
}

}  // namespace
}  // namespace pulseal

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 3, size - 3);
  const size_t metadata_size = std::min<size_t>(data[1] * 256u + data[2], rest.size());
  pulseal::Consume(data[0], rest.substr(0, metadata_size), rest.substr(metadata_size));
  return 0;
}
