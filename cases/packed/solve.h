// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/packed/way.h"
#include "fixtures/layer/layer.h"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace w4::cases::packed {

/// What the repacking stages behind packed tensors do instead of their definitions.
struct PackedSolution {
  bool exact = false;    // the ways make the tensors: words, scales and zero points in every bit, perm
  bool mostly = false;   // where they do not: many of the words
  PackedWays ways = {};  // the fewest that were found
  std::map<StageId, std::vector<std::string>> unexplained = {};  // what was compared, at the stages that have no way
  std::set<StageId> unseen = {};  // stages that stand before an unexplained one, behind which nothing shows
};

/// Solves packed tensors backwards, each tensor by itself: scales and zero points by what groups and columns hold,
/// words by what places, tiles, rows and columns hold, perm by what the words say of it. Starts from the layer, and
/// where that takes more than two stages from each known way to read the checkpoint and to number the groups.
PackedSolution solve_packed(const fixtures::Layer& layer, const repack::Packed& seen);

}  // namespace w4::cases::packed
