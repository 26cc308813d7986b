// SPDX-License-Identifier: Apache-2.0
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

/// The words of the command line, before they are understood.
struct Words {
  std::string mode, group, case_text, shape, kernel, dtype, block_tile, per_column;
  std::vector<std::string> inject, cuts;
  bool no_color = false;
};

constexpr int kMostMagnitude = 16;

constexpr const char* kAbout =
    "Names the transform that breaks a W4A16 path: every stage from checkpoint to output is compared, the output is "
    "held\n"
    "against an fp64 oracle, and a fault is named with its proof.\n\n"
    "MODE   r random codes and scales, w real codes, s real scales, b both real\n"
    "GROUP  rows of K that share a scale: -1 (one group), 32, 64, 128\n\n"
    "Exit: 0 match, 1 mismatch, 125 cannot be tested here, 129 bad input.";

/// "A<separator>B", two positive numbers.
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

DType parse_dtype(const std::string& text) {
  if (text == "fp16") return DType::fp16;
  if (text == "bf16") return DType::bf16;
  throw InputError("--dtype {}: it is one of fp16, bf16", text);
}

repack::PerColumn parse_per_column(const std::string& text) {
  if (text == "averaged") return repack::PerColumn::averaged;
  if (text == "requantised") return repack::PerColumn::requantised;
  throw InputError("--per-column {}: it is one of averaged, requantised", text);
}

void parse_kernel(const std::string& text, Options& options) {
  constexpr std::string_view kRecorded = "recorded:";
  if (text.empty() || text == "cpu") return;
  if (text.starts_with(kRecorded) && text.size() > kRecorded.size()) {
    options.recorded = text.substr(kRecorded.size());
    return;
  }
  if (!kernel::child::is_foreign(text))
    throw InputError("--kernel {}: it is one of cpu, cuda, naive, plugin:FILE, exec:COMMAND, recorded:FILE", text);
  options.foreign = text;
}

/// What the case says of the launch, and by what, is not said twice.
void check_launch(const CaseId& id, const Words& words, const Options& options) {
  const bool twice = (id.block_tile && !words.block_tile.empty()) || (id.thread_blocks && options.thread_blocks) ||
                     (id.reduce_bits != CaseId{}.reduce_bits && options.reduce_bits != Options{}.reduce_bits);
  if (twice) throw InputError("case {} says how it is launched: --block-tile, --sms and --reduce repeat it", id.text());
  if (!id.kernel.empty() && !words.kernel.empty() && words.kernel != id.kernel)
    throw InputError("--kernel {} and case {} contradict each other", words.kernel, id.text());
}

void set_case(const CaseId& id, Options& options) {
  options.case_id = id;
  options.source = id.source;
  options.group = id.group;
  options.M = id.M;
  options.dtype = id.dtype;
  options.cuts = id.cuts;
  options.seed = id.seed;
  if (id.reduce_bits != CaseId{}.reduce_bits) options.reduce_bits = id.reduce_bits;
  if (id.block_tile) options.block_tile = id.block_tile;
  if (id.thread_blocks) options.thread_blocks = id.thread_blocks;
}

void take_case(const std::string& text, Words& words, Options& options) {
  const CaseId id = parse_case(text);
  if (!words.mode.empty() && parse_source(words.mode) != id.source)
    throw InputError("mode {} and case {} contradict each other", words.mode, text);
  if (!words.group.empty() && parse_group(words.group) != id.group)
    throw InputError("group {} and case {} contradict each other", words.group, text);
  if (options.M || options.shape || !words.dtype.empty() || options.seed != Options{}.seed || !words.cuts.empty())
    throw InputError(
        "--case says M, K, N, the type, the slice and the seed: --m, --shape, --dtype, --slice and --seed do not go "
        "with it");
  check_launch(id, words, options);
  set_case(id, options);
  if (!id.kernel.empty()) words.kernel = id.kernel;
}

/// What needs a kernel that is launched in a process of its own.
void check_runs(const Options& options) {
  if (!options.workspace.empty() && options.workspace != "dirty" && options.workspace != "short")
    throw InputError("--workspace {}: it is one of dirty, short", options.workspace);
  for (const std::string& tool : options.sanitize)
    if (std::find(std::begin(kernel::child::kSanitizers), std::end(kernel::child::kSanitizers), tool) ==
        std::end(kernel::child::kSanitizers))
      throw InputError("--sanitize {}: it is one of {}", tool, fmt::join(kernel::child::kSanitizers, ", "));
  const bool asked = !options.workspace.empty() || !options.sanitize.empty();
  if (asked && options.foreign.empty())
    throw InputError("--workspace and --sanitize are for --kernel cuda, naive and plugin:FILE");
}

