// SPDX-License-Identifier: Apache-2.0
#include "cases/case/option_words.h"
#include "cases/case/options.h"

#include "cases/case/install_paths.h"
#include "cases/faults/faults.h"
#include "fixtures/error.h"
#include "fixtures/files/hub.h"
#include "kernel/child/open_kernel.h"
#include "kernel/child/sanitizer.h"

#include <unistd.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <charconv>

namespace w4::cases {
namespace {

constexpr int kMostMagnitude = 16;
constexpr std::string_view kRecorded = "recorded:";

constexpr const char* kAbout =
    R"(Names the transform that breaks a W4A16 path: every stage from checkpoint to
output is compared, the output is held against an fp64 oracle, and a fault is
named with its proof.

MODE   r random codes and scales, w real codes, s real scales, b both real
GROUP  rows of K that share a scale: -1 (one group), 32, 64, 128

Examples:
  bisect b 128                                  the shipped layer, our own path
  bisect b 128 --kernel plugin:./mine.so        your kernel
  bisect r 128 --shape 4096,11008 --m 1 --kernel exec:'python3 mine.py'
  bisect b 128 --fixture LAYER --packed mine.npz     your repacker's tensors

Other programs (each has --help):
  bisect check PATH        every layer of a model, no MODE and no GROUP
  bisect explain M N ...   one output: each term of its sum
  bisect fixture ...       look at, lint, convert and make layers
  bisect matrix SET        many cases, for CI
  bisect repack MODEL OUT  a whole model into Marlin format
  bisect shrink ...        a smaller case that fails the same way
  bisect doctor            what this machine has, and what it lacks

Exit: 0 match, 1 mismatch, 125 cannot be tested here, 129 bad input.)";

/// "A<separator>B": two positive numbers.
std::pair<int, int> parse_pair(const std::string& text, char separator, const char* option) {
  int a = 0, b = 0;
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, a);
  if (first.ec == std::errc() && first.ptr != end && *first.ptr == separator) {
    const auto second = std::from_chars(first.ptr + 1, end, b);
    if (second.ec == std::errc() && second.ptr == end && a > 0 && b > 0) return {a, b};
  }
  throw InputError("{} {}: two positive numbers with '{}' between them are expected", option, text, separator);
}

repack::PerColumn parse_per_column(const std::string& text) {
  if (text == "averaged") return repack::PerColumn::averaged;
  if (text == "requantised") return repack::PerColumn::requantised;
  throw InputError("--per-column {}: it is one of averaged, requantised", text);
}

bool is_recorded(const std::string& kernel) {
  return kernel.starts_with(kRecorded) && kernel.size() > kRecorded.size();
}

/// --kernel cuda, naive, plugin:FILE or exec:COMMAND.
bool is_launched(const std::string& kernel) { return !kernel.empty() && kernel != "cpu" && !is_recorded(kernel); }

void check_kernel(const std::string& kernel) {
  if (is_launched(kernel) && !kernel::child::is_foreign(kernel))
    throw InputError("--kernel {}: it is one of cpu, cuda, naive, plugin:FILE, exec:COMMAND, recorded:FILE", kernel);
}

Asked asked_by(const Words& words) {
  const asked::Planted planted{words.inject, words.settings};
  if (!words.packed.empty()) return asked::PackedTensors{words.packed};
  if (is_recorded(words.kernel)) return asked::RecordedOutput{words.kernel.substr(kRecorded.size())};
  if (!is_launched(words.kernel)) return asked::OwnPath{planted, words.black_box};
  return asked::Kernel{.spec = words.kernel,
                       .workspace = words.workspace,
                       .sanitize = words.sanitize,
                       .hidden_repack = words.black_box ? std::optional(planted) : std::nullopt};
}

/// The launch and the kernel come from the case or from options, not from both.
void check_launch(const CaseId& id, const Words& words, const CaseRequest& request) {
  const CaseRequest defaults;
  const bool twice = (id.block_tile && !words.block_tile.empty()) || (id.thread_blocks && request.thread_blocks) ||
                     (id.reduce_bits != defaults.reduce_bits && request.reduce_bits != defaults.reduce_bits);
  if (twice) throw InputError("case {} says how it is launched: --block-tile, --sms and --reduce repeat it", id.text());
  if (!id.kernel.empty() && !words.kernel.empty() && words.kernel != id.kernel)
    throw InputError("--kernel {} and case {} contradict each other", words.kernel, id.text());
}

