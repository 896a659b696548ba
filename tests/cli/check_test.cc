// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "pulseal/key_pair.h"
#include "tests/cli/shell.h"
#include "tests/support/test_keys.h"

namespace pulseal::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class CheckTest : public ::testing::Test {
 protected:
  void Give(const std::string& test_key, const std::string& name, int permissions = 0600) {
    shell_.folder().Write(name, TestKey(test_key), permissions);
  }
  Outcome Check(const std::string& arguments) { return shell_.Run("pulseal check " + arguments); }

  Shell shell_;
};

std::string Fingerprint(const std::string& test_key) { return DescribeKey(TestKey(test_key))->fingerprint; }

TEST_F(CheckTest, APairThatEverybodyReads) {
  shell_.GiveKeyPair("rsa-2048", "orders");
  const std::string fingerprint = Fingerprint("rsa-2048.public.pem");
  const std::string clients =
      "  read by           Java\n"
      "  read by           C++ (Node, Python)\n"
      "  read by           Go\n";
  EXPECT_EQ(Check("keys/*.pem"),
            (Outcome{0,
                     "keys/orders.private.pem\n"
                     "  key               private key, RSA, 2048 bits, as strong as a symmetric key of 112 bits\n"
                     "  PEM form          RSA PRIVATE KEY\n"
                     "  fingerprint       " +
                         fingerprint +
                         "\n"
                         "  permissions       600\n"
                         "  other half        keys/orders.public.pem\n" +
                         clients +
                         "keys/orders.public.pem\n"
                         "  key               public key, RSA, 2048 bits, as strong as a symmetric key of 112 bits\n"
                         "  PEM form          PUBLIC KEY\n"
                         "  fingerprint       " +
                         fingerprint +
                         "\n"
                         "  permissions       644\n"
                         "  other half        keys/orders.private.pem\n" +
                         clients,
                     ""}));
  EXPECT_EQ(Check("keys/*.pem --quiet"), (Outcome{0, "", ""}));
  EXPECT_EQ(Check("keys/*.pem | cat; echo ${PIPESTATUS[0]}").out, Check("keys/*.pem").out + "0\n");
}

TEST_F(CheckTest, WhoReadsWhichFormAndWhyNot) {
  struct Case {
    const char *key, *form, *readers;
  };
  const std::string no_ec =
      "  read by           Java\n"
      "  not read by       C++ (Node, Python): they have no EC keys\n"
      "  not read by       Go: it has no EC keys\n";
  const std::string only_public_key =
      "read no public key but PUBLIC KEY; openssl makes one: see \"pulseal check --help\"\n";
  const std::string java_alone = "  read by           Java\n  not read by       C++ (Node, Python): they " +
                                 only_public_key + "  not read by       Go: it reads" + only_public_key.substr(4);
  const Case cases[] = {
      {"rsa-2048.pkcs1.public.pem", "RSA PUBLIC KEY", java_alone.c_str()},
      {"rsa-2048.certificate.pem", "CERTIFICATE", java_alone.c_str()},
      {"rsa-2048.pkcs8.private.pem", "PRIVATE KEY",
       "  read by           Java (recent versions)\n"
       "  read by           C++ (Node, Python)\n"
       "  not read by       Go: it reads no private key but RSA PRIVATE KEY; convert it with: openssl rsa "
       "-traditional\n"},
      {"p-256.public.pem", "PUBLIC KEY", no_ec.c_str()},
      {"p-384-explicit.private.pem", "EC PRIVATE KEY, the curve written out", no_ec.c_str()},
  };
  for (const Case& c : cases) {
    Give(c.key, "key.pem");
    const Outcome checked = Check("key.pem");
    EXPECT_EQ(checked.status, 0);
    EXPECT_THAT(checked.out, HasSubstr(std::string("  PEM form          ") + c.form + "\n"));
    EXPECT_THAT(checked.out, HasSubstr(std::string("  permissions       600\n") + c.readers));
  }
}

// What the advice makes is what those clients read.
TEST_F(CheckTest, TheConversionsItNamesWork) {
  Give("rsa-2048.pkcs1.public.pem", "pkcs1.pem");
  Give("rsa-2048.certificate.pem", "certificate.pem");
  Give("rsa-2048.pkcs8.private.pem", "pkcs8.pem");
  const Outcome converted = shell_.Run(
      "umask 077; openssl rsa -RSAPublicKey_in -in pkcs1.pem -pubout > a.pem 2> log &&"
      "openssl x509 -in certificate.pem -noout -pubkey > b.pem && openssl rsa -traditional -in pkcs8.pem > c.pem 2> "
      "log "
      "&& pulseal check a.pem b.pem c.pem");
  EXPECT_EQ(converted.status, 0) << converted;
  EXPECT_THAT(converted.out, Not(HasSubstr("not read by")));
}

