// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/case_id.h"
#include "kernel/run.h"
#include "repack/per_column.h"
#include "repack/stages/stage.h"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace CLI {
class App;
}

namespace w4::cases {

/// What `bisect` was asked, checked and parsed; the defaults are those of the help text.
struct Options {
  Source source = Source::b;
  int group = 128;
  std::filesystem::path fixture;  // empty: the shipped layer, or a random one when shape or case_id is given
  std::string layer;
  std::optional<std::pair<int, int>> shape;  // K, N of a random layer
  std::optional<CaseId> case_id;
  std::vector<fixtures::Cut> cuts;  // the case is that part of the layer, one cut out of another
  std::filesystem::path recorded;   // somebody's C; empty: the lane model runs
  std::filesystem::path packed;     // somebody's packed tensors
  std::string foreign;              // a kernel in a process of its own: cuda, naive, plugin:FILE or exec:COMMAND
  std::vector<std::string> inject;
  std::vector<std::string> settings;
  bool toggles = false;
  bool sweep = false;             // the condition on the shape is looked for
  int sweep_budget = 120;         // shapes that may be launched for it
  bool black_box = false;         // our own path, of which nothing but its output is looked at
  int most_faults = 3;            // known faults that are tried together on a black box; no word of the command line
  bool sweep_unexplained = true;  // without being asked; no word of the command line
  bool list_faults = false;
  std::optional<int> M;
  std::optional<DType> dtype;
  std::uint64_t seed = 7;
  int repeat = 2;
  std::optional<kernel::BlockTile> block_tile;  // none: 128x128 in the lane model, any other kernel's own choice
  std::optional<int> thread_blocks;             // none: 10 in the lane model, any other kernel's own choice
  int reduce_bits = 32;
  int magnitude = 0;                  // activations are multiplied by 2^magnitude
  std::string workspace = {};         // "dirty" or "short": a launch with such a workspace is made too
  std::vector<std::string> sanitize;  // tools of compute-sanitizer under which the run is repeated
  repack::PerColumn per_column = repack::PerColumn::requantised;
  int timeout_seconds = 120;
  std::filesystem::path json;  // "-": stdout, instead of the text
  std::filesystem::path html;  // the report as a page; empty: none
  bool quiet = false;
  bool color = true;
};

/// Parses a command line. Throws InputError; prints the help and exits 0 for --help.
Options parse_options(int argc, char** argv);

/// The options that ask of this case what `bisect --case` does: all that the case says, and defaults. Throws InputError
/// for a kernel that is none.
Options options_of(const CaseId& id);

/// A command that takes the options of bisect and some of its own.
struct Command {
  std::string name;
  std::string about;
  std::string example;                          // "bisect b 128"
  std::function<void(CLI::App&)> declare = {};  // its own, positionals before MODE
  std::function<void()> check = {};             // of its own words, before anything else is understood
};
Options parse_options(int argc, char** argv, const Command& command);

/// "./bisect b 128 --fixture up": the command that asks the same again, shell-quoted, defaults left out.
std::string command_line(const Options& options);

/// The same with other things planted: only `settings` (STAGE=VARIANT), nothing injected.
std::string command_line(Options options, const std::vector<std::string>& settings);

}  // namespace w4::cases
