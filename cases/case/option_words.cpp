// SPDX-License-Identifier: Apache-2.0
#include "cases/case/option_words.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

namespace w4::cases {
namespace {

/// CLI11 would read "-1" as the largest unsigned number.
std::string not_negative(const std::string& text) {
  return text.starts_with("-") ? fmt::format("{}: a number from 0 up is expected", text) : "";
}

/// Options declared from now on stand under this heading of the help.
void heading(CLI::App& app, const char* text) { app.option_defaults()->group(text); }

void declare_layer(CLI::App& app, Words& words, CaseRequest& request) {
  heading(app, "The layer");
  app.add_option("--fixture", request.fixture,
                 "layer: a folder of .npy files, .npz, .h5 or .safetensors, or hf:OWNER/MODEL[@REVISION] with --layer "
                 "(default: the shipped layer)");
  app.add_option("--layer", request.layer, "which layer, when the fixture holds several");
  app.add_option("--trust", words.trust,
                 "data or config: which counts where a model's config and its tensors contradict each other");
  app.add_option("--shape", words.shape, "K,N of a random layer (mode r)");
  app.add_option("--case", words.case_text, "a case as reports print it, instead of MODE and GROUP");
  app.add_option(
         "--slice", words.cuts,
         "a part of the layer: rows:R/N (rank R of N, K cut), columns:R/N (N cut) or expert:R/N (N experts side "
         "by side); repeatable, each cut is made in the one before")
      ->allow_extra_args(false);
  app.add_option("--dtype", words.dtype, "fp16 or bf16 (default: the layer's)");
  app.add_option("--per-column", words.per_column,
                 "how a grouped layer becomes one group: requantised (default) or averaged");
  app.add_option("--seed", request.seed, "seed of random data")->capture_default_str()->check(not_negative);
}

void declare_launch(CLI::App& app, Words& words, CaseRequest& request) {
  heading(app, "The launch");
  app.add_option("--m", request.M, "rows of A (default: those of the fixture, else 16)");
  app.add_option("--block-tile", words.block_tile, "128x128 (the lane model's default) or 64x256");
  app.add_option("--sms", request.thread_blocks, "thread blocks (default: 10 in the lane model; other kernels choose)");
  app.add_option("--reduce", request.reduce_bits, "bits of a partial sum in the global reduction: 16 or 32")
      ->capture_default_str();
  app.add_option("--magnitude", request.magnitude, "multiply the activations by 2^POWER: sums beyond fp16's range");
}

void declare_path(CLI::App& app, Words& words, Effort& effort) {
  heading(app, "The path under test");
  app.add_option(
      "--kernel", words.kernel,
      "cpu (the lane model), cuda or naive (ours on a GPU), plugin:FILE (a shared object of kernel/plugin.h, or one "
      "that exports marlin_cuda), exec:COMMAND (a command that is given files) or recorded:FILE (the C that your "
      "kernel wrote)");
  app.add_option("--packed", words.packed, "tensors of another packer: B, scales, and zeros and perm if there are any");
  app.add_option(
      "--rounding", words.rounding,
      "judge the user's kernel by this class of rounding, WEIGHTS/SUMS/END such as once/any:6/once (default: "
      "the tightest that explains its output)");
  app.add_option("--workspace", words.workspace, "launch once more with a workspace that is dirty, or short by half");
  app.add_option("--sanitize", words.sanitize,
                 "repeat the run under compute-sanitizer: memcheck,racecheck,initcheck,synccheck")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--repeat", effort.repeat, "launches to compare with each other")->capture_default_str();
  app.add_option("--timeout", effort.timeout_seconds, "seconds before a run is ended")->capture_default_str();
}

void declare_planted(CLI::App& app, Words& words, Options& options) {
  heading(app, "Faults planted on our own path");
  app.add_option("--inject", words.inject, "plant known faults: FAULT[,FAULT], FAULT:FORM")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--set", words.settings, "use another variant of a stage: STAGE=VARIANT (repeatable)")
      ->allow_extra_args(false);
  app.add_flag("--list-faults", options.outputs.list_faults, "print the faults that --inject plants");
  app.add_flag("--toggles", options.effort.toggles,
               "print the table of toggles and the smallest set that turns the failure on and off");
  app.add_flag("--black-box", words.black_box,
               "read only the output of our path: probes find the fault, as they do for another kernel");
}

void declare_search(CLI::App& app, Effort& effort) {
  heading(app, "The search");
  app.add_option("--seconds", effort.seconds,
                 "seconds, launches included, that may be spent on the cause of a wrong output of a kernel")
      ->capture_default_str();
  app.add_flag("--thorough", effort.thorough,
               "no such limit, and known faults of all stages up to three at a time, not only those that the answers "
               "point to");
  app.add_flag("--sweep", effort.sweep,
               "after a mismatch, launch random layers of other M, K, N, group_size and thread blocks, and print the "
               "condition on the shape under which it fails");
  app.add_option("--sweep-budget", effort.sweep_budget, "shapes that --sweep may launch")->capture_default_str();
}

void declare_outputs(CLI::App& app, Words& words, Outputs& outputs) {
  heading(app, "The report");
  app.add_option("--json", outputs.json, "write the report as JSON to FILE, or - for stdout");
  app.add_option("--html", outputs.html, "write the report as one HTML page, with pictures of the error, to FILE");
  app.add_flag("--strict", outputs.strict, "exit 1 for a match on a layer that looks wrong");
  app.add_flag("--quiet", outputs.quiet, "no progress on stderr");
  app.add_flag("--no-color", words.no_color, "no colours (none are used unless stdout is a terminal)");
}

}  // namespace

void declare_options(CLI::App& app, Words& words, Options& options) {
  app.add_option("MODE", words.mode, "r, w, s or b");
  app.add_option("GROUP", words.group, "-1, 32, 64 or 128");
  declare_layer(app, words, options.request);
  declare_launch(app, words, options.request);
  declare_path(app, words, options.effort);
  declare_planted(app, words, options);
  declare_search(app, options.effort);
  declare_outputs(app, words, options.outputs);
}

}  // namespace w4::cases
