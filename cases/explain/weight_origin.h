// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/explain/weight_place.h"
#include "fixtures/layer/layer.h"
#include "repack/stages/stage.h"

#include <optional>
#include <vector>

namespace w4::cases::explain {

/// A place in the layer: row k of codes, or a group of scales and zero points, and a column.
struct Cell {
  int row = 0;
  int n = 0;
  friend bool operator==(const Cell&, const Cell&) = default;
};

/// The place in the layer from which a recipe filled a packed place. None: the content is made up, changed beyond
/// recognition or never written.
struct Origin {
  std::optional<Cell> code, zero, scale;
};

/// Repacks layers whose codes, zero points and scales carry their own index, one digit a layer, and reads the index at
/// each of `places`. Two more layers carry check digits, so that a changed value is not taken for a moved one. About a
/// dozen repacks; empty for a layer that is too large for that or that the encoder does not accept (K or N not a
/// multiple of 8). Throws what repack() throws.
std::vector<Origin> origins_of(const fixtures::Layer& layer, const repack::Recipe& recipe,
                               const std::vector<Place>& places);

}  // namespace w4::cases::explain
