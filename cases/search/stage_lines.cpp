// SPDX-License-Identifier: Apache-2.0
#include "cases/search/stage_lines.h"

#include "cases/case/task.h"
#include "cases/faults/faults.h"

#include <fmt/format.h>

#include <algorithm>

namespace w4::cases::search {
namespace {

using report::Report;
using report::StageLine;
using report::StageVerdict;

const report::Culprit* culprit_at(const Report& report, const std::string& stage) {
  const auto found = std::ranges::find(report.culprits, stage, &report::Culprit::stage);
  return found == report.culprits.end() ? nullptr : &*found;
}

/// Why nothing of a sound repacking stage shows in this case; empty: it shows.
std::string nothing_to_see(StageId stage, const fixtures::Layer& layer, bool flipped) {
  if (stage == StageId::zero_points && layer.symmetric && !flipped)
    return "symmetric and no qzeros stored: 8 everywhere";
  if (stage == StageId::act_order && !layer.act_order()) return "no g_idx: rows as stored";
  return "";
}

StageLine repack_line(StageId stage, const judge::StageCheck& check, const StagesSeen& seen) {
  const std::string name = name_of(stage);
  if (!check.ok()) return {name, StageVerdict::broken, check.first};
  if (std::string why = nothing_to_see(stage, seen.layer, seen.zero_points.made); !why.empty())
    return {name, StageVerdict::not_visible, why};
  const bool flipped = stage == StageId::zero_points && seen.zero_points.made;
  return {name, StageVerdict::ok,
          check.what + (flipped ? " equal; a flipped bit of qzeros changes nothing" : " equal in every bit")};
}

/// Which partial sums are handed over between thread blocks; empty: none.
std::string handed_over(const kernel::Task& task) {
  std::size_t split = 0, most = 1;
  for (const auto& slices : slices_by_column(task)) {
    split += slices.size() > 1;
    most = std::max(most, slices.size());
  }
  if (split == 0) return "";
  return fmt::format("{} columns handed over, up to {} slices, {} bits", split, most, task.launch.reduce_bits);
}

StageLine sound_kernel_line(StageId stage, const Report& report, const StagesSeen& seen) {
  const auto ok = [&](std::string evidence) {
    return StageLine{name_of(stage), StageVerdict::ok, std::move(evidence)};
  };
  const auto hidden = [&](const char* why) { return StageLine{name_of(stage), StageVerdict::not_visible, why}; };
  if (stage == StageId::launch)
    return ok(fmt::format("return code 0, {} block_tiles done", seen.runs.good.block_tiles_done));
  if (stage == StageId::pipeline) return ok("every output written");
  if (stage == StageId::reduce) {
    const std::string over = handed_over(seen.task);
    if (over.empty()) return hidden("one slice a column: nothing is handed over");
    return ok(fmt::format("{}; locks zero after; {} launches equal", over, seen.runs.launches.size()));
  }
  if (stage == StageId::epilogue && !seen.layer.bias && !seen.task.packed.one_group())
    return hidden("no bias and no scale here");
  if (report.verdict == report::Verdict::match && (stage == StageId::multiply || stage == StageId::dequant))
    return ok(fmt::format("max z {:.2f}, rms z {:.2f} against the oracle", report.comparison->max_z,
                          report.comparison->rms_z));
  return ok("equal to the known-good kernel's in every bit");
}

StageLine kernel_line(StageId stage, const Report& report, const StagesSeen& seen) {
  if (culprit_at(report, "") != nullptr) {
    const bool ran = seen.runs.launches[0].ran();
    return {name_of(stage), ran ? StageVerdict::not_visible : StageVerdict::not_reached,
            ran ? "the kernel is wrong and no known fault reproduces the result" : "the kernel did not run to its end"};
  }
  StageLine line = sound_kernel_line(stage, report, seen);
  if (culprit_at(report, "launch") != nullptr) line.evidence = "with launch put right: " + line.evidence;
  return line;
}

}  // namespace

std::vector<StageLine> stage_lines(const std::vector<report::Culprit>& culprits, std::span<const StageId> sound,
                                   std::string_view implied) {
  std::vector<StageLine> lines;
  for (const StageId stage : kAllStages) {
    StageLine line{name_of(stage), StageVerdict::not_visible, "inside a black box"};
    if (std::ranges::find(sound, stage) != sound.end() && !implied.empty())
      line = {line.stage, StageVerdict::ok, std::string(implied)};
    for (const report::Culprit& culprit : culprits)
      if (culprit.stage == line.stage) line = {line.stage, StageVerdict::broken, culprit.fault};
    lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<StageLine> stage_lines(const Report& report, const StagesSeen& seen) {
  std::vector<StageLine> lines;
  for (const StageId stage : kAllStages) {
    if (const report::Culprit* culprit = culprit_at(report, name_of(stage)))
      lines.push_back({name_of(stage), StageVerdict::broken, culprit->fault + ": " + culprit->evidence[0]});
    else if (is_repacking(stage))
      lines.push_back(repack_line(stage, seen.walk.checks.at(stage), seen));
    else
      lines.push_back(kernel_line(stage, report, seen));
  }
  return lines;
}

}  // namespace w4::cases::search
