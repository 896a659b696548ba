// SPDX-License-Identifier: Apache-2.0
#include "tests/soak/operator.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/support/test_keys.h"

namespace pulseal::soak {
namespace {

using testing::TestKey;

constexpr const char* kRolled[] = {"p-384", "p-521", "rsa-2048-other"};

}  // namespace

void WriteKeys(const testing::TempFolder& folder) {
  folder.Write("orders.public.pem", TestKey("rsa-2048.public.pem"));
  folder.Write("orders.private.pem", TestKey("rsa-2048.private.pem"));
  folder.Write("audit.public.pem", TestKey("p-256.public.pem"));
  folder.Write("audit.private.pem", TestKey("p-256.private.pem"));
  folder.Write("rolled.public.pem", TestKey(absl::StrCat(kRolled[0], ".public.pem")));
  for (const char* pair : kRolled) {
    folder.Write(absl::StrCat("rolled.private.d/", pair, ".pem"), TestKey(absl::StrCat(pair, ".private.pem")));
  }
}

Operator::Operator(std::vector<Backend*> backends, Shared& shared, uint64_t seed)
    : backends_(std::move(backends)), shared_(shared), random_(seed) {}

void Operator::Run(const std::atomic<bool>& ends) {
  while (!ends) {
    Act(*backends_[Below(random_, backends_.size())]);
    ++actions_;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void Operator::Act(Backend& backend) {
  switch (Below(random_, 8)) {
    case 0: return Check(backend.encryptor->Rotate());
    case 1: return backend.encryptor->RotateAsync(Expecting());
    case 2: return Check(backend.encryptor->SetKeyNames(AnyKeyNames()));
    case 3: return backend.encryptor->SetKeyNamesAsync(AnyKeyNames(), Expecting());
    case 4: return RollKey(backend);
    case 5: return shared_.folder.Replace("orders.private.pem", TestKey("rsa-2048.private.pem"));
    case 6: return backend.decryptor->Forget();
    default: return ComeAndGo(backend);
  }
}

void Operator::RollKey(Backend& backend) {
  const char* pair = kRolled[Below(random_, std::size(kRolled))];
  shared_.folder.Replace("rolled.public.pem", TestKey(absl::StrCat(pair, ".public.pem")));
  shared_.folder.Replace("rolled.private.pem", TestKey(absl::StrCat(pair, ".private.pem")));
  Check(backend.encryptor->Rotate());
}

// A producer and a consumer of one message, gone again while their background still works.
void Operator::ComeAndGo(Backend& backend) {
  EncryptorOptions to;
  to.key_names = AnyKeyNames();
  to.key_reader = shared_.keys;
  to.cipher_backend = backend.encryptor->cipher_backend();
  auto encryptor = MessageEncryptor::Create(std::move(to));
  if (!encryptor.ok()) return shared_.violations.Add(encryptor.status().ToString());
  DecryptorOptions from;
  from.key_reader = shared_.keys;
  from.cipher_backend = backend.decryptor->cipher_backend();
  const auto decryptor = MessageDecryptor::Create(std::move(from)).value();
  std::string out, fields, opened;
  const absl::Status sealed = (*encryptor)->Encrypt("hello", &out, &fields).status();
  if (!sealed.ok()) return shared_.violations.Add(sealed.ToString());
  (*encryptor)->RotateAsync([](const absl::Status&) {});
  decryptor->Resolve(fields, [](const absl::StatusOr<ResolvedKey>&) {});
  const Decision decision = decryptor->Decrypt(fields, out, &opened);
  shared_.violations.Require(decision.payload == "hello", absl::StrCat("not read: ", decision.status.ToString()));
}

std::vector<std::string> Operator::AnyKeyNames() {
  std::vector<std::string> names = {"orders", "audit", "rolled"};
  std::shuffle(names.begin(), names.end(), random_);
  names.resize(1 + Below(random_, names.size()));
  return names;
}

std::function<void(absl::Status)> Operator::Expecting() {
  ++asked_;
  return [this](const absl::Status& status) {
    Check(status);
    ++answered_;
  };
}

void Operator::Check(const absl::Status& status) {
  if (!status.ok() && !absl::IsUnavailable(status))
    shared_.violations.Add(absl::StrCat("a change: ", status.ToString()));
}

}  // namespace pulseal::soak
