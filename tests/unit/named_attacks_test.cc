// SPDX-License-Identifier: Apache-2.0
//
// Attacks by messages: somebody who holds the public keys writes what he likes, and a consumer with a folder of private keys
// reads it. What each must come to is in docs/threat-model.md; what is tested elsewhere is named there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "lib/crypto/openssl_ptr.h"
#include "pulseal/encryption_metadata.h"
#include "pulseal/error.h"
#include "pulseal/key_pair.h"
#include "pulseal/key_readers.h"
#include "pulseal/message_decryptor.h"
#include "pulseal/message_encryptor.h"
#include "tests/support/made_message.h"
#include "tests/support/reference_ecies.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_keys.h"
#include "tests/support/wire_fields.h"

namespace pulseal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Bytes;
using testing::MadeMessage;
using testing::ReferenceEcies;
using testing::Seal;
using testing::TestKey;
using testing::ViewOf;
using Action = Decision::Action;
using Code = absl::StatusCode;
using Failing = ConsumerCryptoFailureAction;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kDataKey = "a data key that has 32 bytes ...";

struct Outcome {
  Reason reason;
  Code code;
  // False for metadata that says neither what the payload is nor how it could be decrypted: never handed out.
  bool has_context = true;
};
const Outcome kMalformed = {Reason::kMalformed, Code::kInvalidArgument};
const Outcome kNoContext = {Reason::kMalformed, Code::kInvalidArgument, /*has_context=*/false};
const Outcome kNotFound = {Reason::kKeyNotFound, Code::kNotFound};
const Outcome kUnwrapFails = {Reason::kUnwrapFailed, Code::kUnauthenticated};
const Outcome kForged = {Reason::kAuthenticationFailed, Code::kUnauthenticated};

// What may be shown on a terminal or written to a log.
void ExpectPrintable(std::string_view text) {
  EXPECT_TRUE(std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; }))
      << absl::CHexEscape(std::string(text));
}

class NamedAttack : public ::testing::TestWithParam<Failing> {
 protected:
  NamedAttack() {
    for (const char* name : {"orders", "payments"}) {
      const std::string key = name == std::string("orders") ? "rsa-2048" : "p-256";
      keys_.Write(absl::StrCat("keys/", name, ".private.pem"), TestKey(key + ".private.pem"));
      keys_.Write(absl::StrCat("keys/", name, ".public.pem"), TestKey(key + ".public.pem"));
    }
    // A key that would open, where no name may lead.
    keys_.Write("outside.private.pem", TestKey("rsa-2048.private.pem"));
    keys_.Write("keys/.hidden.private.pem", TestKey("rsa-2048.private.pem"));
    keys_.Write("keys/sub/inside.private.pem", TestKey("rsa-2048.private.pem"));
    options_.key_reader = KeyDirectory(keys_ / "keys");
    options_.failure_action = GetParam();
    options_.unwraps_per_second = 1000000;
    options_.background.mode = Background::Mode::kMaintain;
    options_.background.clock = [this] { return now_; };
    options_.on_event = [](const CryptoEvent& event) {
      ExpectPrintable(event.key_name);
      ExpectPrintable(std::string_view(event.status.message().data(), event.status.message().size()));
    };
    wrapper_ = LocalKeyWrapper(options_.key_reader);
  }

  MessageDecryptor& decryptor() {
    if (decryptor_ == nullptr) decryptor_ = *MessageDecryptor::Create(options_);
    return *decryptor_;
  }

  WrappedKey Wrap(const std::string& name, std::string_view data_key) {
    absl::StatusOr<WrappedKey> result;
    wrapper_->Wrap(name, std::make_shared<const SecretBytes>(SecretBytes::CopyOf(data_key)),
                   [&result](absl::StatusOr<WrappedKey> answer) { result = std::move(answer); });
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *result : WrappedKey();
  }
  // As an honest producer, or whoever else holds the public key, makes it.
  MadeMessage For(const std::string& name, std::string_view plaintext = "hello",
                  const std::string& data_key = kDataKey) {
    MadeMessage message = Seal(plaintext, {}, data_key);
    message.keys.push_back(Wrap(name, data_key));
    return message;
  }
  MadeMessage With(WrappedKey key) {
    MadeMessage message = Seal("hello", {}, kDataKey);
    message.keys.push_back(std::move(key));
    return message;
  }

