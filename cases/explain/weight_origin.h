// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/explain/weight_place.h"
#include "fixtures/layer/layer.h"
#include "repack/stages/stage.h"

#include <optional>
#include <vector>

namespace w4::cases::explain {

/// Where in the layer something comes from: row k of codes, or a group of scales and zero points, and a column.
struct Cell {
  int row = 0;
  int n = 0;
  friend bool operator==(const Cell&, const Cell&) = default;
};

/// What a recipe put at a place, by where it took it. None: it took it from nowhere in the layer, because it made it
/// itself, changed it beyond recognition or never wrote it.
struct Origin {
  std::optional<Cell> code, zero, scale;
};

/// Sends layers through the recipe whose codes, zero points and scales spell their own index, a digit a layer, and
/// reads at each of `places` what arrives. Two more layers spell check digits, so that what is changed and not only
/// moved is not taken for something else. Costs about a dozen repacks; empty for a layer that is too large for that or
/// that the formats' encoder does not take (K or N no multiple of 8). Throws what repack() throws.
std::vector<Origin> origins_of(const fixtures::Layer& layer, const repack::Recipe& recipe,
                               const std::vector<Place>& places);

}  // namespace w4::cases::explain
