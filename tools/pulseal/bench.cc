// SPDX-License-Identifier: Apache-2.0
#include <langinfo.h>
#include <locale.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "pulseal/framing/message_metadata.h"
#include "pulseal/key_pair.h"
#include "pulseal/message_crypto.h"
#include "tools/pulseal/command.h"
#include "tools/pulseal/json_line.h"
#include "tools/pulseal/raw_aead.h"
#include "tools/pulseal/report.h"

namespace pulseal::tools {
namespace {

using Seconds = std::chrono::duration<double>;
using Nanoseconds = std::chrono::duration<double, std::nano>;

constexpr size_t kSizes[] = {64, 256, 1024, 4096, 65536, 1048576};
constexpr int kRounds = 101;          // short ones: most of them are over before anything else gets the processor
constexpr size_t kFieldsSize = 4096;  // more than one recipient's

struct Arguments {
  double seconds = 10;
  std::string backend = "automatic";
  bool json = false, quiet = false;
};

const std::map<std::string, CipherBackend>& Backends() {
  static const auto* const backends = new std::map<std::string, CipherBackend>{{"automatic", CipherBackend::kAutomatic},
                                                                               {"openssl", CipherBackend::kOpenSsl},
                                                                               {"ipsec-mb", CipherBackend::kIpsecMb}};
  return *backends;
}

const char* BackendName(CipherBackend chosen) { return chosen == CipherBackend::kIpsecMb ? "libipsec-mb" : "OpenSSL"; }

absl::Status Failed(std::string_view what) {
  return absl::InternalError(absl::StrCat("OpenSSL could not ", absl::string_view(what.data(), what.size())));
}

// A data key of Pulseal's for one RSA-2048 recipient, and one of the raw cipher's.
struct Ciphers {
  std::unique_ptr<MessageEncryptor> encryptor;
  std::unique_ptr<MessageDecryptor> decryptor;
  RawAead raw;
};

absl::StatusOr<Ciphers> MakeCiphers(CipherBackend backend) {
  absl::StatusOr<KeyPair> pair = GenerateKeyPair(KeyType::kRsa2048);
  if (!pair.ok()) return pair.status();
  std::multimap<std::string, SecretBytes> private_pems;
  private_pems.emplace("bench", std::move(pair->private_pem));
  EncryptorOptions producer;
  producer.key_names = {"bench"};
  producer.key_reader = KeysInMemory({{"bench", pair->public_pem}}, std::move(private_pems));
  DecryptorOptions consumer;
  consumer.key_reader = producer.key_reader;
  producer.cipher_backend = consumer.cipher_backend = backend;
  auto encryptor = MessageEncryptor::Create(std::move(producer));
  if (!encryptor.ok()) return encryptor.status();
  auto decryptor = MessageDecryptor::Create(std::move(consumer));
  if (!decryptor.ok()) return decryptor.status();
  absl::StatusOr<RawAead> raw = RawAead::Create();
  if (!raw.ok()) return raw.status();
  return Ciphers{*std::move(encryptor), *std::move(decryptor), *std::move(raw)};
}

// Messages of one size. Both ways of encrypting read the same plaintext, and all four ways write to the same buffer.
class Workload {
 public:
  Workload(Ciphers& ciphers, size_t size)
      : ciphers_(ciphers),
        plaintext_(size, 'm'),
        out_(size + MessageEncryptor::kPayloadOverhead, '\0'),
        fields_(kFieldsSize, '\0'),
        raw_sealed_(out_) {}

  // What there is to decrypt: behind the metadata of a client, as it comes from a broker.
  absl::Status Prepare() {
    std::string fields;
    const absl::StatusOr<Sealed> sealed = ciphers_.encryptor->Encrypt(plaintext_, &sealed_, &fields);
    if (!sealed.ok()) return sealed.status();
    framing::MessageMetadata metadata;
    metadata.producer_name = "pulseal-bench";
    metadata.publish_time = 1'700'000'000'000;
    metadata.uncompressed_size = static_cast<uint32_t>(plaintext_.size());
    metadata_ = metadata.Serialize() + fields;
    return ciphers_.raw.Seal(kOpenedNonce, plaintext_, raw_sealed_.data()) ? absl::OkStatus() : Failed("encrypt");
  }

  absl::Status Encrypt() {
    const auto sealed = ciphers_.encryptor->Encrypt(plaintext_, absl::MakeSpan(out_), absl::MakeSpan(fields_));
    return sealed.status();
  }

  absl::Status Decrypt() {
    const Decision decision = ciphers_.decryptor->Decrypt(metadata_, sealed_, absl::MakeSpan(out_));
    return decision.action == Decision::Action::kDeliver ? absl::OkStatus() : decision.status;
  }

  absl::Status EncryptRaw() {
    return ciphers_.raw.Seal(++nonce_, plaintext_, out_.data()) ? absl::OkStatus() : Failed("encrypt");
  }