  Decision Decrypt(const MadeMessage& message, bool as_view) {
    metadata_ = message.metadata();
    out_.assign(message.payload.size(), '?');
    if (as_view) return decryptor().Decrypt(ViewOf(message).view(), message.payload, absl::MakeSpan(out_));
    return decryptor().Decrypt(metadata_, message.payload, absl::MakeSpan(out_));
  }

  Action ExpectedAction(const Outcome& expected) const {
    if (GetParam() == Failing::kDiscard) return Action::kDiscard;
    return GetParam() == Failing::kConsume && expected.has_context ? Action::kDeliverEncrypted : Action::kFail;
  }

  void ExpectDecided(const Decision& decision, std::string_view payload, const Outcome& expected) {
    EXPECT_EQ(decision.action, ExpectedAction(expected)) << decision.status;
    EXPECT_EQ(decision.reason, expected.reason) << decision.status;
    EXPECT_EQ(ReasonOf(decision.status), expected.reason) << decision.status;
    EXPECT_EQ(decision.status.code(), expected.code) << decision.status;
    EXPECT_FALSE(decision.worth_asking_again);
    EXPECT_EQ(decision.key_name, "");
    EXPECT_TRUE(decision.payload == (decision.action == Action::kDeliverEncrypted ? payload : ""));
    EXPECT_THAT(out_, Not(HasSubstr("hello")));
    ExpectPrintable(std::string_view(decision.status.message().data(), decision.status.message().size()));
    EXPECT_LT(decision.status.message().size(), 4000u);
  }

  // `message` comes to `expected` in both of its forms, and again from memory; it costs what a message may cost, and the
  // next honest ones are read.
  void Expect(const MadeMessage& message, const Outcome& expected) {
    const uint64_t before = decryptor().counters().unwraps;
    for (const bool as_view : {false, true, false, true}) {
      SCOPED_TRACE(as_view ? "as a view" : "serialized");
      ExpectDecided(Decrypt(message, as_view), message.payload, expected);
    }
    EXPECT_LE(decryptor().counters().unwraps - before, static_cast<uint64_t>(options_.max_private_key_operations));
    ExpectGoodTrafficGoesOn();
  }

  // Data keys of `least` to 64 bytes for `name`, of which AES takes those of 16, 24 and 32; the honest messages have the
  // first two.
  void ExpectOfDataKeys(const std::string& name, size_t least) {
    good_ = {For(name, "good", std::string(16, 'k')), For(name, "good", std::string(24, 'k'))};
    for (size_t size = least; size <= 64; ++size) {
      if (size == 16 || size == 24) continue;
      SCOPED_TRACE(size);
      Expect(With(Wrap(name, std::string(size, 'k'))), size == 32 ? kForged : kMalformed);
    }
  }

  void ExpectGoodTrafficGoesOn() {
    for (const MadeMessage& good : good_) {
      const Decision decision = Decrypt(good, /*as_view=*/false);
      EXPECT_EQ(decision.action, Action::kDeliver) << decision.status;
      EXPECT_EQ(decision.payload, "good");
    }
  }

  const testing::TempFolder keys_;
  DecryptorOptions options_;
  std::shared_ptr<KeyWrapper> wrapper_;
  std::chrono::nanoseconds now_{std::chrono::hours(1)};
  std::unique_ptr<MessageDecryptor> decryptor_;
  std::vector<MadeMessage> good_;
  std::string metadata_, out_;
};

INSTANTIATE_TEST_SUITE_P(, NamedAttack, ::testing::Values(Failing::kFail, Failing::kDiscard, Failing::kConsume),
                         [](const auto& action) {
                           return action.param == Failing::kFail      ? "Fail"
                                  : action.param == Failing::kDiscard ? "Discard"
                                                                      : "Consume";
                         });

// ---- lengths

// On the 13th byte the official C++ client writes behind its buffer.
TEST_P(NamedAttack, NonceOfEveryLength) {
  good_ = {For("orders", "good")};
  std::vector<size_t> sizes(65);
  for (size_t i = 0; i < sizes.size(); ++i) sizes[i] = i;
  for (const size_t size : {255, 256, 65535, 65536, 5000000}) sizes.push_back(size);
  for (const size_t size : sizes) {
    if (size == kNonceSize) continue;
    SCOPED_TRACE(size);
    MadeMessage message = good_[0];
    message.nonce.assign(size, 'n');
    Expect(message, kMalformed);
  }
  MadeMessage other = good_[0];
  other.nonce.assign(kNonceSize, 'n');
  Expect(other, kForged);
}

