// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "repack/stages/stage_id.h"
#include "repack/stages/weights.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace w4::cases::judge {

/// Where a repacking stage puts values, among the first places of what it makes.
struct StageMap {
  std::string what;         // "places of 64 columns' scales"
  std::vector<int> source;  // place p holds what belongs to place source[p]; -1: what belongs to none of these places
};

/// Runs a repacking stage as the path does it and by the reference, on values that carry their own index, and compares
/// where they end up. Empty when nothing is moved, for stages that never move values (`checkpoint`, `scales`), and for
/// large layers, where it would take long.
std::optional<StageMap> map_of_stage(StageId stage, const repack::Weights& before,
                                     const std::function<repack::Weights(const repack::Weights&)>& way);

}  // namespace w4::cases::judge
