// SPDX-License-Identifier: Apache-2.0
//
// Attacks by key files: whatever stands where a key should be, it is told as unusable, and neither read past nor worked with.
// Those that lib/crypto alone decides on are in pem_key_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_replace.h"
#include "lib/crypto/openssl_ptr.h"
#include "pulseal/error.h"
#include "pulseal/key_pair.h"
#include "pulseal/key_readers.h"
#include "pulseal/key_wrapper.h"
#include "tests/support/pem_of.h"
#include "tests/support/test_keys.h"

namespace pulseal {
namespace {

using ::testing::HasSubstr;
using testing::PemOf;
using testing::TestKey;

const std::string kEscape = "\x1b[2J\x07";

// What a producer and a consumer make of `pem` where their key should be.
struct Verdicts {
  absl::Status wrap, unwrap;
};

Verdicts Try(const std::string& pem, LocalKeyPolicy policy = {}) {
  std::multimap<std::string, SecretBytes> private_pems;
  private_pems.emplace("orders", SecretBytes::CopyOf(pem));
  const auto wrapper = LocalKeyWrapper(KeysInMemory({{"orders", pem}}, std::move(private_pems)), std::move(policy));
  Verdicts verdicts;
  wrapper->Wrap("orders", std::make_shared<const SecretBytes>(SecretBytes::CopyOf(std::string(32, 'k'))),
                [&](const absl::StatusOr<WrappedKey>& answer) { verdicts.wrap = answer.status(); });
  wrapper->Unwrap({"orders", std::string(256, 'x'), {}}, 8,
                  [&](const absl::StatusOr<Unwrapped>& answer) { verdicts.unwrap = answer.status(); });
  return verdicts;
}

void ExpectUnusable(const absl::Status& status, absl::StatusCode code) {
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_EQ(ReasonOf(status), Reason::kKeyUnusable) << status;
  const std::string words(status.message());
  EXPECT_TRUE(std::all_of(words.begin(), words.end(), [](char c) { return c >= ' ' && c <= '~'; })) << words;
  EXPECT_LT(words.size(), 1000u);
}

void ExpectUnusable(const std::string& pem) {
  ExpectUnusable(DescribeKey(pem).status(), absl::StatusCode::kInvalidArgument);
  const Verdicts verdicts = Try(pem);
  ExpectUnusable(verdicts.wrap, absl::StatusCode::kFailedPrecondition);
  ExpectUnusable(verdicts.unwrap, absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ERR_peek_error(), 0u);
}

void ExpectUsable(const std::string& pem, const std::string& same_as) {
  SCOPED_TRACE(absl::CHexEscape(pem));
  const absl::StatusOr<KeyDescription> key = DescribeKey(pem);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->fingerprint, DescribeKey(same_as)->fingerprint);
}

// ---- DER by hand

std::string Tlv(char tag, const std::string& content) {
  std::string length;
  if (content.size() < 128) return tag + std::string(1, static_cast<char>(content.size())) + content;
  for (size_t size = content.size(); size > 0; size >>= 8) length.insert(length.begin(), static_cast<char>(size));
  return tag + std::string(1, static_cast<char>(0x80 | length.size())) + length + content;
}
std::string Sequence(const std::string& content) { return Tlv(0x30, content); }
std::string Integer(const std::string& bytes) { return Tlv(2, bytes); }

// `bytes` of content, positive: top and bottom bit set, behind a zero.
std::string Modulus(size_t bytes) {
  std::string number(bytes, '\x5a');
  number.front() = '\xc5';
  number.back() = '\xa5';
  return std::string(1, '\0') + number;
}

const std::string kZero(1, '\0'), kOne("\1"), kMinusOne("\xff"), k65537("\1\0\1", 3);

std::string RsaPublic(const std::string& modulus, const std::string& exponent) {
  return PemOf("RSA PUBLIC KEY", Sequence(Integer(modulus) + Integer(exponent)));
}

std::string DerOf(const std::string& file) {
  const std::string pem = TestKey(file);
  crypto::BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  char *name = nullptr, *header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;  // NOLINT(google-runtime-int): OpenSSL's type
  EXPECT_EQ(PEM_read_bio(bio.get(), &name, &header, &data, &size), 1);
  std::string der(reinterpret_cast<char*>(data), static_cast<size_t>(size));
  OPENSSL_free(name);
  OPENSSL_free(header);
  OPENSSL_free(data);
  return der;
}

// The nine numbers of an RSAPrivateKey (RFC 8017 A.1.2), the version first, to be put together otherwise.
std::vector<std::string> RsaNumbers(const std::string& file) {
  const std::string der = DerOf(file);
  std::vector<std::string> numbers;
  for (size_t at = 4; at < der.size();) {  // behind the sequence's four bytes
    const auto byte = [&der](size_t place) { return static_cast<size_t>(static_cast<unsigned char>(der.at(place))); };
    size_t size = byte(at + 1);
    at += 2;
    if (size == 0x81) size = byte(at), at += 1;
    if (size == 0x82) size = byte(at) << 8 | byte(at + 1), at += 2;
    numbers.push_back(der.substr(at, size));
    at += size;
  }
  EXPECT_EQ(numbers.size(), 9u);
  return numbers;
}

std::string RsaPrivate(const std::vector<std::string>& numbers) {
  std::string content;
  for (const std::string& number : numbers) content += Integer(number);
  return PemOf("RSA PRIVATE KEY", Sequence(content));
}

// ---- PEM of every kind of broken

TEST(KeyAttack, BrokenPem) {
  const std::string pem = TestKey("rsa-2048.public.pem");
  const std::string begin = "-----BEGIN PUBLIC KEY-----\n", end = "-----END PUBLIC KEY-----\n";
  ASSERT_EQ(pem.substr(0, begin.size()), begin);
  ASSERT_EQ(pem.substr(pem.size() - end.size()), end);
  const std::string body = pem.substr(begin.size(), pem.size() - begin.size() - end.size());
  std::string utf16;
  for (const char c : "\xff\xfe" + pem) utf16 += c, utf16 += '\0';
  const std::map<std::string, std::string> broken = {
      {"white space alone", " \n\t\r\n"},
      {"zeros", std::string(100, '\0')},
      {"a terminal's commands", kEscape},
      {"UTF-16", utf16},
      {"carriage returns alone", absl::StrReplaceAll(pem, {{"\n", "\r"}})},
      {"spaces at the ends of lines", absl::StrReplaceAll(pem, {{"\n", "  \n"}})},
      {"all in one line", absl::StrReplaceAll(pem, {{"\n", ""}})},
      {"no beginning", body + end},
      {"no end", begin + body},
      {"the end alone", end},
      {"the beginning alone", begin},
      {"nothing between", begin + end},
      {"four dashes", pem.substr(1)},
      {"an end of another kind", begin + body + "-----END PRIVATE KEY-----\n"},
      {"a beginning of another kind", "-----BEGIN CERTIFICATE-----\n" + body + "-----END CERTIFICATE-----\n"},
      {"a private key that is none", "-----BEGIN PRIVATE KEY-----\n" + body + "-----END PRIVATE KEY-----\n"},
      {"a kind that nobody knows", "-----BEGIN KEY-----\n" + body + "-----END KEY-----\n"},
      {"a kind with a terminal's commands",
       "-----BEGIN " + kEscape + "-----\n" + body + "-----END " + kEscape + "-----\n"},
      {"a kind of 10,000 letters",
       "-----BEGIN " + std::string(10000, 'A') + "-----\n" + body + "-----END " + std::string(10000, 'A') + "-----\n"},
      {"two beginnings", begin + begin + body + end},
      {"the same within itself", begin + pem + end},
      {"a letter that is none", begin + "!" + body.substr(1) + end},
      {"the alphabet of URLs", begin + "-_" + body.substr(2) + end},
      {"a letter missing", begin + body.substr(1) + end},
      {"a line missing", begin + body.substr(65) + end},
      {"padding in the middle", begin + body.substr(0, 62) + "==\n" + body.substr(65) + end},
      {"a zero in the middle", begin + body.substr(0, 30) + '\0' + body.substr(31) + end},
      {"headers of an encryption", begin + "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n" + body + end},
      {"headers of an encryption that isn't named", begin + "Proc-Type: 4,ENCRYPTED\n\n" + body + end},
      {"headers without an end", begin + "a: b\n" + body + end},
      {"one byte over the limit", pem + std::string(kMaxKeyFileSize - pem.size() + 1, '\n')},
      {"an OpenSSH key",
       "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----\n"},
      {"an OpenPGP key", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQENBF\n-----END PGP PUBLIC KEY BLOCK-----\n"},
      {"an OpenSSH public key", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ== somebody@somewhere\n"},
      {"a JWK", R"({"kty":"RSA","n":"AQAB","e":"AQAB"})"},
  };
  for (const auto& [name, text] : broken) {
    SCOPED_TRACE(name);
    ExpectUnusable(text);
  }
}

// What other programs write, and what an editor or a mail makes of it.
TEST(KeyAttack, PemThatIsOnlyUnusual) {
  const std::string pem = TestKey("rsa-2048.public.pem");
  ExpectUsable(absl::StrReplaceAll(pem, {{"\n", "\r\n"}}), pem);
  ExpectUsable(pem.substr(0, pem.size() - 1), pem);
  ExpectUsable("\xef\xbb\xbf" + pem, pem);
  ExpectUsable("Bag Attributes\n    friendlyName: " + kEscape + "\n" + pem + "and more\n", pem);
  ExpectUsable(pem + TestKey("p-256.private.pem") + std::string(100, '\0'), pem);
}

TEST(KeyAttack, BrokenDer) {
  const std::string der = DerOf("rsa-2048.public.pem");
  std::string nested, lengths;
  for (int i = 0; i < 1000; ++i) nested = Sequence(nested);
  for (int i = 0; i < 10000; ++i) lengths += "\x30\x80";
  const std::map<std::string, std::string> broken = {
      {"nothing", ""},
      {"one byte", "\x30"},
      {"a length that runs past", std::string("\x30\x82\xff\xff", 4) + der.substr(4)},
      {"a length of 2^32 - 1", "\x30\x84\xff\xff\xff\xff" + der.substr(4)},
      {"a length of 2^64 - 1", "\x30\x88" + std::string(8, '\xff') + der.substr(4)},
      {"a length of 127 bytes", "\x30\xff" + std::string(127, '\1') + der.substr(4)},
      {"a length that never ends", "\x30\x80" + der.substr(4)},
      {"sequences in sequences", nested},
      {"10,000 sequences without an end", lengths},
      {"zeros", std::string(300, '\0')},
      {"an empty sequence", Sequence("")},
      {"an algorithm that nobody knows", Sequence(Sequence(Tlv(6, "\x2a\x03\x04")) + Tlv(3, std::string(100, '\0')))},
      {"an algorithm of 10,000 bytes", Sequence(Sequence(Tlv(6, std::string(10000, '\x81'))) + Tlv(3, "x"))},
      {"a key of no bits", Sequence(der.substr(4, 15) + Tlv(3, kZero))},
  };
  for (const auto& [name, text] : broken) {
    for (const char* label : {"PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE", "PRIVATE KEY", "RSA PRIVATE KEY",
                              "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"}) {
      SCOPED_TRACE(name + ", as " + label);
      ExpectUnusable(PemOf(label, text));
    }
  }
  for (size_t size = 1; size < der.size(); size += 3) ExpectUnusable(PemOf("PUBLIC KEY", der.substr(0, size)));
}

// ---- RSA

TEST(KeyAttack, OddRsaPublicKeys) {
  ASSERT_TRUE(DescribeKey(RsaPublic(Modulus(256), k65537)).ok());
  const std::map<std::string, std::pair<std::string, std::string>> odd = {
      {"exponent 1", {Modulus(256), kOne}},
      {"exponent 0", {Modulus(256), kZero}},
      {"exponent 2", {Modulus(256), "\2"}},
      {"exponent of 65 bits", {Modulus(256), "\1" + std::string(7, '\0') + "\1"}},
      {"exponent as large as the modulus", {Modulus(256), Modulus(256)}},
      {"modulus 0", {kZero, k65537}},
      {"modulus even", {Modulus(255) + '\0', k65537}},
      {"modulus of 16,385 bits", {"\1" + std::string(2047, '\0') + "\1", k65537}},
      {"modulus of 100,000 bits", {Modulus(12500), k65537}},
  };
  for (const auto& [name, numbers] : odd) {
    SCOPED_TRACE(name);
    ExpectUnusable(RsaPublic(numbers.first, numbers.second));
  }
  // OpenSSL takes every number for one without a sign, as if it began with a zero.
  const std::string modulus = Modulus(256);
  ExpectUsable(RsaPublic(modulus.substr(1), k65537), RsaPublic(modulus, k65537));
  ExpectUsable(RsaPublic(modulus, kMinusOne), RsaPublic(modulus, std::string("\0\xff", 2)));
  // Weak ones are described, and serve only where they are allowed; too short for OAEP never.
  ExpectUnusable(Try(RsaPublic(kOne, k65537)).wrap, absl::StatusCode::kFailedPrecondition);
  for (const size_t bytes : {1, 41, 42, 64, 128, 255}) {
    SCOPED_TRACE(bytes);
    ExpectUnusable(Try(RsaPublic(Modulus(bytes), k65537)).wrap, absl::StatusCode::kFailedPrecondition);
    LocalKeyPolicy any;
    any.min_rsa_bits = 0;
    const absl::Status allowed = Try(RsaPublic(Modulus(bytes), k65537), any).wrap;
    if (bytes < 32 + 42) {
      ExpectUnusable(allowed, absl::StatusCode::kFailedPrecondition);
    } else {
      EXPECT_TRUE(allowed.ok()) << allowed;
    }
  }
  EXPECT_TRUE(Try(RsaPublic(Modulus(2048), k65537)).wrap.ok()) << "16,384 bits are allowed";
}

// Where OpenSSL finds that the short way (p, q and what belongs to them) and the long one (d) disagree, it takes the one
// that is right: such a key may be refused or used, but what it opens is opened rightly.
void ExpectUnusableOrRight(const std::string& pem, int* refused) {
  if (!DescribeKey(pem).ok()) {
    ++*refused;
    return ExpectUnusable(pem);
  }
  std::multimap<std::string, SecretBytes> private_pems;
  private_pems.emplace("orders", SecretBytes::CopyOf(pem));
  const auto wrapper =
      LocalKeyWrapper(KeysInMemory({{"orders", TestKey("rsa-2048.public.pem")}}, std::move(private_pems)));
  const std::string data_key(32, 'k');
  std::string opened;
  wrapper->Wrap("orders", std::make_shared<const SecretBytes>(SecretBytes::CopyOf(data_key)),
                [&](const absl::StatusOr<WrappedKey>& wrapped) {
                  wrapper->Unwrap(*wrapped, 8, [&opened](const absl::StatusOr<Unwrapped>& answer) {
                    if (answer.ok()) opened = std::string(answer->data_key.view());
                  });
                });
  EXPECT_EQ(opened, data_key);
}

TEST(KeyAttack, OddRsaPrivateKeys) {
  const std::vector<std::string> good = RsaNumbers("rsa-2048.private.pem");
  const absl::StatusOr<KeyDescription> described = DescribeKey(RsaPrivate(good));
  ASSERT_TRUE(described.ok()) << described.status();
  int refused = 0;
  enum { kVersion, kN, kE, kD, kP, kQ, kDp, kDq, kQinv };
  for (const size_t place : {kN, kE, kD, kP, kQ, kDp, kDq, kQinv}) {
    for (const std::string& number : {kZero, kOne, kMinusOne, "\x80" + std::string(255, '\1'), good[place] + '\0'}) {
      SCOPED_TRACE(std::to_string(place) + " is " + absl::BytesToHexString(number.substr(0, 8)));
      std::vector<std::string> odd = good;
      odd[place] = number;
      if (place == kN || place == kE || place == kP || place == kQ) {
        ExpectUnusable(RsaPrivate(odd));
      } else {
        ExpectUnusableOrRight(RsaPrivate(odd), &refused);
      }
    }
  }
  std::vector<std::string> odd = good;
  std::swap(odd[kP], odd[kQ]);
  ExpectUnusableOrRight(RsaPrivate(odd), &refused);
  for (const auto& [p, q] : {std::pair(good[kN], kOne), std::pair(kOne, good[kN])}) {
    odd = good;
    odd[kP] = p, odd[kQ] = q, odd[kDp] = odd[kDq] = odd[kQinv] = kZero;
    ExpectUnusableOrRight(RsaPrivate(odd), &refused);
  }
  for (const char* version : {"\1", "\2", "\x7f"}) {  // 1: more primes, which there are not
    odd = good;
    odd[kVersion] = version;
    ExpectUnusableOrRight(RsaPrivate(odd), &refused);
  }
  EXPECT_GE(refused, 7);
  for (size_t count = 0; count < good.size(); ++count) {
    ExpectUnusable(RsaPrivate({good.begin(), good.begin() + static_cast<ptrdiff_t>(count)}));
  }
}

// ---- EC

// SEC1's ECPrivateKey, without the public key.
std::string EcPrivate(const std::string& scalar) {
  const std::string p_256("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 10);
  return PemOf("EC PRIVATE KEY", Sequence(Integer(kOne) + Tlv(4, scalar) + Tlv('\xa0', p_256)));
}

TEST(KeyAttack, EcPrivateKeysOutOfRange) {
  const std::string order = absl::HexStringToBytes("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
  std::string below = order, above = order;
  below.back() = '\x50';
  above.back() = '\x52';
  EXPECT_TRUE(DescribeKey(EcPrivate(below)).ok());
  for (const std::string& scalar : {std::string(), kZero, std::string(32, '\0'), order, above, std::string(32, '\xff'),
                                    std::string(33, '\xff'), std::string(10000, '\xff')}) {
    SCOPED_TRACE(absl::BytesToHexString(scalar.substr(0, 40)));
    ExpectUnusable(EcPrivate(scalar));
  }
}

// ---- certificates

std::string Certificate(const std::string& public_key, long from, long to) {  // NOLINT(google-runtime-int)
  crypto::BioPtr pem(BIO_new_mem_buf(public_key.data(), static_cast<int>(public_key.size())));
  crypto::PkeyPtr key(PEM_read_bio_PUBKEY(pem.get(), nullptr, nullptr, nullptr));
  crypto::PkeyPtr issuer(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  crypto::X509Ptr certificate(X509_new());
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), from);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), to);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(kEscape.data()), -1, -1, 0);
  EXPECT_GT(X509_sign(certificate.get(), issuer.get(), EVP_sha256()), 0);
  crypto::BioPtr out(BIO_new(BIO_s_mem()));
  EXPECT_EQ(PEM_write_bio_X509(out.get(), certificate.get()), 1);
  char* data = nullptr;
  const auto size = static_cast<size_t>(BIO_get_mem_data(out.get(), &data));
  return std::string(data, size);
}

// A certificate is a container for a public key here, as for Pulsar's Java client: whom to trust is said by the folder that
// it lies in, and a consumer's old messages don't become unreadable with a date.
TEST(KeyAttack, CertificatesAreContainers) {
  constexpr long kYear = 365 * 24 * 3600;  // NOLINT(google-runtime-int)
  const std::string key = TestKey("rsa-2048.public.pem");
  for (const auto& [from, to] :
       {std::pair(-2 * kYear, -kYear), std::pair(kYear, 2 * kYear), std::pair(kYear, -kYear)}) {
    const std::string certificate = Certificate(key, from, to);
    ExpectUsable(certificate, key);
    EXPECT_TRUE(Try(certificate).wrap.ok());
    ExpectUnusable(Try(certificate).unwrap, absl::StatusCode::kFailedPrecondition);
  }
  // What it holds must serve all the same.
  ExpectUnusable(Try(Certificate(TestKey("rsa-1024.public.pem"), 0, kYear)).wrap,
                 absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace pulseal