TEST_P(NamedAttack, PayloadOfEveryLength) {
  good_ = {For("orders", "good")};
  for (size_t size = 0; size <= 64; ++size) {
    SCOPED_TRACE(size);
    MadeMessage message = good_[0];
    if (size == message.payload.size()) continue;
    message.payload.resize(size, 'x');
    Expect(message, size < kTagSize ? kMalformed : kForged);
  }
}

TEST_P(NamedAttack, DataKeyOfEveryLengthInsideRsa) { ExpectOfDataKeys("orders", 0); }

TEST_P(NamedAttack, DataKeyOfEveryLengthInsideEcies) { ExpectOfDataKeys("payments", 1); }

TEST_P(NamedAttack, WrappedKeyOfEveryLength) {
  good_ = {For("orders", "good"), For("payments", "good")};
  for (size_t size = 1; size <= 300; ++size) {
    SCOPED_TRACE(size);
    Expect(With({"orders", std::string(size, 'x'), {}}), kUnwrapFails);
    Expect(With({"payments", std::string(size, '\4'), {}}), kUnwrapFails);
  }
  for (const char* name : {"orders", "payments"}) {
    Expect(With({name, "", {}}), kUnwrapFails);
    Expect(With({name, std::string(kMaxWrappedKeySize, 'x'), {}}), kUnwrapFails);
    Expect(With({name, std::string(kMaxWrappedKeySize + 1, 'x'), {}}), kNoContext);
  }
}

// ---- numbers

TEST_P(NamedAttack, TenThousandWrappedKeys) {
  good_ = {For("orders", "good")};
  MadeMessage message = Seal("hello", {}, kDataKey);
  message.keys.assign(10000, good_[0].keys[0]);
  Expect(message, kNoContext);
  EXPECT_LE(decryptor().counters().unwraps, 1u) << "of the good message";
}

TEST_P(NamedAttack, OneWrappedKeySixtyFourTimes) {
  good_ = {For("orders", "good")};
  MadeMessage opens = For("orders");
  opens.keys.assign(64, opens.keys[0]);
  EXPECT_EQ(Decrypt(opens, false).payload, "hello");
  EXPECT_EQ(decryptor().counters().unwraps, 1u);
  MadeMessage fails = opens;
  fails.keys[0].bytes[7] ^= 1;
  fails.keys.assign(64, fails.keys[0]);
  Expect(fails, kUnwrapFails);
}

TEST_P(NamedAttack, SixtyFourWrappedKeysThatEachCostAnOperation) {
  good_ = {For("orders", "good")};
  ExpectGoodTrafficGoesOn();
  MadeMessage message = Seal("hello", {}, kDataKey);
  for (int i = 0; i < 64; ++i) message.keys.push_back({"orders", std::string(256, static_cast<char>('0' + i)), {}});
  for (uint64_t call = 1; call <= 7; ++call) {
    const Decision decision = Decrypt(message, /*as_view=*/false);
    EXPECT_EQ(decision.action, Action::kFail) << "not now, whatever the failure action";
    EXPECT_EQ(decision.reason, Reason::kLimitReached);
    EXPECT_EQ(decryptor().counters().unwraps, 1 + 8 * call);
    ExpectGoodTrafficGoesOn();
  }
  Expect(message, kUnwrapFails);
  EXPECT_EQ(decryptor().counters().unwraps, 65u);
}

TEST_P(NamedAttack, BatchOfTwoBillionMessages) {
  good_ = {For("orders", "good")};
  for (const int32_t count : {2147483647, 1, 0, -1, -2147483647 - 1}) {
    SCOPED_TRACE(count);
    MadeMessage message = For("orders");
    message.payload.back() ^= 1;
    message.num_messages_in_batch = count;
    const Decision decision = Decrypt(message, /*as_view=*/false);
    EXPECT_EQ(decision.action, GetParam() == Failing::kDiscard ? Action::kDiscard : Action::kFail);
    EXPECT_EQ(decision.reason, Reason::kAuthenticationFailed);
    EXPECT_EQ(decision.num_messages, std::max(count, 1)) << "permits to give back";
    ExpectGoodTrafficGoesOn();
  }
}

