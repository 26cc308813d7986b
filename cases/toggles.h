// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/bisect.h"

#include <string>
#include <vector>

namespace w4::cases {

/// One line of the table: what was toggled, and what came out.
struct ToggleRow {
  std::string codes, scales, groups, zero_points;  // "real" or "random", the group, "stored" or "all 8"
  std::vector<std::string> stages;                 // per permutation stage: "on", "off" (skipped)
  bool right = false;
  std::string outcome;
};

struct ToggleTable {
  std::vector<ToggleRow> rows;
  bool fails = false;                 // the path as it was asked
  std::vector<std::string> turns_off; // the smallest set of toggles that cures it; empty: none found, or it does not fail
  std::vector<std::string> turns_on;  // the smallest set that breaks the known-good path
};

/// Toggles by hand, all of them: real or random codes x real or random scales x grouped or one group x zero points as
/// stored or all 8, then each permutation stage on or off.
ToggleTable toggle(const Options& options, const repack::Recipe& planted, const Progress& progress);

std::string text_of(const ToggleTable& table, const Options& options);

}  // namespace w4::cases
