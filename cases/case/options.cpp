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

/// The words of the command line, not yet parsed.
struct Words {
  std::string mode, group, case_text, shape, kernel, packed, workspace, dtype, block_tile, per_column, trust, rounding;
  std::vector<std::string> inject, settings, sanitize, cuts;
  bool black_box = false, no_color = false;
};

constexpr int kMostMagnitude = 16;
constexpr std::string_view kRecorded = "recorded:";

constexpr const char* kAbout =
    "Names the transform that breaks a W4A16 path: every stage from checkpoint to output is compared, the output is "
    "held\n"
    "against an fp64 oracle, and a fault is named with its proof.\n\n"
    "MODE   r random codes and scales, w real codes, s real scales, b both real\n"
    "GROUP  rows of K that share a scale: -1 (one group), 32, 64, 128\n\n"
    "Exit: 0 match, 1 mismatch, 125 cannot be tested here, 129 bad input.";

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

void understand_case(Words& words, const std::string& example, CaseRequest& request) {
  if (!words.shape.empty()) request.shape = parse_pair(words.shape, ',', "--shape");
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
  options.outputs.color = !words.no_color && ::isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
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

/// CLI11 would read "-1" as the largest unsigned number.
std::string not_negative(const std::string& text) {
  return text.starts_with("-") ? fmt::format("{}: a number from 0 up is expected", text) : "";
}

void declare(CLI::App& app, Words& words, Options& options) {
  auto& [asked, request, effort, outputs] = options;
  app.add_option("MODE", words.mode, "r, w, s or b");
  app.add_option("GROUP", words.group, "-1, 32, 64 or 128");
  app.add_option("--fixture", request.fixture,
                 "layer: a folder of .npy files, .npz, .h5 or .safetensors, or hf:OWNER/MODEL[@REVISION] with --layer "
                 "(default: the shipped layer)");
  app.add_option("--layer", request.layer, "which layer, when the fixture holds several");
  app.add_option("--trust", words.trust,
                 "data or config: which counts where a model's config and its tensors contradict each other");
  app.add_flag("--strict", outputs.strict, "exit 1 for a match on a layer that looks wrong");
  app.add_option("--shape", words.shape, "K,N of a random layer (mode r)");
  app.add_option(
         "--slice", words.cuts,
         "a part of the layer: rows:R/N (rank R of N, K cut), columns:R/N (N cut) or expert:R/N (N experts side "
         "by side); repeatable, each cut is made in the one before")
      ->allow_extra_args(false);
  app.add_option("--case", words.case_text, "a case as reports print it, instead of MODE and GROUP");
  app.add_option(
      "--kernel", words.kernel,
      "cpu (the lane model), cuda or naive (ours on a GPU), plugin:FILE (a shared object of kernel/plugin.h, or one "
      "that exports marlin_cuda), exec:COMMAND (a command that is given files) or recorded:FILE (the C that your "
      "kernel wrote)");
  app.add_option("--packed", words.packed, "tensors of another packer: B, scales, and zeros and perm if there are any");
  app.add_option("--inject", words.inject, "plant known faults: FAULT[,FAULT], FAULT:FORM")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_flag("--list-faults", outputs.list_faults, "print the faults that --inject plants");
  app.add_option("--set", words.settings, "use another variant of a stage: STAGE=VARIANT (repeatable)")
      ->allow_extra_args(false);
  app.add_flag("--toggles", effort.toggles,
               "print the table of toggles and the smallest set that turns the failure on and off");
  app.add_flag("--black-box", words.black_box,
               "read only the output of our path: probes find the fault, as they do for another kernel");
  app.add_flag("--sweep", effort.sweep,
               "after a mismatch, launch random layers of other M, K, N, group_size and thread blocks, and print the "
               "condition on the shape under which it fails");
  app.add_option("--sweep-budget", effort.sweep_budget, "shapes that --sweep may launch")->capture_default_str();
  app.add_option("--m", request.M, "rows of A (default: those of the fixture, else 16)");
  app.add_option("--dtype", words.dtype, "fp16 or bf16 (default: the layer's)");
  app.add_option("--seed", request.seed, "seed of random data")->capture_default_str()->check(not_negative);
  app.add_option("--repeat", effort.repeat, "launches to compare with each other")->capture_default_str();
  app.add_option("--block-tile", words.block_tile, "128x128 (the lane model's default) or 64x256");
  app.add_option("--sms", request.thread_blocks, "thread blocks (default: 10 in the lane model; other kernels choose)");
  app.add_option("--reduce", request.reduce_bits, "bits of a partial sum in the global reduction: 16 or 32")
      ->capture_default_str();
  app.add_option("--per-column", words.per_column,
                 "how a grouped layer becomes one group: requantised (default) or averaged");
  app.add_option("--magnitude", request.magnitude, "multiply the activations by 2^POWER: sums beyond fp16's range");
  app.add_option(
      "--rounding", words.rounding,
      "judge the user's kernel by this class of rounding, WEIGHTS/SUMS/END such as once/any:6/once (default: "
      "the tightest that explains its output)");
  app.add_option("--workspace", words.workspace, "launch once more with a workspace that is dirty, or short by half");
  app.add_option("--sanitize", words.sanitize,
                 "repeat the run under compute-sanitizer: memcheck,racecheck,initcheck,synccheck")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--timeout", effort.timeout_seconds, "seconds before a run is ended")->capture_default_str();
  app.add_option("--seconds", effort.seconds,
                 "seconds, launches included, that may be spent on the cause of a wrong output of a kernel")
      ->capture_default_str();
  app.add_flag("--thorough", effort.thorough,
               "no such limit, and known faults of all stages up to three at a time, not only those that the answers "
               "point to");
  app.add_option("--json", outputs.json, "write the report as JSON to FILE, or - for stdout");
  app.add_option("--html", outputs.html, "write the report as one HTML page, with pictures of the error, to FILE");
  app.add_flag("--quiet", outputs.quiet, "no progress on stderr");
  app.add_flag("--no-color", words.no_color, "no colours (none are used unless stdout is a terminal)");
}

/// Nothing where no stage is this project's.
asked::Planted planted_in(const Asked& asked) {
  if (const auto* own = std::get_if<asked::OwnPath>(&asked)) return own->planted;
  const auto* kernel = std::get_if<asked::Kernel>(&asked);
  return kernel ? kernel->hidden_repack.value_or(asked::Planted{}) : asked::Planted{};
}

std::string quoted(const std::string& word) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace

bool has_classes(const Asked& asked) {
  if (std::holds_alternative<asked::RecordedOutput>(asked)) return true;
  const std::string spec = kernel_spec(asked);
  return spec.starts_with("plugin:") || spec.starts_with("exec:");
}

std::string kernel_spec(const Asked& asked) {
  const auto* kernel = std::get_if<asked::Kernel>(&asked);
  return kernel ? kernel->spec : "";
}

bool is_black_box(const Asked& asked) {
  if (const auto* own = std::get_if<asked::OwnPath>(&asked)) return own->black_box;
  const auto* kernel = std::get_if<asked::Kernel>(&asked);
  return kernel && kernel->hidden_repack;
}

repack::Recipe planted_by(const Asked& asked) {
  const asked::Planted planted = planted_in(asked);
  return faults::merged(faults::recipe_of_faults(planted.inject), faults::recipe_of_settings(planted.settings));
}

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

DType parse_dtype(const std::string& text) {
  if (text == "fp16") return DType::fp16;
  if (text == "bf16") return DType::bf16;
  throw InputError("--dtype {}: it is one of fp16, bf16", text);
}

void parse_words(CLI::App& app, const std::function<void()>& parse) {
  try {
    parse();
  } catch (const CLI::CallForHelp& help) {
    std::exit(app.exit(help));
  } catch (const CLI::ExtrasError& error) {
    std::vector<std::string> known;
    for (const CLI::Option* option : app.get_options()) known.push_back(option->get_name());
    const std::vector<std::string> rest = app.remaining(true);  // of subcommands too
    const std::string word = rest.empty() ? "" : rest.front();
    throw InputError("unknown option '{}'{}; --help prints all", word, faults::did_you_mean(word, known));
  } catch (const CLI::RequiredError& error) {
    throw InputError("{}; --help prints all", error.what());
  } catch (const CLI::ParseError& error) {
    throw InputError("{}", error.what());
  }
}

Options parse_options(int argc, char** argv, const Command& command) {
  Words words;
  Options options;
  CLI::App app{command.about, command.name};
  if (command.declare) command.declare(app);
  declare(app, words, options);
  std::string negative_group;
  std::vector<std::string> rest = without_negative_group(argc, argv, negative_group);
  parse_words(app, [&] { app.parse(rest); });
  if (!negative_group.empty()) words.group = negative_group;
  if (command.check) command.check();
  if (!options.outputs.list_faults) understand(words, command.example, options);
  return options;
}

std::string command_line(const Options& options) {
  const auto& [asked, request, effort, outputs] = options;
  const Options defaults;
  std::vector<std::string> words = {launcher(), std::string(1, letter_of(request.source)),
                                    fmt::format("{}", request.group)};
  const auto add = [&](bool wanted, const char* name, auto value) {
    if (!wanted) return;
    words.emplace_back(name);
    words.push_back(quoted(fmt::format("{}", value)));
  };
  const auto flag = [&](bool wanted, const char* name) {
    if (wanted) words.emplace_back(name);
  };
  const CaseId said = request.case_id.value_or(CaseId{});
  const auto* kernel = std::get_if<asked::Kernel>(&asked);
  const asked::Planted planted = planted_in(asked);
  add(!request.fixture.empty(), "--fixture", request.fixture.string());
  add(!request.layer.empty(), "--layer", request.layer);
  add(request.trust != defaults.request.trust, "--trust", request.trust == fixtures::Trust::data ? "data" : "config");
  flag(outputs.strict, "--strict");
  if (request.case_id) add(true, "--case", said.text());
  if (request.shape) add(true, "--shape", fmt::format("{},{}", request.shape->first, request.shape->second));
  if (const auto* recorded = std::get_if<asked::RecordedOutput>(&asked))
    add(true, "--kernel", "recorded:" + recorded->file.string());
  if (kernel) add(kernel->spec != said.kernel, "--kernel", kernel->spec);
  if (const auto* packed = std::get_if<asked::PackedTensors>(&asked)) add(true, "--packed", packed->file.string());
  add(!planted.inject.empty(), "--inject", fmt::format("{}", fmt::join(planted.inject, ",")));
  for (const std::string& setting : planted.settings) add(true, "--set", setting);
  flag(effort.toggles, "--toggles");
  flag(is_black_box(asked), "--black-box");
  add(effort.seconds > 0 && effort.seconds != defaults.effort.seconds, "--seconds", effort.seconds);
  flag(effort.thorough, "--thorough");
  flag(effort.sweep, "--sweep");
  add(effort.sweep_budget != defaults.effort.sweep_budget, "--sweep-budget", effort.sweep_budget);
  if (!request.case_id) {
    for (const fixtures::Cut& cut : request.cuts) add(true, "--slice", text_of(cut));
    if (request.M) add(true, "--m", *request.M);
    if (request.dtype) add(true, "--dtype", name_of(*request.dtype));
    add(request.seed != defaults.request.seed, "--seed", request.seed);
  }
  add(effort.repeat != defaults.effort.repeat, "--repeat", effort.repeat);
  if (request.block_tile && !said.block_tile)
    add(true, "--block-tile", fmt::format("{}x{}", request.block_tile->thread_k, request.block_tile->thread_n));
  if (request.thread_blocks && !said.thread_blocks) add(true, "--sms", *request.thread_blocks);
  add(request.reduce_bits != said.reduce_bits, "--reduce", request.reduce_bits);
  add(request.magnitude != 0, "--magnitude", request.magnitude);
  if (effort.rounding) add(true, "--rounding", name_of(*effort.rounding));
  if (kernel) add(!kernel->workspace.empty(), "--workspace", kernel->workspace);
  if (kernel) add(!kernel->sanitize.empty(), "--sanitize", fmt::format("{}", fmt::join(kernel->sanitize, ",")));
  add(request.per_column != defaults.request.per_column, "--per-column", "averaged");
  return fmt::format("{}", fmt::join(words, " "));
}

std::string command_line(Options options, const std::vector<std::string>& settings) {
  options.asked = asked::OwnPath{{.inject = {}, .settings = settings}, is_black_box(options.asked)};
  if (options.request.case_id) options.request.case_id->kernel.clear();
  options.effort.sweep = false;
  options.effort.rounding.reset();
  options.effort.sweep_budget = Effort{}.sweep_budget;
  return command_line(options);
}

}  // namespace w4::cases