// ---- names and metadata

TEST_P(NamedAttack, HostileKeyNames) {
  good_ = {For("orders", "good")};
  const std::string bytes = Wrap("orders", kDataKey).bytes;
  std::vector<std::string> names = {
      "",
      ".",
      "..",
      "../outside",
      "../keys/orders",
      "./orders",
      "/etc/passwd",
      keys_ / "keys/orders",
      "sub/inside",
      "sub/../orders",
      ".hidden",
      "orders.private",
      "orders.private.pem",
      "orders/",
      "ORDERS",
      " orders",
      "orders ",
      "orders\n",
      std::string("orders\0", 7),
      std::string("\0orders", 7),
      std::string("orders.private.pem\0.txt", 23),
      "%2e%2e%2foutside",
      "..\\outside",
      "..%c0%af"
      "outside",
      "\xc0\xae\xc0\xae/outside",
      "\x1b[2J\x1b]0;owned\x07",
      "\r\nSet-Cookie: a=b",
      "a\tb\bc\x7f",
      "\xff\xfe\xfd",
      "\xe2\x80\xae"
      "redro",  // right-to-left override
      "\xc2\x9b"
      "31m",  // a C1 control sequence
      "%s%n%x",
      "$(touch owned)`touch owned`;touch owned",
      "-rf",
      "*",
      "~",
      "\"quoted\" \\ 'quoted'",
  };
  for (const size_t size : {200, 201, 255, 256, 1024}) names.emplace_back(size, 'n');
  for (int byte = 0; byte < 256; ++byte) names.emplace_back(1, static_cast<char>(byte));
  for (const std::string& name : names) {
    SCOPED_TRACE(absl::CHexEscape(name));
    Expect(With({name, bytes, {}}), kNotFound);
  }
  EXPECT_EQ(decryptor().counters().unwraps, 1u) << "of the good message";
  for (const size_t size : {1025, 16384, 100000}) Expect(With({std::string(size, 'n'), bytes, {}}), kNoContext);
}

TEST_P(NamedAttack, HostileKeyMetadata) {
  good_ = {For("orders", "good")};
  const WrappedKey key = Wrap("orders", kDataKey);
  MadeMessage message = With(key);
  const auto with = [&message](KeyMetadata metadata) {
    message.keys[0].metadata = std::move(metadata);
    return message;
  };
  KeyMetadata many;
  for (size_t i = 0; i <= kMaxKeyMetadataPairs; ++i) many[absl::StrCat(i)] = "v";
  Expect(with(many), kNoContext);
  for (int i = 0; i < 10000; ++i) many[absl::StrCat(i)] = "v";
  Expect(with(many), kNoContext);
  Expect(with({{"k", std::string(kMaxKeyMetadataSize, 'v')}}), kNoContext);
  Expect(with({{std::string(kMaxKeyMetadataSize, 'k'), "v"}}), kNoContext);
  Expect(with({{"k", std::string(1000000, 'v')}}), kNoContext);
  // What is within the limits is the reader's: this one takes any.
  many.erase(many.begin(), std::prev(many.end(), kMaxKeyMetadataPairs));
  for (const KeyMetadata& metadata : {many,
                                      {{"", ""}},
                                      {{"\x1b[2J", std::string("\0\xff\n", 3)}},
                                      {{"k", std::string(kMaxKeyMetadataSize - 1, 'v')}}}) {
    EXPECT_EQ(Decrypt(with(metadata), false).payload, "hello");
    EXPECT_EQ(Decrypt(with(metadata), true).payload, "hello");
  }
}

