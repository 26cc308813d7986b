// SPDX-License-Identifier: Apache-2.0
#include "cases/proof/catalogue_report.h"

#include "cases/faults/catalogue.h"
#include "cases/faults/run_faults.h"
#include "fixtures/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

namespace w4::cases::proof {
namespace {

/// All trials of one id, whatever its forms.
struct Summary {
  int shown = 0;
  int named = 0;
  int launches = 0;
  std::vector<std::string> probes;
};

Summary summary_of(const std::vector<Trial>& trials, std::string_view id) {
  Summary sum;
  for (const Trial& trial : trials) {
    if (trial.planted[0]->id != id) continue;
    if (trial.outcome == TrialOutcome::invisible || trial.outcome == TrialOutcome::not_applicable) continue;
    ++sum.shown;
    const bool named = trial.outcome == TrialOutcome::named || trial.outcome == TrialOutcome::class_named;
    sum.named += named;
    if (named) sum.launches = std::max(sum.launches, trial.launches);
    for (const std::string& probe : trial.probes)
      if (std::ranges::find(sum.probes, probe) == sum.probes.end()) sum.probes.push_back(probe);
  }
  return sum;
}

std::string text_of(const Summary& sum) {
  return fmt::format("{} of {} cases, at most {} launches", sum.named, sum.shown, sum.launches);
}

template <class List, class Stage>
std::string stages_of(const List& list, std::string_view id, Stage stage) {
  std::vector<std::string> stages;
  for (const auto& fault : list)
    if (fault.id == id && std::ranges::find(stages, stage(fault)) == stages.end()) stages.push_back(stage(fault));
  return fmt::format("{}", fmt::join(stages, ", "));
}

/// The lines of a row: one for each id that findings give it.
std::string planted_lines(const faults::CatalogueRow& row, const std::vector<Trial>& singles, const OnGpu& on_gpu) {
  std::string text;
  for (const std::string_view id : row.known_as) {
    const Summary sum = summary_of(singles, id);
    const auto gpu = on_gpu.find(std::string(id));
    text += fmt::format(
        "| {} | {} | {} | {} | {} | {} |\n", row.number, id,
        stages_of(faults::faults(), id, [](const faults::Fault& fault) { return fault.stage; }),
        sum.shown == 0 ? "none: it does not reach the output" : fmt::format("{}", fmt::join(sum.probes, ", ")),
        sum.shown == 0 ? "by bisect and --packed, which compare what the stage makes" : text_of(sum),
        gpu == on_gpu.end() ? "" : gpu->second);
  }
  return text;
}

std::string rule_lines(const faults::CatalogueRow& row, const OnGpu& on_gpu) {
  std::string text;
  for (const std::string_view id : row.known_as) {
    const auto gpu = on_gpu.find(std::string(id));
    text += fmt::format(
        "| {} | {} | {} | how the launch ends and what it leaves | not on the lane model | {} |\n", row.number, id,
        stages_of(faults::run_faults(), id, [](const faults::RunFault& fault) { return std::string(fault.stage); }),
        gpu == on_gpu.end() ? "" : gpu->second);
  }
  return text;
}

}  // namespace

OnGpu gpu_column(const std::vector<Trial>& trials) {
  OnGpu column;
  for (const Trial& trial : trials) {
    const Summary sum = summary_of(trials, trial.planted[0]->id);
    if (sum.shown > 0) column[trial.planted[0]->id] = text_of(sum);
  }
  return column;
}

void write_gpu_column(const OnGpu& column, const std::filesystem::path& file) {
  std::ofstream out(file);
  for (const auto& [id, said] : column) out << id << '\t' << said << '\n';
  if (!out) throw InputError("{}: cannot be written", file.string());
}

OnGpu read_gpu_column(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) throw InputError("{}: cannot be read", file.string());
  OnGpu column;
  for (std::string line; std::getline(in, line);) {
    const std::size_t tab = line.find('\t');
    if (tab == std::string::npos) throw InputError("{}: '{}' has no tab", file.string(), line);
    column[line.substr(0, tab)] = line.substr(tab + 1);
  }
  return column;
}

std::string catalogue_markdown(const std::vector<Trial>& singles, const OnGpu& on_gpu) {
  std::string text = R"(# The catalogue, row by row

Made by `build/release/bin/confusion --catalogue docs/catalogue_proof.md --gpu docs/gpu_column.tsv`. On the CPU each
fault is planted in a black box over the cases of docs/confusion.md; "5 of 5 cases" counts those in which it
shows. On the GPU a fault of the repack is planted in front of `--kernel cuda`, a fault of the kernel in a kernel
of its own (docs/gpu_faults.md); docs/gpu_column.tsv is what `confusion --kernel cuda --gpu docs/gpu_column.tsv` and
`scripts/gpu_fault_table.py --column docs/gpu_column.tsv` wrote on one NVIDIA H200 (CUDA 13.0). A launch is one run of
the kernel.

| # | fault | planted in stage | probes that see it | named on the CPU | named on the GPU |
|---|---|---|---|---|---|
)";
  for (const faults::CatalogueRow& row : faults::catalogue()) {
    switch (faults::place_of(row)) {
      case faults::CataloguePlace::planted: text += planted_lines(row, singles, on_gpu); break;
      case faults::CataloguePlace::run_rule: text += rule_lines(row, on_gpu); break;
      default: text += fmt::format("| {} | {} | | {} | | |\n", row.number, row.id, row.otherwise);
    }
  }
  return text;
}

}  // namespace w4::cases::proof
