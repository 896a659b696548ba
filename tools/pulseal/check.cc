// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "pulseal/key_pair.h"
#include "pulseal/key_wrapper.h"
#include "tools/pulseal/command.h"
#include "tools/pulseal/input_file.h"
#include "tools/pulseal/json_line.h"
#include "tools/pulseal/passphrase_file.h"
#include "tools/pulseal/report.h"

namespace pulseal::tools {
namespace {

constexpr char kPublicEnd[] = ".public.pem", kPrivateEnd[] = ".private.pem";

// The public halves of keys/demo-*.pem, whose private halves everybody has.
constexpr std::string_view kDemoFingerprints[] = {
    "SHA256:5cef67ab2905d1d202a750cd89269aeb45a281c3ca713e6d480484540afb461d",  // demo-alice
    "SHA256:bd4f8b390277baa3026eae38c4f40fd202024f4e8a3d606bf06766724270b451",  // demo-bob
    "SHA256:9e0ca55cf8378e2fd720f54b9fd05c2215ae8654ddc965ca2f1ef865db68cbe4",  // demo-stranger
};

struct Arguments {
  std::vector<std::string> files;
  std::string passphrase_file;
  bool json = false, quiet = false;
};

struct Client {
  std::string name;
  bool reads = false;
  std::string why_not;
};

struct CheckedFile {
  std::string path;
  KeyDescription key;
  mode_t permissions = 0;
  std::string pair;  // the file with its other half; empty: not among the arguments
  std::vector<std::string> warnings, problems;
  bool is_key = false;
};

bool IsUnopened(const KeyDescription& key) { return key.fingerprint.empty(); }

// NIST SP 800-57 part 1, table 2; for moduli in between, what the next smaller one has.
int StrengthBits(const KeyDescription& key) {
  if (key.algorithm == "EC") return key.bits / 2 > 256 ? 256 : key.bits / 2;
  static constexpr std::pair<int, int> kStrengths[] = {{15360, 256}, {7680, 192}, {3072, 128}, {2048, 112}, {1024, 80}};
  for (const auto& [bits, strength] : kStrengths) {
    if (key.bits >= bits) return strength;
  }
  return 0;
}

std::string WhyNotJava(const KeyDescription& key) {
  if (key.is_passphrase_encrypted) return "it reads no private key with a passphrase";
  return "it has P-256, P-384 and P-521 only";
}

std::string WhyNotCpp(const KeyDescription& key) {
  if (key.is_passphrase_encrypted) return "they would ask for the passphrase on the terminal";
  if (key.algorithm == "EC") return "they have no EC keys";
  return "they read no public key but PUBLIC KEY; openssl makes one: see \"pulseal check --help\"";
}

std::string WhyNotGo(const KeyDescription& key) {
  if (key.is_passphrase_encrypted) return "it reads no private key with a passphrase";
  if (key.algorithm == "EC") return "it has no EC keys";
  if (key.is_private) return "it reads no private key but RSA PRIVATE KEY; convert it with: openssl rsa -traditional";
  return "it reads no public key but PUBLIC KEY; openssl makes one: see \"pulseal check --help\"";
}

std::vector<Client> Clients(const KeyDescription& key) {
  std::vector<Client> clients = {{"Java", key.java_reads, WhyNotJava(key)},
                                 {"C++ (Node, Python)", key.cpp_reads, WhyNotCpp(key)},
                                 {"Go", key.go_reads, WhyNotGo(key)}};
  if (key.algorithm == "RSA" && key.pem_label == "PRIVATE KEY") clients[0].name = "Java (recent versions)";
  return clients;
}

// "keys/orders" where `path` is keys/orders.private.pem or keys/orders.public.pem; empty otherwise.
std::string PairName(std::string_view path) {
  absl::string_view name(path.data(), path.size());
  return absl::ConsumeSuffix(&name, kPublicEnd) || absl::ConsumeSuffix(&name, kPrivateEnd) ? std::string(name) : "";
}

std::string WithoutFolder(const std::string& path) { return path.substr(path.rfind('/') + 1); }

void CheckName(CheckedFile& file) {
  const std::string end = file.key.is_private ? kPrivateEnd : kPublicEnd;
  if (PairName(file.path).empty() || absl::EndsWith(file.path, end)) return;
  file.problems.push_back(file.key.is_private ? "a private key under the name of a public one: give nobody this file"
                                              : "a public key under the name of a private one: it opens nothing");
}

void CheckStrength(CheckedFile& file) {
  const KeyDescription& key = file.key;
  const int least = LocalKeyPolicy().min_rsa_bits;
  if (key.algorithm == "RSA" && key.bits < least) {
    file.problems.push_back(absl::StrCat("too weak: Pulseal uses RSA keys of ", least, " bits and more"));
  }
  if (key.algorithm == "EC" && !absl::StartsWith(key.curve, "P-")) {
    file.problems.push_back("Pulseal uses the curves P-256, P-384 and P-521 only, unless a program allows others");
  }
}

void CheckWhoElseHasIt(CheckedFile& file) {
  const bool is_demo = std::find(std::begin(kDemoFingerprints), std::end(kDemoFingerprints), file.key.fingerprint) !=
                       std::end(kDemoFingerprints);
  if (is_demo) {
    file.warnings.push_back("a demonstration key of Pulseal's: everybody has its private half. Never use it");
  }
  if (file.key.is_private && (file.permissions & 077) != 0) {
    file.warnings.push_back(
        absl::StrCat("others on this machine may open it; take that away with: chmod 600 ", Shown(file.path)));
  }
}

CheckedFile Check(const std::string& path, const KeyFileContents& contents, std::string_view passphrase) {
  CheckedFile file;
  file.path = path;
  file.permissions = contents.permissions;
  absl::StatusOr<KeyDescription> key = DescribeKey(contents.pem.view(), passphrase);
  file.is_key = key.ok();
  if (!key.ok()) {
    file.problems.emplace_back(key.status().message());
    return file;
  }
  file.key = *std::move(key);
  if (IsUnopened(file.key)) file.warnings.push_back("encrypted, so not looked into; --passphrase-file opens it");
  CheckName(file);
  CheckStrength(file);
  CheckWhoElseHasIt(file);
  return file;
}

bool AreTwoHalves(const CheckedFile& a, const CheckedFile& b) {
  return a.is_key && b.is_key && a.key.is_private != b.key.is_private && !IsUnopened(a.key) && !IsUnopened(b.key);
}

void FindPair(CheckedFile& file, const std::vector<CheckedFile>& files) {
  const std::string pair_name = PairName(file.path);
  for (const CheckedFile& other : files) {
    if (!AreTwoHalves(file, other) || other.key.fingerprint != file.key.fingerprint) continue;
    if (file.pair.empty() || PairName(other.path) == pair_name) file.pair = other.path;
  }
}

// Whether the names of two files, of which neither is the other's half, say that they ought to be: in one folder, and in
// two where neither has another half.
bool ClaimToMatch(const CheckedFile& a, const CheckedFile& b) {
  const std::string one = PairName(a.path), other = PairName(b.path);
  if (one.empty() || other.empty()) return false;
  return one == other || (a.pair.empty() && b.pair.empty() && WithoutFolder(one) == WithoutFolder(other));
}

// Once each file's pair is known.
void CheckMatch(CheckedFile& file, const std::vector<CheckedFile>& files) {
  for (const CheckedFile& other : files) {
    if (!AreTwoHalves(file, other) || other.key.fingerprint == file.key.fingerprint) continue;
    if (!ClaimToMatch(file, other)) continue;
    file.problems.push_back(absl::StrCat("doesn't match ", Shown(other.path),
                                         ": what is encrypted for one half can't be read with the other"));
  }
}

std::string What(const KeyDescription& key) {
  const std::string half = key.is_private ? "private key" : "public key";
  if (IsUnopened(key)) return absl::StrCat(half, ", encrypted");
  const std::string type =
      key.algorithm == "RSA" ? absl::StrCat("RSA, ", key.bits, " bits") : absl::StrCat("EC, ", key.curve);
  return absl::StrCat(half, ", ", type, ", as strong as a symmetric key of ", StrengthBits(key), " bits");
}

std::string Form(const KeyDescription& key) {
  return absl::StrCat(key.pem_label, key.explicit_parameters ? ", the curve written out" : "",
                      key.is_passphrase_encrypted && !IsUnopened(key) ? ", opened with the passphrase" : "");
}

void AppendRow(std::string_view label, std::string_view value, std::string& out) {
  absl::StrAppendFormat(&out, "  %-18s%s\n", label, value);
}

std::string Text(const CheckedFile& file, bool only_what_is_wrong) {
  std::string rows;
  if (file.is_key && !only_what_is_wrong) {
    AppendRow("key", What(file.key), rows);
    AppendRow("PEM form", Form(file.key), rows);
    if (!file.key.fingerprint.empty()) AppendRow("fingerprint", file.key.fingerprint, rows);
    AppendRow("permissions", absl::StrFormat("%03o", file.permissions), rows);
    if (!file.pair.empty()) AppendRow("other half", Shown(file.pair), rows);
    for (const Client& client : Clients(file.key)) {
      AppendRow(client.reads ? "read by" : "not read by",
                client.reads ? client.name : absl::StrCat(client.name, ": ", client.why_not), rows);
    }
  }
  for (const std::string& warning : file.warnings) AppendRow("warning", warning, rows);
  for (const std::string& problem : file.problems) AppendRow("problem", problem, rows);
  return rows.empty() ? rows : absl::StrCat(Shown(file.path), "\n", rows);
}

Json ToJson(const CheckedFile& file) {
  Json object = {{"file", file.path}, {"serves", file.problems.empty()}};
  if (file.is_key) {
    const KeyDescription& key = file.key;
    object["private"] = key.is_private;
    object["pem_form"] = key.pem_label;
    object["encrypted"] = key.is_passphrase_encrypted;
    object["permissions"] = absl::StrFormat("%03o", file.permissions);
    if (!IsUnopened(key)) {
      object["algorithm"] = key.algorithm;
      object["bits"] = key.bits;
      object["strength_bits"] = StrengthBits(key);
      if (key.algorithm == "EC") object["curve"] = key.curve;
      if (key.algorithm == "EC") object["explicit_parameters"] = key.explicit_parameters;
      object["fingerprint"] = key.fingerprint;
    }
    if (!file.pair.empty()) object["other_half"] = file.pair;
    for (const Client& client : Clients(key)) {
      Json& entry = object["official_clients"][client.name.substr(0, client.name.find(' '))];
      entry["reads"] = client.reads;
      if (!client.reads) entry["why_not"] = client.why_not;
    }
  }
  object["warnings"] = file.warnings;
  object["problems"] = file.problems;
  return object;
}

ExitCode Run(const Arguments& arguments) {
  absl::StatusOr<SecretBytes> passphrase = SecretBytes();
  if (!arguments.passphrase_file.empty()) passphrase = ReadPassphraseFile(arguments.passphrase_file);
  if (!passphrase.ok()) return EnvironmentFailure(passphrase.status());
  std::vector<CheckedFile> files;
  bool all_were_read = true;
  for (const std::string& path : arguments.files) {
    const absl::StatusOr<KeyFileContents> contents = ReadKeyFile(path);
    if (contents.ok()) {
      files.push_back(Check(path, *contents, passphrase->view()));
      continue;
    }
    Report(std::string(contents.status().message()));
    all_were_read = false;
  }
  for (CheckedFile& file : files) FindPair(file, files);
  bool all_serve = true;
  for (CheckedFile& file : files) {
    CheckMatch(file, files);
    all_serve = all_serve && file.problems.empty();
    const std::string text = arguments.json ? JsonLine(ToJson(file)) : Text(file, arguments.quiet);
    if (absl::Status status = Print(text); !status.ok()) return EnvironmentFailure(status);
  }
  if (!all_were_read) return ExitCode::kEnvironment;
  return all_serve ? ExitCode::kDone : ExitCode::kMessagesLeft;
}

std::function<ExitCode()> Define(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  app.add_option("FILE", arguments->files, "Key files; give both halves of a pair to see whether they match")
      ->required();
  app.add_option("--passphrase-file", arguments->passphrase_file,
                 "Open encrypted private keys with the first line of this file");
  CLI::Option* const json = app.add_flag("--json", arguments->json, "A JSON object for each file, one to a line");
  app.add_flag("-q,--quiet", arguments->quiet, "Show only what is wrong")->excludes(json);
  return [arguments] { return Run(*arguments); };
}

}  // namespace

extern const Command kCheckCommand = {
    "check", "Say what key files are, how strong, and who can read them",
    "A file with a problem can't serve, and the exit status is 1: no key, too weak, the wrong passphrase, or halves\n"
    "of the same name that don't match. Warnings don't change the exit status. A file that can't be read ends with 3.\n"
    "For the official C++, Node, Python and Go clients a public key has to be a PUBLIC KEY:\n"
    "  openssl rsa -RSAPublicKey_in -in FILE -pubout      from an RSA PUBLIC KEY\n"
    "  openssl x509 -in FILE -noout -pubkey               from a CERTIFICATE\n\n"
    "Examples: pulseal check keys/*.pem\n"
    "          pulseal check orders.public.pem --json",
    Define};

}  // namespace pulseal::tools