// The same name twice within one pair, one key or one message: the last counts, as protobuf has it, and neither the
// number of names nor of fields is unbounded.
TEST_P(NamedAttack, DuplicateFieldsInsideAWrappedKey) {
  const WrappedKey key = Wrap("orders", kDataKey);
  const MadeMessage message = Seal("hello", {}, kDataKey);
  const std::string nonce = Bytes(15, message.nonce);
  const auto decrypt = [&](const std::string& encryption_keys) {
    metadata_ = Bytes(13, encryption_keys) + nonce;
    out_.assign(100, '?');
    return decryptor().Decrypt(metadata_, message.payload, absl::MakeSpan(out_));
  };
  std::string repeated;
  for (int i = 0; i < 100; ++i) repeated += Bytes(1, "nobody") + Bytes(2, "nothing");
  EXPECT_EQ(decrypt(repeated + Bytes(1, "orders") + Bytes(2, key.bytes)).payload, "hello");
  const std::string last_is_nobody = Bytes(1, "orders") + Bytes(2, key.bytes) + repeated;
  ExpectDecided(decrypt(last_is_nobody), message.payload, kNotFound);
  std::string pairs = Bytes(1, "orders") + Bytes(2, key.bytes);
  for (size_t i = 0; i < kMaxKeyMetadataPairs; ++i) pairs += Bytes(3, Bytes(1, "same") + Bytes(2, "v"));
  EXPECT_EQ(decrypt(pairs).payload, "hello");
  ExpectDecided(decrypt(pairs + Bytes(3, Bytes(1, "same") + Bytes(2, "v"))), message.payload, kNoContext);
  // Two nonces: the last counts.
  metadata_ = Bytes(13, pairs) + Bytes(15, "another one!") + nonce;
  EXPECT_EQ(decryptor().Decrypt(metadata_, message.payload, absl::MakeSpan(out_)).payload, "hello");
}

// ---- points

// P-256 by hand: what the recipient would compute if it didn't check the point.
class Curve {
 public:
  explicit Curve(int nid = NID_X9_62_prime256v1) : group_(EC_GROUP_new_by_curve_name(nid)), context_(BN_CTX_new()) {}

  std::string Random(point_conversion_form_t form) const {
    crypto::BignumPtr scalar(BN_new());
    BN_rand(scalar.get(), 256, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY);
    crypto::EcPointPtr point(EC_POINT_new(group_.get()));
    EC_POINT_mul(group_.get(), point.get(), scalar.get(), nullptr, nullptr, context_.get());
    std::string encoded(65, '\0');
    encoded.resize(EC_POINT_point2oct(group_.get(), point.get(), form, reinterpret_cast<unsigned char*>(encoded.data()),
                                      encoded.size(), context_.get()));
    return encoded;
  }

  // An x coordinate that no point of the curve has: it belongs to the curve's quadratic twist.
  std::string OnTheTwist() const {
    crypto::BignumPtr x(BN_new());
    crypto::EcPointPtr point(EC_POINT_new(group_.get()));
    do {
      BN_rand(x.get(), 255, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY);
    } while (EC_POINT_set_compressed_coordinates(group_.get(), point.get(), x.get(), 0, context_.get()) == 1);
    std::string bytes(32, '\0');
    BN_bn2binpad(x.get(), reinterpret_cast<unsigned char*>(bytes.data()), 32);
    return bytes;
  }

 private:
  struct FreeContext {
    void operator()(BN_CTX* context) const { BN_CTX_free(context); }
  };
  crypto::EcGroupPtr group_;
  std::unique_ptr<BN_CTX, FreeContext> context_;
};

TEST_P(NamedAttack, PointOnTheTwist) {
  good_ = {For("payments", "good")};
  const Curve curve;
  for (int i = 0; i < 20; ++i) {
    const std::string x = curve.OnTheTwist();
    for (const char* form : {"\2", "\3"}) {
      Expect(With({"payments", ReferenceEcies(form + x, x, kDataKey), {}}), kUnwrapFails);
    }
    for (const char* form : {"\4", "\6", "\7"}) {
      Expect(With({"payments", ReferenceEcies(form + x + x, x, kDataKey), {}}), kUnwrapFails);
    }
  }
}

TEST_P(NamedAttack, PointOfAnotherCurve) {
  good_ = {For("payments", "good")};
  for (const int nid : {NID_secp256k1, NID_brainpoolP256r1}) {
    const Curve other(nid);
    for (const auto form : {POINT_CONVERSION_UNCOMPRESSED, POINT_CONVERSION_HYBRID}) {
      const std::string point = other.Random(form);
      Expect(With({"payments", ReferenceEcies(point, point.substr(1, 32), kDataKey), {}}), kUnwrapFails);
    }
  }
  keys_.Write("keys/p-384.public.pem", TestKey("p-384.public.pem"));
  keys_.Write("keys/p-521.public.pem", TestKey("p-521.public.pem"));
  for (const char* name : {"p-384", "p-521", "orders"}) {
    WrappedKey key = Wrap(name, kDataKey);
    key.key_name = "payments";
    Expect(With(key), kUnwrapFails);
  }
}