  absl::Status DecryptRaw() {
    return ciphers_.raw.Open(kOpenedNonce, raw_sealed_, out_.data()) ? absl::OkStatus() : Failed("decrypt");
  }

  size_t size() const { return plaintext_.size(); }

 private:
  static constexpr uint64_t kOpenedNonce = 0;

  Ciphers& ciphers_;
  const std::string plaintext_;
  std::string out_, fields_;
  std::string metadata_, sealed_, raw_sealed_;
  uint64_t nonce_ = kOpenedNonce;
};

// Time for a message, from as many as `time` has room for; at least one.
template <absl::Status (Workload::*kWork)()>
absl::StatusOr<Nanoseconds> Measure(Workload& workload, Seconds time) {
  // So many between two looks at the clock that the looking costs nothing.
  const size_t step = std::max<size_t>(1, 16 * 1024 / workload.size());
  size_t messages = 0;
  const auto began = std::chrono::steady_clock::now();
  Nanoseconds passed(0);
  while (passed < time || messages == 0) {
    for (size_t i = 0; i < step; ++i) {
      if (absl::Status status = (workload.*kWork)(); !status.ok()) return status;
    }
    messages += step;
    passed = std::chrono::steady_clock::now() - began;
  }
  return passed / static_cast<double>(messages);
}

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// One operation on messages of one size, measured in each round beside the raw cipher.
struct Comparison {
  const char* operation;
  size_t size;
  std::vector<double> ours, raw, ratios;  // nanoseconds for a message, and ours over raw in the same round

  double MegabytesPerSecond(double nanoseconds) const { return static_cast<double>(size) * 1e3 / nanoseconds; }
};

template <absl::Status (Workload::*kOurs)(), absl::Status (Workload::*kRaw)()>
absl::Status Compare(Workload& workload, Seconds time, Comparison& comparison) {
  const absl::StatusOr<Nanoseconds> ours = Measure<kOurs>(workload, time);
  if (!ours.ok()) return ours.status();
  const absl::StatusOr<Nanoseconds> raw = Measure<kRaw>(workload, time);
  if (!raw.ok()) return raw.status();
  comparison.ours.push_back(ours->count());
  comparison.raw.push_back(raw->count());
  comparison.ratios.push_back(*ours / *raw);
  return absl::OkStatus();
}

// Each round measures everything once, so that whatever disturbs the machine for a while disturbs all alike.
absl::StatusOr<std::vector<Comparison>> MeasureAll(Ciphers& ciphers, const Arguments& arguments) {
  std::vector<Workload> workloads;
  std::vector<Comparison> encrypt, decrypt;
  for (const size_t size : kSizes) {
    if (absl::Status status = workloads.emplace_back(ciphers, size).Prepare(); !status.ok()) return status;
    encrypt.push_back({"encrypt", size, {}, {}, {}});
    decrypt.push_back({"decrypt", size, {}, {}, {}});
  }
  const Seconds time(arguments.seconds / (kRounds * 4.0 * static_cast<double>(workloads.size())));
  for (int round = 0; round < kRounds; ++round) {
    if (!arguments.quiet) ShowProgress(absl::StrCat("measuring: ", round * 100 / kRounds, " %"));
    for (size_t i = 0; i < workloads.size(); ++i) {
      absl::Status status = Compare<&Workload::Encrypt, &Workload::EncryptRaw>(workloads[i], time, encrypt[i]);
      status.Update(Compare<&Workload::Decrypt, &Workload::DecryptRaw>(workloads[i], time, decrypt[i]));
      if (!status.ok()) return status;
    }
  }
  EndProgress();
  encrypt.insert(encrypt.end(), decrypt.begin(), decrypt.end());
  return encrypt;
}

Json ToJson(const Comparison& comparison, const char* backend) {
  const double ours = Median(comparison.ours), raw = Median(comparison.raw);
  return {{"operation", comparison.operation},
          {"size", comparison.size},
          {"ns_per_message", ours},
          {"mb_per_second", comparison.MegabytesPerSecond(ours)},
          {"raw_ns_per_message", raw},
          {"raw_mb_per_second", comparison.MegabytesPerSecond(raw)},
          {"times_raw", Median(comparison.ratios)},
          {"rounds", comparison.ratios.size()},
          {"backend", backend},
          {"raw", OpenSslVersion()}};
}

size_t TerminalWidth() {
  winsize window = {};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0 ? window.ws_col : 80;
}

// Whether the user's locale, which a C++ program doesn't start in, has the characters for bars.
bool WritesUtf8() {
  const locale_t locale = newlocale(LC_CTYPE_MASK, "", nullptr);
  if (locale == nullptr) return false;
  const bool is_utf8 = std::string_view(nl_langinfo_l(CODESET, locale)) == "UTF-8";
  freelocale(locale);
  return is_utf8;
}

std::string Repeat(const char* cell, size_t times) {
  std::string text;
  for (size_t i = 0; i < times; ++i) text += cell;
  return text;
}

// How fast we are, from nothing to as fast as the raw cipher, or to the fastest where one is faster than that.
class Bars {
 public:
  Bars(const std::vector<Comparison>& comparisons, size_t width) : width_(static_cast<double>(width)) {
    for (const Comparison& comparison : comparisons) most_ = std::max(most_, 1 / Median(comparison.ratios));
  }

