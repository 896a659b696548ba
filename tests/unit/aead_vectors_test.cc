// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "lib/crypto/aead.h"
#include "pulseal/encryption_metadata.h"
#include "tests/support/decryptor_fixture.h"
#include "tests/support/each_aead.h"
#include "tests/support/made_message.h"
#include "tests/support/vector_table.h"

namespace pulseal {
namespace {

using crypto::AeadContext;
using crypto::AeadResult;
using testing::MadeMessage;
using testing::Outcomes;
using testing::Vector;
using testing::VectorTable;

bool IsValid(const Vector& vector) { return vector.Text("verdict") == "valid"; }

// Vectors of failures may have no plaintext, and are whole.
bool HasWholeTag(const Vector& vector) {
  return !IsValid(vector) || vector.Bytes("sealed").size() == vector.Bytes("plaintext").size() + kTagSize;
}

// What no message can have.
std::string Oddity(const Vector& vector) {
  if (vector.Bytes("nonce").size() != kNonceSize) return " with another nonce size";
  if (!HasWholeTag(vector)) return " with a short tag";
  return vector.Text("aad").empty() ? "" : " with associated data";
}

class AeadVectors : public testing::DecryptorFixture, public ::testing::WithParamInterface<CipherBackend> {
 protected:
  AeadVectors() { options_.cipher_backend = GetParam(); }

  static std::string OutcomeInContext(const crypto::AeadBackend& backend, const Vector& vector) {
    const std::string nonce = vector.Bytes("nonce"), data = vector.Bytes("aad"), plaintext = vector.Bytes("plaintext"),
                      sealed = vector.Bytes("sealed");
    // AeadContext takes these sizes for granted: MessagesGetTheirVerdict has the others.
    if (nonce.size() != kNonceSize || !HasWholeTag(vector)) return "of other sizes";
    absl::StatusOr<std::unique_ptr<AeadContext>> context = backend.NewContext(vector.Bytes("key"));
    EXPECT_TRUE(context.ok()) << context.status();
    if (!context.ok()) return "";
    std::string opened(sealed.size() - kTagSize, '?'), resealed(plaintext.size() + kTagSize, '?');
    EXPECT_EQ((*context)->Seal(nonce.data(), data, plaintext, resealed.data()), AeadResult::kOk);
    EXPECT_EQ(resealed == sealed, IsValid(vector));
    const AeadResult result = (*context)->Open(nonce.data(), data, sealed, opened.data());
    EXPECT_EQ(result, IsValid(vector) ? AeadResult::kOk : AeadResult::kTagMismatch);
    EXPECT_EQ(opened, IsValid(vector) ? plaintext : std::string(opened.size(), '\0'));
    return result == AeadResult::kOk ? "opens" : "tag mismatch";
  }

  Outcomes RunInContexts(const std::string& table) {
    Outcomes outcomes;
    const auto backend = crypto::ChooseAead(GetParam(), {});
    EXPECT_TRUE(backend.ok()) << backend.status();
    for (const Vector& vector : VectorTable(table)) {
      SCOPED_TRACE(vector.Text("id"));
      ++outcomes[vector.Text("verdict") + ", " + OutcomeInContext(**backend, vector)];
    }
    return outcomes;
  }

  // As the payload of a message, whose data key, nonce and payload may be of any size on the wire.
  std::string OutcomeAsMessage(const Vector& vector) {
    Pass(std::chrono::minutes(1));  // fills the budget for unwrapping again
    MadeMessage message = testing::Seal("", {"orders"}, vector.Bytes("key"));
    message.nonce = vector.Bytes("nonce");
    message.payload = vector.Bytes("sealed");
    const Decision decision = Decrypt(message);
    if (decision.action == Decision::Action::kDeliver) {
      EXPECT_EQ(decision.payload, vector.Bytes("plaintext"));
      return "delivered";
    }
    EXPECT_EQ(decision.action, Decision::Action::kFail);
    EXPECT_EQ(out_, std::string(out_.size(), decision.reason == Reason::kMalformed ? '?' : '\0'));
    if (decision.reason == Reason::kMalformed) {
      EXPECT_EQ(decision.status.code(), absl::StatusCode::kInvalidArgument);
      return "malformed";
    }
    EXPECT_EQ(decision.reason, Reason::kAuthenticationFailed);
    EXPECT_EQ(decision.status.code(), absl::StatusCode::kUnauthenticated);
    return "not authentic";
  }

  Outcomes RunAsMessages(const std::string& table) {
    Outcomes outcomes;
    for (const Vector& vector : VectorTable(table)) {
      SCOPED_TRACE(vector.Text("id"));
      ++outcomes[vector.Text("verdict") + Oddity(vector) + ", " + OutcomeAsMessage(vector)];
    }
    return outcomes;
  }
};

INSTANTIATE_TEST_SUITE_P(, AeadVectors, testing::EachAead(), testing::AeadName);

TEST_P(AeadVectors, ContextsGiveTheirBytes) {
  EXPECT_EQ(RunInContexts("aes_gcm_wycheproof.txt"), (Outcomes{{"valid, opens", 116},
                                                               {"invalid, tag mismatch", 81},
                                                               {"valid, of other sizes", 113},
                                                               {"invalid, of other sizes", 6}}));
  EXPECT_EQ(RunInContexts("aes_gcm_cavp.txt"),
            (Outcomes{{"valid, opens", 923}, {"invalid, tag mismatch", 577}, {"valid, of other sizes", 120}}));
}

// Messages have nonces of 12 bytes, tags of 16 and no associated data. A short tag isn't seen as one: it is malformed
// where the whole payload is under 16 bytes.
TEST_P(AeadVectors, MessagesGetTheirVerdict) {
  EXPECT_EQ(RunAsMessages("aes_gcm_wycheproof.txt"), (Outcomes{{"valid, delivered", 64},
                                                               {"valid with associated data, not authentic", 52},
                                                               {"valid with another nonce size, malformed", 113},
                                                               {"invalid, not authentic", 81},
                                                               {"invalid with another nonce size, malformed", 6}}));
  EXPECT_EQ(RunAsMessages("aes_gcm_cavp.txt"), (Outcomes{{"valid, delivered", 191},
                                                         {"valid with associated data, not authentic", 732},
                                                         {"valid with another nonce size, malformed", 84},
                                                         {"valid with a short tag, not authentic", 18},
                                                         {"valid with a short tag, malformed", 18},
                                                         {"invalid, not authentic", 109},
                                                         {"invalid with associated data, not authentic", 468}}));
}

}  // namespace
}  // namespace pulseal