void check_ranges(const Options& options) {
  const auto positive = [](const char* name, int value) {
    if (value < 1) throw InputError("{} {}: a positive number is expected", name, value);
  };
  if (options.M) positive("--m", *options.M);
  if (options.thread_blocks) positive("--sms", *options.thread_blocks);
  if (options.repeat < 2) throw InputError("--repeat {}: at least 2 launches show whether they differ", options.repeat);
  positive("--timeout", options.timeout_seconds);
  if (options.reduce_bits != 16 && options.reduce_bits != 32)
    throw InputError("--reduce {}: it is one of 16, 32", options.reduce_bits);
  if (std::abs(options.magnitude) > kMostMagnitude)
    throw InputError("--magnitude {}: a power of two from -{} to {}", options.magnitude, kMostMagnitude,
                     kMostMagnitude);
  check_runs(options);
  const bool foreign = !options.recorded.empty() || !options.packed.empty() || !options.foreign.empty();
  const bool given = !options.recorded.empty() || !options.packed.empty();
  if (options.black_box && (given || options.toggles))
    throw InputError("--black-box asks a path that can be run: it does not go with --packed, recorded: or --toggles");
  const bool hidden_repack = options.black_box && !given;  // in front of whatever kernel
  if (foreign && !hidden_repack && !(options.inject.empty() && options.settings.empty() && !options.toggles))
    throw InputError(
        "--inject, --set and --toggles change our own path: they do not go with --packed or another --kernel");
  positive("--sweep-budget", options.sweep_budget);
  if (options.sweep && !(options.recorded.empty() && options.packed.empty()))
    throw InputError("--sweep launches other shapes: it does not go with --packed or --kernel recorded:FILE");
  if (options.sweep && options.toggles) throw InputError("--toggles prints a table: it does not go with --sweep");
  if (options.toggles && !options.json.empty())
    throw InputError("--toggles prints a table: it does not go with --json");
  if (options.toggles && !options.html.empty())
    throw InputError("--toggles prints a table: it does not go with --html");
  if (options.html == "-") throw InputError("--html -: a page is written to a file");
  if (fixtures::files::is_on_hub(options.fixture) && options.layer.empty())
    throw InputError("--fixture {}: a model of a hub holds many layers, --layer NAME says which",
                     options.fixture.string());
  if (options.shape && !options.fixture.empty())
    throw InputError("--shape makes a random layer: it does not go with --fixture");
  if (!(options.recorded.empty() && options.foreign.empty()) && !options.packed.empty())
    throw InputError("--packed and another --kernel ask two questions: give one of them");
}

void interpret(Words words, const std::string& example, Options& options) {
  if (!words.shape.empty()) options.shape = parse_pair(words.shape, ',', "--shape");
  if (words.case_text.empty()) {
    if (words.mode.empty() || words.group.empty())
      throw InputError("MODE and GROUP are missing: {}, or --help", example);
    options.source = parse_source(words.mode);
    options.group = parse_group(words.group);
  } else {
    take_case(words.case_text, words, options);
  }
  for (const std::string& cut : words.cuts) options.cuts.push_back(fixtures::parse_cut(cut));
  if (!words.dtype.empty()) options.dtype = parse_dtype(words.dtype);
  if (!words.per_column.empty()) options.per_column = parse_per_column(words.per_column);
  if (!words.block_tile.empty()) {
    const auto [k, n] = parse_pair(words.block_tile, 'x', "--block-tile");
    options.block_tile = kernel::BlockTile{k, n};
  }
  parse_kernel(words.kernel, options);
  options.color = !words.no_color && ::isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
  check_ranges(options);
}

/// CLI11 takes "-1" for an option; the second positional may be negative, so it is set aside before parsing.
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
  std::reverse(rest.begin(), rest.end());  // as CLI11 wants them
  return rest;
}

/// CLI11 would read "-1" as the largest number there is.
std::string not_negative(const std::string& text) {
  return text.starts_with("-") ? fmt::format("{}: a number from 0 up is expected", text) : "";
}

