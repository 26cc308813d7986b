// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/case_id.h"
#include "cases/judge/rounding_class.h"
#include "fixtures/layer/trust.h"
#include "kernel/run.h"
#include "repack/per_column.h"
#include "repack/stages/stage.h"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace CLI {
class App;
}

namespace w4::cases {

/// The paths that can be asked about.
namespace asked {

/// What --inject and --set plant.
struct Planted {
  std::vector<std::string> inject;
  std::vector<std::string> settings;  // STAGE=VARIANT
};

/// This project's repack and lane model.
struct OwnPath {
  Planted planted = {};
  bool black_box = false;  // only the output of the path is read
};

/// A kernel in a process of its own.
struct Kernel {
  std::string spec;                           // cuda, naive, plugin:FILE or exec:COMMAND
  std::string workspace = {};                 // "dirty" or "short": one more launch, with such a workspace
  std::vector<std::string> sanitize = {};     // tools of compute-sanitizer under which the run is repeated
  std::optional<Planted> hidden_repack = {};  // --black-box: what the repack in front of the kernel does wrong
};

/// Tensors of an external packer.
struct PackedTensors {
  std::filesystem::path file;
};

/// The C that the user's kernel wrote.
struct RecordedOutput {
  std::filesystem::path file;
};

}  // namespace asked
using Asked = std::variant<asked::OwnPath, asked::Kernel, asked::PackedTensors, asked::RecordedOutput>;

/// The layer, its data, and how it is launched.
struct CaseRequest {
  Source source = Source::b;
  int group = 128;
  std::filesystem::path fixture = {};  // empty: the shipped layer, or a random one when shape or case_id is given
  std::string layer = {};
  fixtures::Trust trust = fixtures::Trust::neither;  // where the model's config and the tensors contradict each other
  std::optional<std::pair<int, int>> shape = {};     // K, N of a random layer
  std::optional<CaseId> case_id = {};
  std::vector<fixtures::Cut> cuts = {};  // the case is this part of the layer; each cut is made in the one before
  std::optional<int> M = {};
  std::optional<DType> dtype = {};
  std::uint64_t seed = 7;
  int magnitude = 0;                                 // activations are multiplied by 2^magnitude
  std::optional<kernel::BlockTile> block_tile = {};  // none: 128x128 in the lane model, any other kernel's own choice
  std::optional<int> thread_blocks = {};             // none: 10 in the lane model, any other kernel's own choice
  int reduce_bits = 32;
  repack::PerColumn per_column = repack::PerColumn::requantised;
};

/// How long and how widely is searched.
struct Effort {
  int repeat = 2;
  int timeout_seconds = 120;  // of one launch
  int seconds = 20;           // of the search for what explains a black box or the user's kernel; 0: no limit
  bool thorough = false;      // search all stages, whatever was read, without a limit
  bool toggles = false;
  bool sweep = false;      // look for the condition on the shape
  int sweep_budget = 120;  // shapes that the sweep may launch
  int most_faults = 3;     // known faults that are tried together on a black box; has no option
  std::optional<judge::RoundingClass> rounding = {};  // none: the tightest class that explains the output
  bool sweep_unexplained = true;                      // sweep an unexplained mismatch without --sweep; has no option
};

/// Where the answer goes.
struct Outputs {
  std::filesystem::path json;  // "-": stdout, instead of the text
  std::filesystem::path html;  // the report as a page; empty: none
  bool quiet = false;
  bool color = true;
  bool strict = false;  // a match on a layer that lint does not believe exits 1
  bool list_faults = false;
};

/// What `bisect` was asked, checked and parsed; the defaults are those of the help text.
struct Options {
  Asked asked;
  CaseRequest request;
  Effort effort;
  Outputs outputs;
};

/// The spec of the kernel asked about; empty when the path has no kernel in a process of its own.
std::string kernel_spec(const Asked& asked);

/// Whether the path may round in ways that are not ours, and --rounding goes with it: a plug-in, a command, a recorded
/// output.
bool has_classes(const Asked& asked);

/// --black-box, of either kind of path.
bool is_black_box(const Asked& asked);

/// The variants that --inject and --set plant. Throws InputError for an unknown name and for two variants of one stage.
repack::Recipe planted_by(const Asked& asked);

/// Parses a command line. Throws InputError; prints the help and exits 0 for --help.
Options parse_options(int argc, char** argv);

/// Calls `parse`, one of app's parse functions. Prints the help and exits 0 for --help. Throws InputError for a word
/// that is not understood, with the nearest option.
void parse_words(CLI::App& app, const std::function<void()>& parse);

/// Whether text on standard output is coloured unless an option says otherwise: a terminal that has colours, and no
/// NO_COLOR.
bool wants_color();

/// The value of --dtype: fp16 or bf16. Throws InputError for another.
DType parse_dtype(const std::string& text);

/// The options of `bisect --case ID`. Throws InputError for an unknown kernel.
Options options_of(const CaseId& id);

/// A command with the options of bisect and its own.
struct Command {
  std::string name;
  std::string about;
  std::string example;                          // "bisect b 128"
  std::function<void(CLI::App&)> declare = {};  // its own options, and positionals before MODE
  std::function<void()> check = {};             // checks its own words, before all others
};
Options parse_options(int argc, char** argv, const Command& command);

/// "./bisect b 128 --fixture up": the command that repeats the question, shell-quoted, without defaults.
std::string command_line(const Options& options);

/// The command that asks about this project's own path with only `settings` (STAGE=VARIANT) planted.
std::string command_line(Options options, const std::vector<std::string>& settings);

}  // namespace w4::cases
