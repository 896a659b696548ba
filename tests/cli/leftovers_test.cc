// SPDX-License-Identifier: Apache-2.0
//
// What the program leaves in its memory when it ends: nothing of private keys, passphrases, data keys and messages, whether
// it did what it was asked or not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "pulseal/encryption_metadata.h"
#include "pulseal/key_readers.h"
#include "pulseal/key_wrapper.h"
#include "tests/cli/shell.h"

#ifdef PULSEAL_LEFTOVERS_AT_EXIT
namespace pulseal::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

// left SECRETS STATUS COMMAND...: prints which of the files in SECRETS the command left something of in its memory, and
// where it ended with another status (any: none is).
// LD_BIND_NOW as for tests/wipe: the dynamic linker would store registers on the stack.
constexpr char kLeft[] = R"sh(
left() {
  local secrets=$1 expected=$2 status=0
  shift 2
  : > left
  PULSEAL_SECRETS=$secrets PULSEAL_LEFTOVERS=$PWD/left LD_BIND_NOW=1 LD_PRELOAD=')sh" PULSEAL_LEFTOVERS_AT_EXIT
                         R"sh(' "$@" > out 2> err || status=$?
  [ $expected = any ] || [ $status = $expected ] || { echo "$*: status $status"; cat err; }
  sort -u left | sed "s|^|$*: |"
}
)sh";

class ProgramWipes : public ::testing::TestWithParam<const char*> {
 protected:
  ProgramWipes() {
    shell_.GiveKeyPair(GetParam(), "orders");
    shell_.GivePublicKey("p-521", "newcomer");
    shell_.folder().Write("passphrase", "passphrase-of-the-leftovers-test\n");
  }

  void ExpectNothingLeft(const std::string& commands) { EXPECT_EQ(shell_.Run(kLeft + commands), (Outcome{0, "", ""})); }

  Shell shell_;
};

TEST_P(ProgramWipes, TheSearchFindsWhatAnotherProgramLeaves) {
  EXPECT_THAT(shell_.Run(std::string(kLeft) + "left keys/orders.private.pem 0 grep -c x keys/orders.private.pem").out,
              HasSubstr("keys/orders.private.pem in "));
  EXPECT_THAT(shell_.Run(std::string(kLeft) + "cp passphrase p.bin; left p.bin 0 grep -c x passphrase").out,
              HasSubstr("p.bin in "));
  EXPECT_THAT(shell_.Run(std::string(kLeft) + "left none 0 /bin/true").out, HasSubstr("none in nothing"));
}

TEST_P(ProgramWipes, KeysThatAreMadeAndChecked) {
  ExpectNothingLeft(R"sh(
left k/new.private.pem 0 pulseal keygen new --key-dir k --type p-256
left k/rsa.private.pem 0 pulseal keygen rsa --key-dir k --type rsa-2048
left passphrase 0 pulseal keygen closed --key-dir k --type p-256 --passphrase-file passphrase
left passphrase 0 pulseal check k/closed.private.pem k/closed.public.pem --passphrase-file passphrase
left keys/orders.private.pem 0 pulseal check keys/orders.private.pem keys/orders.public.pem
head -c 150 keys/orders.private.pem > damaged
left damaged 1 pulseal check damaged
left k/new.private.pem 3 pulseal keygen new --key-dir k --type p-256
)sh");
}

TEST_P(ProgramWipes, MessagesThatAreReadRewrappedAndDecrypted) {
  ExpectNothingLeft(R"sh(
secrets=keys/orders.private.pem
seq 500 > in
left $secrets 0 pulseal produce t.topic --to orders --rotate-after-messages 100 < in
left $secrets 0 pulseal consume t.topic
cmp -s out in || echo "not read"
left $secrets 0 pulseal rewrap t.topic --to newcomer --out new.topic
left $secrets 1 pulseal consume new.topic
left $secrets any pulseal consume new.topic --on-failure consume --format jsonl
mkdir none
pulseal consume t.topic --key-dir none --on-failure consume --format jsonl > kept.jsonl 2> said || true
left $secrets 0 pulseal decrypt kept.jsonl
cmp -s out in || echo "not decrypted"
echo '{"no": "message"}' > odd.jsonl
left $secrets 1 pulseal decrypt odd.jsonl
left $secrets 3 pulseal consume missing.topic
)sh");
}

TEST_P(ProgramWipes, MessagesForAKeyWithAPassphrase) {
  ExpectNothingLeft(R"sh(
pulseal keygen closed --type p-256 --passphrase-file passphrase -q
echo one | pulseal produce t.topic --to closed
echo "another-passphrase-that-is-wrong" > wrong
left passphrase 0 pulseal consume t.topic --passphrase-file passphrase
left wrong 1 pulseal consume t.topic --passphrase-file wrong
left passphrase 0 pulseal rewrap t.topic --to newcomer --out new.topic --passphrase-file passphrase
)sh");
}

// Whoever has the private key can work the data key out.
std::string DataKeyOf(const std::string& kept, Shell& shell) {
  constexpr std::string_view kContext = "\"context\":\"";
  const size_t begin = kept.find(kContext) + kContext.size();
  std::string fields;
  EXPECT_TRUE(absl::Base64Unescape(kept.substr(begin, kept.find('"', begin) - begin), &fields));
  const absl::StatusOr<EncryptionContext> context = ParseEncryptionContext(fields);
  EXPECT_TRUE(context.ok()) << context.status();
  std::string data_key;
  LocalKeyWrapper(KeyDirectory(shell.folder() / "keys"))
      ->Unwrap(context->keys.at(0), 1, [&data_key](absl::StatusOr<Unwrapped> answer) {
        EXPECT_TRUE(answer.ok()) << answer.status();
        data_key = std::string(answer->data_key.view());
      });
  return data_key;
}

