// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "pulseal/key_pair.h"
#include "tools/pulseal/command.h"
#include "tools/pulseal/file.h"
#include "tools/pulseal/interrupt.h"
#include "tools/pulseal/key_pair_files.h"
#include "tools/pulseal/passphrase_file.h"
#include "tools/pulseal/report.h"

namespace pulseal::tools {
namespace {

struct Arguments {
  std::string key_name, type = "rsa-3072", key_directory = "keys", passphrase_file;
  bool force = false, quiet = false;
};

const std::map<std::string, KeyType>& KeyTypes() {
  static const auto* const types = new std::map<std::string, KeyType>{
      {"rsa-2048", KeyType::kRsa2048}, {"rsa-3072", KeyType::kRsa3072}, {"rsa-4096", KeyType::kRsa4096},
      {"p-256", KeyType::kP256},       {"p-384", KeyType::kP384},       {"p-521", KeyType::kP521}};
  return *types;
}

std::string WhoReads(const KeyDescription& public_key, const KeyDescription& private_key) {
  std::vector<std::string> clients;
  if (public_key.java_reads && private_key.java_reads) clients.push_back("Java");
  if (public_key.cpp_reads && private_key.cpp_reads) clients.push_back("C++ (Node, Python)");
  if (public_key.go_reads && private_key.go_reads) clients.push_back("Go");
  return clients.empty() ? "none" : absl::StrJoin(clients, ", ");
}

std::string Advice(const Arguments& arguments) {
  if (!arguments.passphrase_file.empty())
    return "No official client reads a private key with a passphrase; Pulseal does.\n";
  if (arguments.type[0] == 'p') return "Only the official Java client has EC keys; rsa-3072 serves all of them.\n";
  if (arguments.type == "rsa-2048") return "";
  return absl::StrCat("With rsa-2048 each message would be ", arguments.type == "rsa-3072" ? 128 : 256,
                      " bytes smaller for each recipient.\n");
}

absl::StatusOr<std::string> Describe(const Arguments& arguments, const KeyPairFiles& files, const KeyPair& pair,
                                     std::string_view passphrase) {
  const absl::StatusOr<KeyDescription> public_key = DescribeKey(pair.public_pem);
  if (!public_key.ok()) return public_key.status();
  const absl::StatusOr<KeyDescription> private_key = DescribeKey(pair.private_pem.view(), passphrase);
  if (!private_key.ok()) return private_key.status();
  return absl::StrCat("private key       ", Shown(files.private_path), " (", private_key->pem_label,
                      "; keep it secret)\n", "public key        ", Shown(files.public_path), " (",
                      public_key->pem_label, "; for producers)\n", "type              ", arguments.type, "\n",
                      "fingerprint       ", public_key->fingerprint, "\n", "official clients  ",
                      WhoReads(*public_key, *private_key), "\n", Advice(arguments));
}

ExitCode Run(const Arguments& arguments) {
  const KeyPairFiles files(arguments.key_directory, arguments.key_name);
  if (absl::Status status = CheckNotThere(files); !arguments.force && !status.ok()) return EnvironmentFailure(status);
  absl::StatusOr<SecretBytes> passphrase = SecretBytes();
  if (!arguments.passphrase_file.empty()) passphrase = ReadPassphraseFile(arguments.passphrase_file);
  if (!passphrase.ok()) return EnvironmentFailure(passphrase.status());
  const KeyType type = KeyTypes().at(arguments.type);
  const absl::StatusOr<KeyPair> pair =
      passphrase->empty() ? GenerateKeyPair(type) : GenerateKeyPair(type, passphrase->view());
  if (!pair.ok()) return EnvironmentFailure(pair.status());
  const absl::StatusOr<std::string> description = Describe(arguments, files, *pair, passphrase->view());
  if (!description.ok()) return EnvironmentFailure(description.status());

  CatchInterrupts();
  if (absl::Status status = WriteKeyPair(files, *pair, arguments.force); !status.ok())
    return EnvironmentFailure(status);
  if (arguments.quiet) return ExitCode::kDone;
  if (absl::Status status = Print(*description); !status.ok()) {
    return EnvironmentFailure(
        absl::Status(status.code(), absl::StrCat(status.message(), " (the key pair was made all the same)")));
  }
  return ExitCode::kDone;
}

std::function<ExitCode()> Define(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  app.add_option("NAME", arguments->key_name, "Name of the key: who is to read")
      ->required()
      ->check([](const std::string& name) { return std::string(CheckKeyName(name).message()); });
  app.add_option("--type", arguments->type, "rsa-2048, rsa-3072, rsa-4096, p-256, p-384 or p-521")
      ->check(CLI::IsMember(KeyTypes()))
      ->capture_default_str();
  app.add_option("--key-dir", arguments->key_directory, "Folder for the two files, made where there is none")
      ->capture_default_str();
  app.add_flag("--force", arguments->force,
               "Replace a key pair of this name: its messages can then not be read any more");
  app.add_flag("-q,--quiet", arguments->quiet, "Don't describe the pair");
  app.add_option("--passphrase-file", arguments->passphrase_file,
                 "Encrypt the private key with the first line of this file");
  return [arguments] { return Run(*arguments); };
}

}  // namespace

extern const Command kKeygenCommand = {
    "keygen", "Make a key pair",
    "Writes NAME.private.pem (readable by you alone) and NAME.public.pem, both or neither. rsa-3072 is the default;\n"
    "rsa-2048 makes each message 128 bytes smaller. Of the official clients only Java's has EC keys (p-...).\n\n"
    "Example: pulseal keygen orders",
    Define};

}  // namespace pulseal::tools
