// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/probe/bit_map.h"

#include <string>
#include <vector>

namespace w4::cases::probe {

/// A map of the places of a (rows, cols) matrix, as it was read out of a box, in words.
struct RecoveredMap {
  std::size_t moved = 0;    // places that use another place's value
  std::size_t unknown = 0;  // places whose value could not be read
  bool permutation = false;
  bool keeps_rows = false, keeps_columns = false;  // of the matrix: values move along the other axis alone
  int block_rows = 0, block_cols = 0;  // the smallest power-of-two blocks that values stay in; 0: they cross the matrix
  bool same_in_all_blocks = false;
  std::optional<BitMap> bits;  // inside a block, when it is affine over the bits of the place
  bool identity() const { return moved == 0 && unknown == 0; }
};

/// source[i]: where the value used at place i (row-major) stands; -1: it could not be read.
RecoveredMap recover_map(const std::vector<int>& source, int rows, int cols);

/// The map as a formula where it is one: between the bits of the place and of the source, of each axis by itself, or a
/// stride through the flat buffer; otherwise a table of its first places. `row` and `col` name the axes: "k", "n".
std::string text_of(const RecoveredMap& map, const std::vector<int>& source, int cols, const std::string& row,
                    const std::string& col);

}  // namespace w4::cases::probe