TEST_P(NamedAttack, PointAtInfinityOrNoPoint) {
  good_ = {For("payments", "good")};
  const std::string zeros(32, '\0'), ones(32, '\xff'), rest(52, 'x');
  const std::string points[] = {
      std::string(1, '\0'),
      std::string(65, '\0'),
      "\2" + zeros,
      "\3" + zeros,
      "\4" + zeros + zeros,
      "\6" + zeros + zeros,
      "\2" + ones,
      "\4" + ones + ones,
      "\7" + ones + ones,
      "\1" + zeros + zeros,
      "\5" + Curve().Random(POINT_CONVERSION_UNCOMPRESSED).substr(1),
      "\x44" + Curve().Random(POINT_CONVERSION_UNCOMPRESSED).substr(1),
  };
  for (const std::string& point : points) {
    SCOPED_TRACE(absl::BytesToHexString(point));
    Expect(With({"payments", ReferenceEcies(point, zeros, kDataKey), {}}), kUnwrapFails);
    Expect(With({"payments", point + rest, {}}), kUnwrapFails);
  }
}

// ---- floods and replays

// Whoever holds a public key makes as many wrapped keys as he likes, and each costs a private-key operation.
TEST_P(NamedAttack, FloodOfDistinctWrappedKeys) {
  options_.unwraps_per_second = 20;
  options_.cache_max_failures = 64;
  good_ = {For("orders", "good"), For("payments", "good")};
  ExpectGoodTrafficGoesOn();
  uint64_t tried = decryptor().counters().unwraps, not_now = 0;
  for (int second = 1; second <= 4; ++second) {
    for (int i = 0; i < 100; ++i) {
      const Decision decision =
          Decrypt(With({"orders", absl::StrCat(std::string(250, 'x'), 100000 + 1000 * second + i), {}}), i % 2 == 0);
      not_now += decision.worth_asking_again ? 1 : 0;
      EXPECT_EQ(decision.action, decision.worth_asking_again ? Action::kFail : ExpectedAction(kUnwrapFails));
      ExpectGoodTrafficGoesOn();
    }
    EXPECT_LE(decryptor().counters().unwraps - tried, 20u) << "per second";
    tried = decryptor().counters().unwraps;
    EXPECT_LE(decryptor().counters().failures_remembered, 64u);
    now_ += seconds(1);
  }
  EXPECT_EQ(not_now, 4 * 80u + 2) << "two were spent on the good ones";
  const MadeMessage newcomer = For("orders", "a data key that is new", std::string(32, 'n'));
  EXPECT_EQ(Decrypt(newcomer, false).payload, "a data key that is new");
  EXPECT_EQ(decryptor().counters().messages_failed + decryptor().counters().messages_discarded +
                decryptor().counters().messages_delivered_encrypted,
            400u);
}

// Somebody copies an honest message's wrapped bytes into messages of his own, before or after it.
TEST_P(NamedAttack, ReplayedWrappedKeyLocksNothingOut) {
  for (const bool honest_first : {false, true}) {
    decryptor_.reset();
    const MadeMessage honest = For("orders", "honest"), other = For("payments", "honest too");
    if (honest_first) {
      EXPECT_EQ(Decrypt(honest, false).payload, "honest");
    }
    const auto with = [&honest](auto change) {
      MadeMessage message = honest;
      change(message);
      return message;
    };
    Expect(with([](MadeMessage& m) { m.keys[0].key_name = "payments"; }), kUnwrapFails);
    Expect(with([](MadeMessage& m) { m.keys[0].key_name = "nobody"; }), kNotFound);
    Expect(with([&other](MadeMessage& m) { m.keys[0].bytes = other.keys[0].bytes; }), kUnwrapFails);
    Expect(with([](MadeMessage& m) { m.keys[0].bytes.back() ^= 1; }), kUnwrapFails);
    Expect(with([](MadeMessage& m) { m.keys[0].metadata["version"] = std::string(kMaxKeyMetadataSize, '2'); }),
           kNoContext);
    Expect(with([](MadeMessage& m) { m.payload = std::string(100, 'f'); }), kForged);
    Expect(with([](MadeMessage& m) { m.payload.pop_back(); }), kForged);
    Expect(with([](MadeMessage& m) { m.nonce[0] ^= 1; }), kForged);
    Expect(with([](MadeMessage& m) { m.keys[0].metadata["version"] = "2", m.payload.back() ^= 1; }), kForged);
    for (const bool as_view : {false, true}) {
      EXPECT_EQ(Decrypt(honest, as_view).payload, "honest");
      EXPECT_EQ(Decrypt(other, as_view).payload, "honest too");
      EXPECT_EQ(Decrypt(with([](MadeMessage& m) { m.keys[0].metadata["version"] = "2"; }), as_view).payload, "honest");
    }
  }
}