TEST_F(CheckTest, EncryptedKeys) {
  Give("rsa-2048.encrypted.private.pem", "a.private.pem");
  Give("rsa-2048.public.pem", "a.public.pem");
  shell_.folder().Write("secret", "correct\n");
  const Outcome closed = Check("a.private.pem a.public.pem");
  EXPECT_EQ(closed.status, 0);
  EXPECT_THAT(closed.out,
              StartsWith("a.private.pem\n"
                         "  key               private key, encrypted\n"
                         "  PEM form          ENCRYPTED PRIVATE KEY\n"
                         "  permissions       600\n"
                         "  not read by       Java: it reads no private key with a passphrase\n"
                         "  not read by       C++ (Node, Python): they would ask for the passphrase on the terminal\n"
                         "  not read by       Go: it reads no private key with a passphrase\n"
                         "  warning           encrypted, so not looked into; --passphrase-file opens it\n"));
  const Outcome opened = Check("a.private.pem a.public.pem --passphrase-file secret");
  EXPECT_EQ(opened.status, 0);
  EXPECT_THAT(opened.out, HasSubstr("  PEM form          ENCRYPTED PRIVATE KEY, opened with the passphrase\n"));
  EXPECT_THAT(opened.out, HasSubstr("  other half        a.public.pem\n"));
  const Outcome refused = Check("a.private.pem --passphrase-file <(echo wrong)");
  EXPECT_EQ(refused,
            (Outcome{1, "a.private.pem\n  problem           the passphrase doesn't open this encrypted key\n", ""}));
}

TEST_F(CheckTest, APrivateKeyThatOthersMayOpen) {
  for (const int permissions : {0640, 0604, 0660}) {
    Give("rsa-2048.private.pem", "a.private.pem", permissions);
    EXPECT_EQ(Check("a.private.pem -q"),
              (Outcome{0,
                       "a.private.pem\n"
                       "  warning           others on this machine may open it; take that away with: chmod 600 "
                       "a.private.pem\n",
                       ""}));
  }
  Give("rsa-2048.public.pem", "a.public.pem", 0666);
  EXPECT_EQ(Check("a.public.pem -q"), (Outcome{0, "", ""}));
}