TEST_P(ProgramWipes, DataKeysOfMessagesThatAreRead) {
  shell_.Run(R"sh(
mkdir none
echo "one message" | pulseal produce t.topic --to orders
pulseal consume t.topic --key-dir none --on-failure consume --format jsonl > kept.jsonl
)sh");
  shell_.folder().Write("key.bin", DataKeyOf(shell_.Contents("kept.jsonl"), shell_));
  ExpectNothingLeft(R"sh(
[ $(stat -c %s key.bin) = 32 ] || echo "no data key"
left key.bin 0 pulseal consume t.topic
left key.bin 0 pulseal decrypt kept.jsonl
left key.bin 0 pulseal rewrap t.topic --to newcomer --out new.topic
sed 's/"payload_base64":"..../&AAAA/' kept.jsonl > forged.jsonl
left key.bin 1 pulseal decrypt forged.jsonl
)sh");
}

// The parameter: options of "pulseal produce".
class ProgramWipesMessages : public ::testing::TestWithParam<const char*> {
 protected:
  // In `in`, short and long lines that have the text in plain.bin in them; in binary.in they are no UTF-8. The text stands
  // where base64 makes of it what base64.bin holds.
  ProgramWipesMessages() {
    shell_.GiveKeyPair("p-256", "orders");
    shell_.GivePublicKey("p-521", "newcomer");
    const Outcome made = shell_.Run(R"sh(
head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' > plain.bin
base64 -w 0 plain.bin > base64.bin
sed "s/$/ $(cat plain.bin)/" <(seq 10000 11000) > in
yes " $(cat plain.bin)" | head -c 700000 | tr '\n' ' ' >> in
LC_ALL=C sed 's/$/\xff/' in > binary.in
)sh");
    EXPECT_EQ(made, (Outcome{0, "", ""}));
  }

  // `produce` and `secrets` are there for `commands`.
  void ExpectNothingLeft(const std::string& commands) {
    const std::string names =
        "secrets=plain.bin:base64.bin; produce='pulseal produce t.topic --to orders " + std::string(GetParam()) + "'\n";
    EXPECT_EQ(shell_.Run(kLeft + names + commands), (Outcome{0, "", ""}));
  }

  Shell shell_;
};

TEST_P(ProgramWipesMessages, TheSearchFindsWhatAnotherProgramLeaves) {
  const std::string left = shell_
                               .Run(std::string(kLeft) + R"sh(
left plain.bin 0 sort in
yes $(cat base64.bin) | head -n 1000 > base64.in
left base64.bin 0 sort base64.in
)sh")
                               .out;
  EXPECT_THAT(left, ContainsRegex("plain.bin in [0-9a-f]+-"));
  EXPECT_THAT(left, ContainsRegex("base64.bin in [0-9a-f]+-"));
}

TEST_P(ProgramWipesMessages, Lines) {
  ExpectNothingLeft(R"sh(
left $secrets 0 $produce < in
left $secrets 0 pulseal consume t.topic
cmp -s out <(cat in; echo) || echo "not read"
left $secrets 0 pulseal rewrap t.topic --to newcomer --out new.topic
)sh");
}

TEST_P(ProgramWipesMessages, JsonLines) {
  ExpectNothingLeft(R"sh(
for file in in binary.in; do
  rm -f t.topic
  pulseal produce t.topic --to orders < $file
  left $secrets 0 pulseal consume t.topic --format jsonl
  mv out messages.jsonl
  rm t.topic
  left $secrets 0 $produce --format jsonl < messages.jsonl
  pulseal consume t.topic | cmp -s - <(cat $file; echo) || echo "not read"
done
grep -q payload_base64 messages.jsonl || echo "not in base64"
)sh");
}

TEST_P(ProgramWipesMessages, MessagesThatAreDecryptedLater) {
  ExpectNothingLeft(R"sh(
$produce < in
mkdir none
pulseal consume t.topic --key-dir none --on-failure consume --deliver-whole-batch --format jsonl > kept.jsonl 2> said
left $secrets 0 pulseal decrypt kept.jsonl
cmp -s out <(cat in; echo) || echo "not decrypted"
left $secrets 0 pulseal decrypt kept.jsonl --format jsonl
)sh");
}

TEST_P(ProgramWipesMessages, WhenItFails) {
  ExpectNothingLeft(R"sh(
left $secrets 3 pulseal produce none/t.topic --to orders < in
sed 's/.*/{"payload": "&", "no": 0}/' in > odd.jsonl
left $secrets 1 $produce --format jsonl < odd.jsonl
$produce < in
printf "other bytes" | dd of=t.topic bs=1 seek=$(($(stat -c %s t.topic) - 100)) conv=notrunc status=none
left $secrets 1 pulseal consume t.topic
)sh");
}

INSTANTIATE_TEST_SUITE_P(, ProgramWipesMessages,
                         ::testing::Values("", "--max-message-size 5000", "--batch 100",
                                           "--batch 100 --compression lz4", "--batch 100 --compression zlib",
                                           "--batch 100 --compression zstd", "--batch 100 --compression snappy"),
                         [](const auto& test) {
                           const std::string options = test.param;
                           if (options.empty()) return std::string("OneByOne");
                           if (options.find("--max") == 0) return std::string("Chunks");
                           const size_t codec = options.rfind(' ');
                           return "BatchesOf" + options.substr(codec + 1);
                         });

INSTANTIATE_TEST_SUITE_P(Keys, ProgramWipes, ::testing::Values("rsa-2048", "p-256"),
                         [](const auto& test) { return std::string(test.param) == "rsa-2048" ? "Rsa" : "Ec"; });

}  // namespace
}  // namespace pulseal::testing
#endif