void set_case(const CaseId& id, CaseRequest& request) {
  request.case_id = id;
  request.source = id.source;
  request.group = id.group;
  request.M = id.M;
  request.dtype = id.dtype;
  request.cuts = id.cuts;
  request.seed = id.seed;
  if (id.reduce_bits != CaseId{}.reduce_bits) request.reduce_bits = id.reduce_bits;
  if (id.block_tile) request.block_tile = id.block_tile;
  if (id.thread_blocks) request.thread_blocks = id.thread_blocks;
}

void take_case(const std::string& text, Words& words, CaseRequest& request) {
  const CaseId id = parse_case(text);
  if (!words.mode.empty() && parse_source(words.mode) != id.source)
    throw InputError("mode {} and case {} contradict each other", words.mode, text);
  if (!words.group.empty() && parse_group(words.group) != id.group)
    throw InputError("group {} and case {} contradict each other", words.group, text);
  if (request.M || request.shape || !words.dtype.empty() || request.seed != CaseRequest{}.seed || !words.cuts.empty())
    throw InputError(
        "--case says M, K, N, the type, the slice and the seed: --m, --shape, --dtype, --slice and --seed do not go "
        "with it");
  check_launch(id, words, request);
  set_case(id, request);
  if (!id.kernel.empty()) words.kernel = id.kernel;
}

void check_request(const CaseRequest& request) {
  if (request.reduce_bits != 16 && request.reduce_bits != 32)
    throw InputError("--reduce {}: it is one of 16, 32", request.reduce_bits);
  if (std::abs(request.magnitude) > kMostMagnitude)
    throw InputError("--magnitude {}: a power of two from -{} to {}", request.magnitude, kMostMagnitude,
                     kMostMagnitude);
  if (fixtures::files::is_on_hub(request.fixture) && request.layer.empty())
    throw InputError("--fixture {}: a model of a hub holds many layers, --layer NAME says which",
                     request.fixture.string());
  if (request.shape && !request.fixture.empty())
    throw InputError("--shape makes a random layer: it does not go with --fixture");
}

void check_numbers(const Options& options) {
  const auto positive = [](const char* name, int value) {
    if (value < 1) throw InputError("{} {}: a positive number is expected", name, value);
  };
  const Effort& effort = options.effort;
  if (options.request.M) positive("--m", *options.request.M);
  if (options.request.thread_blocks) positive("--sms", *options.request.thread_blocks);
  if (effort.repeat < 2) throw InputError("--repeat {}: at least 2 launches show whether they differ", effort.repeat);
  positive("--timeout", effort.timeout_seconds);
  positive("--seconds", effort.seconds);
  positive("--sweep-budget", effort.sweep_budget);
}

/// --workspace and --sanitize.
void check_launches(const Words& words) {
  if (!words.workspace.empty() && words.workspace != "dirty" && words.workspace != "short")
    throw InputError("--workspace {}: it is one of dirty, short", words.workspace);
  for (const std::string& tool : words.sanitize)
    if (std::ranges::find(kernel::child::kSanitizers, tool) == std::end(kernel::child::kSanitizers))
      throw InputError("--sanitize {}: it is one of {}", tool, fmt::join(kernel::child::kSanitizers, ", "));
  if ((!words.workspace.empty() || !words.sanitize.empty()) && !is_launched(words.kernel))
    throw InputError("--workspace and --sanitize are for --kernel cuda, naive and plugin:FILE");
}

/// Each kind of path has options of its own.
void check_path(const Words& words, const Effort& effort) {
  check_kernel(words.kernel);
  check_launches(words);
  const bool given = is_recorded(words.kernel) || !words.packed.empty();
  const bool changed = !words.inject.empty() || !words.settings.empty() || effort.toggles;
  if (words.black_box && (given || effort.toggles))
    throw InputError("--black-box asks a path that can be run: it does not go with --packed, recorded: or --toggles");
  if (changed && !words.black_box && (given || is_launched(words.kernel)))
    throw InputError(
        "--inject, --set and --toggles change our own path: they do not go with --packed or another --kernel");
  if (effort.sweep && given)
    throw InputError("--sweep launches other shapes: it does not go with --packed or --kernel recorded:FILE");
  if (!words.packed.empty() && (is_recorded(words.kernel) || is_launched(words.kernel)))
    throw InputError("--packed and another --kernel ask two questions: give one of them");
}

