// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/search/bisect.h"

#include <string>
#include <vector>

namespace w4::cases::search {

/// One line of the table: what was toggled, and the outcome.
struct ToggleRow {
  std::string codes, scales, groups, zero_points;  // "real" or "random", the group, "stored" or "all 8"
  std::vector<std::string> stages;                 // per permutation stage: "on", "off" (skipped)
  bool right = false;
  std::string outcome;
};

struct ToggleTable {
  std::vector<ToggleRow> rows;
  bool fails = false;  // the path as asked
  /// Every smallest set of toggles with which the failing path gives right outputs ("put right tiles", "group -1");
  /// data toggles among them hide the fault and do not cure it. Where two toggles are not enough, one minimal set of
  /// stages.
  std::vector<std::string> turns_off;
  /// Every smallest set of the path's own stages with which the known-good path fails.
  std::vector<std::string> turns_on;
};

/// All toggles: real or random codes x real or random scales x grouped or one group x zero points as
/// stored or all 8, then each permutation stage on or off.
ToggleTable toggle(const Options& options, const repack::Recipe& planted, const Progress& progress);

/// `report`: of bisect on the same path. The table judges outputs alone.
std::string text_of(const ToggleTable& table, const report::Report& report, const Options& options);

}  // namespace w4::cases::search
