// SPDX-License-Identifier: Apache-2.0
#include "cases/case/options.h"

#include "cases/case/install_paths.h"
#include "cases/faults/faults.h"
#include "fixtures/error.h"
#include "fixtures/text.h"

#include <unistd.h>

#include <cstdlib>

namespace w4::cases {
namespace {

/// Nothing where no stage is this project's.
asked::Planted planted_in(const Asked& asked) {
  if (const auto* own = std::get_if<asked::OwnPath>(&asked)) return own->planted;
  const auto* kernel = std::get_if<asked::Kernel>(&asked);
  return kernel ? kernel->hidden_repack.value_or(asked::Planted{}) : asked::Planted{};
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

bool wants_color() {
  const char* terminal = std::getenv("TERM");
  const bool dumb = terminal != nullptr && std::string_view(terminal) == "dumb";
  return !dumb && std::getenv("NO_COLOR") == nullptr && ::isatty(STDOUT_FILENO) != 0;
}

DType parse_dtype(const std::string& text) {
  if (text == "fp16") return DType::fp16;
  if (text == "bf16") return DType::bf16;
  throw InputError("--dtype {}: it is one of fp16, bf16", text);
}

std::string command_line(const Options& options) {
  const auto& [asked, request, effort, outputs] = options;
  const Options defaults;
  std::vector<std::string> words = {launcher(), std::string(1, letter_of(request.source)),
                                    fmt::format("{}", request.group)};
  const auto add = [&](bool wanted, const char* name, auto value) {
    if (!wanted) return;
    words.emplace_back(name);
    words.push_back(shell_word(fmt::format("{}", value)));
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