/// --rounding; our own path and kernels have their exact model.
void take_rounding(const Words& words, Options& options) {
  if (words.rounding.empty()) return;
  options.effort.rounding = judge::parse_rounding(words.rounding);
  if (!has_classes(options.asked))
    throw InputError(
        "--rounding says how the user's kernel rounds: it goes with --kernel plugin:FILE, exec:COMMAND and "
        "recorded:FILE");
}

void check_outputs(const Effort& effort, const Outputs& outputs) {
  for (const auto& [given, name] :
       {std::pair{effort.sweep, "--sweep"}, {!outputs.json.empty(), "--json"}, {!outputs.html.empty(), "--html"}})
    if (effort.toggles && given) throw InputError("--toggles prints a table: it does not go with {}", name);
  if (outputs.html == "-") throw InputError("--html -: a page is written to a file");
}

/// A first word that is no MODE but a path or a misspelt program.
void check_mode(const std::string& word) {
  static const std::vector<std::string> kPrograms = {"check",  "explain", "fixture", "matrix",
                                                     "repack", "shrink",  "doctor"};
  if (word.size() < 2) return;
  if (std::filesystem::exists(word) || fixtures::files::is_on_hub(word))
    throw InputError("{0}: MODE is one of r, w, s, b; every layer of a path is checked by: {1} check {0}", word,
                     launcher());
  if (const std::string meant = faults::did_you_mean(word, kPrograms); !meant.empty())
    throw InputError("'{}' is neither a MODE nor a program{}; --help prints all", word, meant);
}

void understand_case(Words& words, const std::string& example, CaseRequest& request) {
  if (!words.shape.empty()) request.shape = parse_pair(words.shape, ',', "--shape");
  check_mode(words.mode);
  if (words.case_text.empty()) {
    if (words.mode.empty() || words.group.empty())
      throw InputError("MODE and GROUP are missing: {}, or --help", example);
    request.source = parse_source(words.mode);
    request.group = parse_group(words.group);
  } else {
    take_case(words.case_text, words, request);
  }
  for (const std::string& cut : words.cuts) request.cuts.push_back(fixtures::parse_cut(cut));
  if (!words.dtype.empty()) request.dtype = parse_dtype(words.dtype);
  if (!words.trust.empty()) request.trust = fixtures::parse_trust(words.trust);
  if (!words.per_column.empty()) request.per_column = parse_per_column(words.per_column);
  if (!words.block_tile.empty()) {
    const auto [k, n] = parse_pair(words.block_tile, 'x', "--block-tile");
    request.block_tile = kernel::BlockTile{k, n};
  }
}

void understand(Words words, const std::string& example, Options& options) {
  understand_case(words, example, options.request);
  options.outputs.color = !words.no_color && wants_color();
  check_numbers(options);
  check_request(options.request);
  check_path(words, options.effort);
  check_outputs(options.effort, options.outputs);
  options.asked = asked_by(words);
  take_rounding(words, options);
}

/// GROUP may be "-1", which CLI11 takes for an option: it is taken out before parsing.
std::vector<std::string> without_negative_group(int argc, char** argv, std::string& group) {
  std::vector<std::string> rest;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const bool value_of_option = i > 1 && std::string(argv[i - 1]).starts_with("--");
    if (group.empty() && !value_of_option && word.size() > 1 && word[0] == '-' && std::isdigit(word[1])) {
      group = word;
    } else {
      rest.push_back(word);
    }
  }
  std::reverse(rest.begin(), rest.end());  // CLI11 parses from the back
  return rest;
}

}  // namespace

Options options_of(const CaseId& id) {
  check_kernel(id.kernel);
  Options options;
  set_case(id, options.request);
  Words words;
  words.kernel = id.kernel;
  options.asked = asked_by(words);
  return options;
}

Options parse_options(int argc, char** argv) { return parse_options(argc, argv, {"bisect", kAbout, "bisect b 128"}); }

Options parse_options(int argc, char** argv, const Command& command) {
  Words words;
  Options options;
  CLI::App app{command.about, command.name};
  if (command.declare) command.declare(app);
  declare_options(app, words, options);
  std::string negative_group;
  std::vector<std::string> rest = without_negative_group(argc, argv, negative_group);
  parse_words(app, [&] { app.parse(rest); });
  if (!negative_group.empty()) words.group = negative_group;
  if (command.check) command.check();
  if (!options.outputs.list_faults) understand(words, command.example, options);
  return options;
}

}  // namespace w4::cases