void declare(CLI::App& app, Words& words, Options& options) {
  app.add_option("MODE", words.mode, "r, w, s or b");
  app.add_option("GROUP", words.group, "-1, 32, 64 or 128");
  app.add_option("--fixture", options.fixture,
                 "layer: a folder of .npy files, .npz, .h5 or .safetensors, or hf:OWNER/MODEL[@REVISION] with --layer "
                 "(default: the shipped layer)");
  app.add_option("--layer", options.layer, "which layer, when the fixture holds several");
  app.add_option("--shape", words.shape, "K,N of a random layer (mode r)");
  app.add_option(
         "--slice", words.cuts,
         "a part of the layer: rows:R/N (rank R of N, K cut), columns:R/N (N cut) or expert:R/N (N experts side "
         "by side); repeatable, one cut out of another")
      ->allow_extra_args(false);
  app.add_option("--case", words.case_text, "a case as reports print it, instead of MODE and GROUP");
  app.add_option(
      "--kernel", words.kernel,
      "cpu (the lane model), cuda or naive (ours on a GPU), plugin:FILE (a shared object of kernel/plugin.h, or one "
      "that exports marlin_cuda), exec:COMMAND (a command that is given files) or recorded:FILE (somebody's output)");
  app.add_option("--packed", options.packed,
                 "somebody's packed tensors: B, scales, and where there are any zeros and perm");
  app.add_option("--inject", words.inject, "plant known faults: FAULT[,FAULT], FAULT:FORM")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_flag("--list-faults", options.list_faults, "print what --inject knows");
  app.add_option("--set", options.settings, "do a stage another way: STAGE=VARIANT (repeatable)")
      ->allow_extra_args(false);
  app.add_flag("--toggles", options.toggles,
               "print the table of toggles and the smallest set that turns the failure on and off");
  app.add_flag("--black-box", options.black_box,
               "look at nothing but the output of our path: probes name what is wrong, as they do for another kernel");
  app.add_flag("--sweep", options.sweep,
               "of a mismatch, launch random layers of other M, K, N, group_size and thread blocks, and print the "
               "condition on the shape under which it fails");
  app.add_option("--sweep-budget", options.sweep_budget, "shapes that --sweep may launch")->capture_default_str();
  app.add_option("--m", options.M, "rows of A (default: those of the fixture, else 16)");
  app.add_option("--dtype", words.dtype, "fp16 or bf16 (default: the layer's)");
  app.add_option("--seed", options.seed, "seed of what is random")->capture_default_str()->check(not_negative);
  app.add_option("--repeat", options.repeat, "launches that are compared with each other")->capture_default_str();
  app.add_option("--block-tile", words.block_tile, "128x128 (the lane model's default) or 64x256");
  app.add_option("--sms", options.thread_blocks, "thread blocks (the lane model's default: 10; others choose)");
  app.add_option("--reduce", options.reduce_bits, "bits of a partial sum in the global reduction: 16 or 32")
      ->capture_default_str();
  app.add_option("--per-column", words.per_column,
                 "how a grouped layer becomes one group: requantised (default) or averaged");
  app.add_option("--magnitude", options.magnitude, "multiply the activations by 2^POWER: sums beyond fp16's range");
  app.add_option("--workspace", options.workspace, "launch with a workspace that is dirty, or short by half, as well");
  app.add_option("--sanitize", options.sanitize,
                 "repeat the run under compute-sanitizer: memcheck,racecheck,initcheck,synccheck")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--timeout", options.timeout_seconds, "seconds before a run is ended")->capture_default_str();
  app.add_option("--json", options.json, "write the report as JSON to FILE, or - for stdout");
  app.add_option("--html", options.html, "write the report as one HTML page, with pictures of the error, to FILE");
  app.add_flag("--quiet", options.quiet, "no progress on stderr");
  app.add_flag("--no-color", words.no_color, "no colours (none are used unless stdout is a terminal)");
}

std::string quoted(const std::string& word) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace

Options options_of(const CaseId& id) {
  Options options;
  set_case(id, options);
  parse_kernel(id.kernel, options);
  return options;
}

Options parse_options(int argc, char** argv) { return parse_options(argc, argv, {"bisect", kAbout, "bisect b 128"}); }

