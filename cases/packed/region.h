// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/packed/model.h"
#include "cases/packed/way.h"

#include <optional>
#include <string>

namespace w4::cases::packed {

/// Words that the model does not make, in words: "tile rows 12..15", "512 words within tile row 3, all tiles".
std::string text_of_differing(const Grid<std::uint32_t>& seen, const Grid<std::uint32_t>& made);

struct RegionFit {
  Grid<std::uint32_t> words;  // what the model and the region make together
  PackedWay way;
};

enum class Region {
  written,  // not, or in another way: a value that was never packed, words of the checkpoint, a known wrong permutation
  copied,   // words of another tile
};

/// What stands where the model does not fit, when one thing does. None: nothing of that kind.
std::optional<RegionFit> region_fit(const WordsModel& model, const Grid<std::uint32_t>& seen,
                                    const Grid<std::uint32_t>& made, const Grid<std::uint32_t>& stored, Region kind);

}  // namespace w4::cases::packed