  std::string Of(double ratio) const {
    const size_t filled = Cells(1 / ratio), full = std::max(filled, Cells(1));
    return Repeat(is_utf8_ ? "\u2588" : "#", filled) + Repeat(is_utf8_ ? "\u2591" : ".", full - filled);
  }

 private:
  size_t Cells(double speed) const { return static_cast<size_t>(std::lround(speed / most_ * width_)); }

  const double width_;
  const bool is_utf8_ = WritesUtf8();
  double most_ = 1;
};

std::string SizeName(size_t size) {
  if (size >= 1024 * 1024) return absl::StrCat(size / (1024 * 1024), " MiB");
  return size >= 1024 ? absl::StrCat(size / 1024, " KiB") : absl::StrCat(size, " B");
}

std::string Line(const Comparison& comparison, const Bars& bars) {
  const double ours = Median(comparison.ours), raw = Median(comparison.raw), ratio = Median(comparison.ratios);
  return absl::StrFormat("%s%8s%10.0f%9.0f%10.0f%9.0f%7.2f  %s\n", comparison.operation, SizeName(comparison.size),
                         ours, raw, comparison.MegabytesPerSecond(ours), comparison.MegabytesPerSecond(raw), ratio,
                         bars.Of(ratio));
}

std::string Table(const std::vector<Comparison>& comparisons, const char* backend) {
  std::string text =
      "                    ns a message               MB/s  times  speed; full bar:\n"
      "           size   Pulseal      raw   Pulseal    raw    raw  as fast as raw\n";
  constexpr size_t kColumnsBesideBar = 62;
  const Bars bars(comparisons, std::max<size_t>(TerminalWidth(), kColumnsBesideBar + 10) - kColumnsBesideBar);
  for (const Comparison& comparison : comparisons) text += Line(comparison, bars);
  absl::StrAppend(&text, "\nPulseal: whole messages for one RSA-2048 recipient: fields made, metadata read;\non ",
                  backend, ".\n", "raw: AES-256-GCM of ", OpenSslVersion(), ", nothing else.\nOne thread, medians of ",
                  kRounds, " rounds in turn; the machine should have been idle.\n");
  return text;
}

ExitCode Run(const Arguments& arguments) {
  absl::StatusOr<Ciphers> ciphers = MakeCiphers(Backends().at(arguments.backend));
  if (!ciphers.ok()) return EnvironmentFailure(ciphers.status());
  const char* const backend = BackendName(ciphers->encryptor->cipher_backend());
  const absl::StatusOr<std::vector<Comparison>> comparisons = MeasureAll(*ciphers, arguments);
  if (!comparisons.ok()) return EnvironmentFailure(comparisons.status());
  std::string text;
  if (arguments.json) {
    for (const Comparison& comparison : *comparisons) text += JsonLine(ToJson(comparison, backend));
  } else {
    text = Table(*comparisons, backend);
  }
  const absl::Status printed = Print(text);
  return printed.ok() ? ExitCode::kDone : EnvironmentFailure(printed);
}

// CLI::Range takes a NaN.
std::string SecondsProblem(const std::string& text) {
  double seconds = 0;
  if (absl::SimpleAtod(text, &seconds) && seconds >= 0.1 && seconds <= 3600) return "";
  return absl::StrCat("has to be a number from 0.1 to 3600, not ", text);
}

std::function<ExitCode()> Define(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  app.add_option("--seconds", arguments->seconds, "How long to measure, all in all: 0.1 to 3600")
      ->type_name("S")
      ->check(SecondsProblem)
      ->capture_default_str();
  app.add_option("--backend", arguments->backend, "Whose AES-GCM Pulseal runs on")
      ->check(CLI::IsMember(Backends()))
      ->capture_default_str();
  app.add_flag("--json", arguments->json, "A JSON object for each operation and size, one to a line");
  app.add_flag("-q,--quiet", arguments->quiet, "Show no progress");
  return [arguments] { return Run(*arguments); };
}

}  // namespace

extern const Command kBenchCommand = {
    "bench", "Measure encryption and decryption on this machine",
    "Encrypts and decrypts messages of 64 bytes to 1 MiB in memory, on one thread, beside OpenSSL's AES-256-GCM\n"
    "alone: the key set once, a nonce for each message, the same buffers. The result is how many times as long\n"
    "Pulseal takes; nanoseconds alone say more about the machine. Let it be idle meanwhile: whatever else runs is\n"
    "measured too. Messages are whole, with the fields for one RSA-2048 recipient, and times are medians of many\n"
    "rounds in which each is measured in turn. No file is read or written.\n\n"
    "Examples: pulseal bench\n"
    "          pulseal bench --seconds 60 --json",
    Define};

}  // namespace pulseal::tools
