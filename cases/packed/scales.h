// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/packed/columns.h"
#include "cases/packed/way.h"

#include <optional>
#include <string>
#include <vector>

namespace w4::cases::packed {

/// What the stages behind one of the small tensors do instead.
struct ColumnsAnswer {
  bool exact = false;  // the ways make the tensor, every bit
  PackedWays ways = {};
  std::vector<int> groups = {};  // which group each was taken from; empty: its own
  std::vector<std::string> evidence = {};
  std::optional<StageId> stage = {};  // the stage that is wrong where the ways do not make the tensor
};

/// Scales (groups, N) as they were given; `at` is the layer behind `act_order`.
ColumnsAnswer solve_scales(const Grid<std::uint16_t>& seen, const repack::Weights& at);

/// Zero points (groups, N / 8) as they were given, empty: 8 everywhere; `before` is the layer behind `checkpoint`, and
/// `act_order` the way that is taken for that stage.
ColumnsAnswer solve_zeros(const Grid<std::uint32_t>& seen, const repack::Weights& before,
                          repack::Weights (*act_order)(const repack::Weights&));

/// "group g takes those of group g / 2", in stage scales; none: each takes its own.
std::optional<PackedWay> groups_way(const std::vector<int>& groups);

/// A permutation inside 64 columns, or of all of them, where `right` (64) is the definition's: "place p of each 64
/// holds what belongs to place 63 - p", "place p of each 64 holds column p".
std::string text_of_places(const std::vector<int>& places, const std::vector<int>& right);

}  // namespace w4::cases::packed