Options parse_options(int argc, char** argv, const Command& command) {
  Words words;
  Options options;
  CLI::App app{command.about, command.name};
  if (command.declare) command.declare(app);
  declare(app, words, options);
  std::string negative_group;
  std::vector<std::string> rest = without_negative_group(argc, argv, negative_group);
  try {
    app.parse(rest);
  } catch (const CLI::CallForHelp& help) {
    std::exit(app.exit(help));
  } catch (const CLI::ExtrasError& error) {
    std::vector<std::string> known;
    for (const CLI::Option* option : app.get_options()) known.push_back(option->get_name());
    const std::string word = app.remaining().empty() ? "" : app.remaining().front();
    throw InputError("unknown option '{}'{}; --help prints all", word, faults::did_you_mean(word, known));
  } catch (const CLI::ParseError& error) {
    throw InputError("{}", error.what());
  }
  if (!negative_group.empty()) words.group = negative_group;
  options.inject = words.inject;
  if (command.check) command.check();
  if (!options.list_faults) interpret(words, command.example, options);
  return options;
}

std::string command_line(const Options& options) {
  const Options defaults;
  std::vector<std::string> words = {launcher(), std::string(1, letter_of(options.source)),
                                    fmt::format("{}", options.group)};
  const auto add = [&](bool wanted, const char* name, const std::string& value) {
    if (!wanted) return;
    words.emplace_back(name);
    words.push_back(quoted(value));
  };
  add(!options.fixture.empty(), "--fixture", options.fixture.string());
  add(!options.layer.empty(), "--layer", options.layer);
  add(options.case_id.has_value(), "--case", options.case_id ? options.case_id->text() : "");
  if (options.shape) add(true, "--shape", fmt::format("{},{}", options.shape->first, options.shape->second));
  add(!options.recorded.empty(), "--kernel", "recorded:" + options.recorded.string());
  const CaseId said = options.case_id.value_or(CaseId{});
  add(!options.foreign.empty() && options.foreign != said.kernel, "--kernel", options.foreign);
  add(!options.packed.empty(), "--packed", options.packed.string());
  add(!options.inject.empty(), "--inject", fmt::format("{}", fmt::join(options.inject, ",")));
  for (const std::string& setting : options.settings) add(true, "--set", setting);
  if (options.toggles) words.emplace_back("--toggles");
  if (options.black_box) words.emplace_back("--black-box");
  if (options.sweep) words.emplace_back("--sweep");
  add(options.sweep_budget != defaults.sweep_budget, "--sweep-budget", fmt::format("{}", options.sweep_budget));
  if (!options.case_id) {
    for (const fixtures::Cut& cut : options.cuts) add(true, "--slice", text_of(cut));
    add(options.M.has_value(), "--m", fmt::format("{}", options.M.value_or(0)));
    add(options.dtype.has_value(), "--dtype", std::string(name_of(options.dtype.value_or(DType::fp16))));
    add(options.seed != defaults.seed, "--seed", fmt::format("{}", options.seed));
  }
  add(options.repeat != defaults.repeat, "--repeat", fmt::format("{}", options.repeat));
  if (options.block_tile && !said.block_tile)
    add(true, "--block-tile", fmt::format("{}x{}", options.block_tile->thread_k, options.block_tile->thread_n));
  if (options.thread_blocks && !said.thread_blocks) add(true, "--sms", fmt::format("{}", *options.thread_blocks));
  add(options.reduce_bits != defaults.reduce_bits && said.reduce_bits == defaults.reduce_bits, "--reduce",
      fmt::format("{}", options.reduce_bits));
  add(options.magnitude != 0, "--magnitude", fmt::format("{}", options.magnitude));
  add(!options.workspace.empty(), "--workspace", options.workspace);
  add(!options.sanitize.empty(), "--sanitize", fmt::format("{}", fmt::join(options.sanitize, ",")));
  add(options.per_column != defaults.per_column, "--per-column", "averaged");
  return fmt::format("{}", fmt::join(words, " "));
}

std::string command_line(Options options, const std::vector<std::string>& settings) {
  options.inject.clear();
  options.packed.clear();
  options.recorded.clear();
  options.foreign.clear();
  if (options.case_id) options.case_id->kernel.clear();
  options.workspace.clear();
  options.sanitize.clear();
  options.sweep = false;
  options.sweep_budget = Options{}.sweep_budget;
  options.settings = settings;
  return command_line(options);
}

}  // namespace w4::cases