TEST_F(CheckTest, DemonstrationKeysUnderAnyName) {
  int count = 0;
  for (const std::string name : {"alice", "bob", "stranger"}) {
    for (const std::string half : {"public", "private"}) {
      std::ifstream file(PULSEAL_SOURCE_DIR "/keys/demo-" + name + "." + half + ".pem");
      const std::string pem((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
      shell_.folder().Write("mine.pem", pem);
      const Outcome checked = Check("mine.pem");
      EXPECT_EQ(checked.status, 0);
      EXPECT_THAT(checked.out, HasSubstr("\n  warning           a demonstration key of Pulseal's: everybody has its "
                                         "private half. Never use it\n"));
      ++count;
    }
  }
  EXPECT_EQ(count, 6);
}

TEST_F(CheckTest, HalvesOfOneNameThatDoNotMatch) {
  Give("rsa-2048.private.pem", "a.private.pem");
  Give("rsa-2048-other.public.pem", "a.public.pem");
  Give("rsa-2048.public.pem", "b.public.pem");
  const Outcome checked = Check("a.private.pem a.public.pem b.public.pem");
  EXPECT_EQ(checked.status, 1);
  EXPECT_THAT(checked.out, HasSubstr("  other half        b.public.pem\n"));
  EXPECT_THAT(checked.out, HasSubstr("  problem           doesn't match a.public.pem: what is encrypted for one half "
                                     "can't be read with the other\na.public.pem\n"));
  EXPECT_THAT(checked.out, HasSubstr("  problem           doesn't match a.private.pem: "));
  EXPECT_EQ(Check("a.private.pem b.public.pem -q"), (Outcome{0, "", ""}));
}

TEST_F(CheckTest, HalvesOfOneNameInTwoFolders) {
  shell_.GivePublicKey("rsa-2048", "orders", "public");
  shell_.GivePrivateKey("rsa-2048-other", "orders", "private");
  const std::string why = ": what is encrypted for one half can't be read with the other\n";
  EXPECT_EQ(Check("public/orders.public.pem private/orders.private.pem -q"),
            (Outcome{1,
                     "public/orders.public.pem\n  problem           doesn't match private/orders.private.pem" + why +
                         "private/orders.private.pem\n  problem           doesn't match public/orders.public.pem" + why,
                     ""}));
  // Two who use the same name, each with a pair of his own.
  shell_.GivePublicKey("rsa-2048-other", "orders", "private");
  EXPECT_EQ(Check("public/* private/* -q"), (Outcome{0, "", ""}));
  shell_.GivePrivateKey("rsa-2048", "orders", "public");
  EXPECT_EQ(Check("public/* private/* -q"), (Outcome{0, "", ""}));
  shell_.Run("mv private/orders.private.pem private/other.private.pem");
  EXPECT_EQ(Check("public/orders.public.pem private/other.private.pem -q"), (Outcome{0, "", ""}));
}

TEST_F(CheckTest, KeysThatCanNotServe) {
  const auto expect_problem = [&](const std::string& name, const std::string& problem) {
    const Outcome checked = Check(name + " -q");
    EXPECT_EQ(checked.status, 1);
    EXPECT_EQ(checked.err, "");
    EXPECT_THAT(checked.out, StartsWith(name + "\n  problem           " + problem));
  };
  Give("rsa-1024.public.pem", "weak.public.pem");
  expect_problem("weak.public.pem", "too weak: Pulseal uses RSA keys of 2048 bits and more\n");
  shell_.folder().Write("text", "hello\n");
  expect_problem("text", "no complete PEM block found");
  shell_.folder().Write("empty", "");
  expect_problem("empty", "no complete PEM block found");
  shell_.folder().Write("cut", TestKey("rsa-2048.public.pem").substr(0, 300));
  expect_problem("cut", "no complete PEM block found");
  Give("rsa-2048.private.pem", "a.public.pem");
  expect_problem("a.public.pem", "a private key under the name of a public one: give nobody this file\n");
  Give("rsa-2048.public.pem", "a.private.pem");
  expect_problem("a.private.pem", "a public key under the name of a private one: it opens nothing\n");
  shell_.Run("openssl ecparam -name secp256k1 -genkey -noout -out k1.pem");
  expect_problem("k1.pem", "Pulseal uses the curves P-256, P-384 and P-521 only, unless a program allows others\n");
}

// The others are still checked; what can't be opened goes to standard error.
TEST_F(CheckTest, FilesThatCanNotBeRead) {
  Give("rsa-2048.public.pem", "good.pem");
  Give("rsa-1024.public.pem", "weak.pem");
  EXPECT_EQ(shell_.Run("mkfifo fifo; pulseal check none . fifo /dev/zero good.pem weak.pem -q"),
            (Outcome{3, "weak.pem\n  problem           too weak: Pulseal uses RSA keys of 2048 bits and more\n",
                     "pulseal: none: No such file or directory\n"
                     "pulseal: .: a folder, not a key file\n"
                     "pulseal: fifo: not a regular file\n"
                     "pulseal: /dev/zero: not a regular file\n"}));
  EXPECT_EQ(shell_.Run("truncate -s 10G long; pulseal check long"),
            (Outcome{3, "", "pulseal: long: more than 65536 bytes, which is no key\n"}));
  EXPECT_EQ(Check("good.pem --passphrase-file none"), (Outcome{3, "", "pulseal: none: No such file or directory\n"}));
  EXPECT_EQ(Check("good.pem > /dev/full").status, 3);
}

// One object to a line, whatever the file's name holds.
TEST_F(CheckTest, Json) {
  shell_.GiveKeyPair("p-256", "orders");
  Give("rsa-2048.pkcs8.private.pem", "b.pem", 0644);
  shell_.folder().Write("\x1b[31m\xff\n", "hello\n");
  const Outcome checked = Check("--json keys/* b.pem $'\\e[31m\\xff\\n'");
  EXPECT_EQ(checked.status, 1);
  shell_.folder().Write("out", checked.out);
  EXPECT_THAT(checked.out, ::testing::Not(HasSubstr("\x1b")));
  EXPECT_EQ(shell_.Run(R"(python3 - <<'END'
import json
private, public, b, bad = [json.loads(line) for line in open("out")]
print(private["file"], private["serves"], private["private"], private["algorithm"], private["curve"], private["bits"],
      private["strength_bits"], private["pem_form"], private["encrypted"], private["permissions"],
      private["other_half"], private["explicit_parameters"], private["fingerprint"] == public["fingerprint"])
print(public["private"], public["permissions"], public["problems"], public["warnings"])
print({name: client["reads"] for name, client in b["official_clients"].items()}, len(b["warnings"]), "curve" in b)
print(b["official_clients"]["Go"]["why_not"])
print(repr(bad["file"]), bad["serves"], len(bad["problems"]), sorted(bad))
END)"),
            (Outcome{0,
                     "keys/orders.private.pem True True EC P-256 256 128 EC PRIVATE KEY False 600 "
                     "keys/orders.public.pem False True\n"
                     "False 644 [] []\n"
                     "{'Java': True, 'C++': True, 'Go': False} 1 False\n"
                     "it reads no private key but RSA PRIVATE KEY; convert it with: openssl rsa -traditional\n"
                     "'\\x1b[31m\xef\xbf\xbd\\n' False 1 ['file', 'problems', 'serves', 'warnings']\n",
                     ""}));
  EXPECT_EQ(Check("--json --quiet b.pem").status, 2);
}

TEST_F(CheckTest, AFileNameCanNotCommandTheTerminal) {
  shell_.folder().Write("\x1b[31m.pem", "hello\n");
  const Outcome checked = Check("$'\\e[31m.pem' $'no\\e'");
  EXPECT_THAT(checked.out, StartsWith("\\x1b[31m.pem\n"));
  EXPECT_EQ(checked.err, "pulseal: no\\x1b: No such file or directory\n");
  shell_.folder().Write(
      "K\xc3\xb6ln\xc2\x9b"
      "31m.pem",
      "hello\n");  // the same command in one character of UTF-8
  EXPECT_THAT(Check("$'K\\xc3\\xb6ln\\xc2\\x9b31m.pem'").out, StartsWith("K\xc3\xb6ln\\xc2\\x9b"
                                                                         "31m.pem\n"));
}

}  // namespace
}  // namespace pulseal::testing