// An attacker's own wrapped keys before and behind the honest one: the honest recipient still reads what is his.
TEST_P(NamedAttack, WrappedKeysAddedAroundAnHonestOne) {
  const MadeMessage honest = For("orders", "honest");
  const WrappedKey garbage = {"orders", std::string(256, 'x'), {}}, nobody = {"nobody", "x", {}},
                   long_name = {std::string(1024, '\x1b'), "x", {}};
  for (const WrappedKey& added : {garbage, nobody, long_name}) {
    MadeMessage message = honest;
    message.keys = {added, honest.keys[0], added};
    EXPECT_EQ(Decrypt(message, false).payload, "honest");
    EXPECT_EQ(Decrypt(message, true).payload, "honest");
  }
  // One that opens, with another data key, before it: the payload isn't tried under any other.
  decryptor_.reset();
  MadeMessage substituted = honest;
  substituted.keys.insert(substituted.keys.begin(), Wrap("payments", std::string(32, 'z')));
  Expect(substituted, kForged);
  EXPECT_EQ(Decrypt(honest, false).payload, "honest");
  EXPECT_EQ(Decrypt(substituted, false).payload, "honest") << "by the data key that has authenticated something";
}

// ---- what is shown

// Every string that somebody else chose, in whatever a status repeats of it. Paths are the embedding program's own words, and
// shown as they are; the program pulseal escapes those too.
TEST(ShownStrings, CommandNoTerminal) {
  for (const std::string& hostile : {std::string("a\x1b[2J"),
                                     std::string("a\xc2\x9b"
                                                 "31m"),
                                     std::string("a\x07\b\x7f"), std::string("a\r\n"), std::string("a\xff\xfe"),
                                     std::string("a\xe2\x80\xae"), std::string("a\0b", 3)}) {
    const auto expect_printable = [](const absl::Status& status) {
      EXPECT_FALSE(status.ok());
      ExpectPrintable(std::string_view(status.message().data(), status.message().size()));
    };
    const auto create = [](std::vector<std::string> names, std::shared_ptr<CryptoKeyReader> reader) {
      EncryptorOptions options;
      options.key_names = std::move(names);
      options.key_reader = std::move(reader);
      return MessageEncryptor::Create(std::move(options)).status();
    };
    expect_printable(create({hostile}, KeyDirectory("no such folder")));
    expect_printable(create({hostile}, KeyDirectory(PULSEAL_SOURCE_DIR "/tests/vectors/keys")));
    expect_printable(create({hostile, hostile}, KeysInMemory({}, {})));
    expect_printable(create({hostile}, KeysInMemory({}, {})));
    expect_printable(create({hostile}, KeysInMemory({{hostile, TestKey("rsa-1024.public.pem")}}, {})));
    expect_printable(create({hostile}, KeysInMemory({{hostile, TestKey("rsa-2048.private.pem")}}, {})));
    for (const std::string& uri : {"data:" + hostile, "data:" + hostile + ";base64,AAAA", "data:;base64," + hostile,
                                   hostile + "://x", "file://" + hostile + "/x"}) {
      expect_printable(create({hostile}, KeyUris({{hostile, uri}}, {})));
    }
    expect_printable(DescribeKey("-----BEGIN " + hostile + "-----\nAAAA\n-----END " + hostile + "-----\n").status());
    EncryptorOptions nowhere;
    nowhere.key_names = {"orders"};
    nowhere.key_reader = KeysInMemory({}, {});
    nowhere.openssl.properties = "provider=" + hostile;
    expect_printable(MessageEncryptor::Create(nowhere).status());
    WrappedKey key{hostile, "", {}};
    expect_printable(ReplaceWrappedKeys("\x6a" + hostile, {key}).status());
    expect_printable(ParseEncryptionContext("\x6a" + hostile).status());
  }
}

}  // namespace
}  // namespace pulseal
