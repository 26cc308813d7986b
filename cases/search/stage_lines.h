// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/report/report.h"
#include "cases/search/kernel_search.h"
#include "cases/search/repack_search.h"

#include <span>
#include <string_view>
#include <vector>

namespace w4::cases::search {

/// The report's line of each stage of a black box: stages of culprits are broken; `sound` ones are ok when `implied`
/// says why; the rest cannot be seen.
std::vector<report::StageLine> stage_lines(const std::vector<report::Culprit>& culprits, std::span<const StageId> sound,
                                           std::string_view implied);

/// What was seen of our own path, stage by stage.
struct StagesSeen {
  const fixtures::Layer& layer;
  const RepackWalk& walk;
  const ZeroPointProbe& zero_points;
  const kernel::Task& task;  // of runs
  const KernelRuns& runs;
};

/// The same of our own path. `report` has its verdict, comparison and culprits.
std::vector<report::StageLine> stage_lines(const report::Report& report, const StagesSeen& seen);

}  // namespace w4::cases::search
