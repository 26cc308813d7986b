// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/layer/encode.h"

#include <cstdint>
#include <vector>

/// The published converters' loops (IST-DASLab/marlin, vLLM's marlin_utils), spelled out a second time. Nothing of
/// repack/ is used here.
namespace w4::repack_tests::published {

template <class T>
using Matrix = std::vector<std::vector<T>>;

/// For each of the 1024 places of a tile, the code it takes from four row-major 16 x 16 blocks.
std::vector<int> weight_perm();
std::vector<int> scale_perm();         // 64
std::vector<int> scale_perm_single();  // 32

/// codes (K, N), multiples of 16 and 64 -> words (K/16, 2N)
Matrix<std::uint32_t> pack(const Matrix<int>& codes);
/// scales (groups, N) -> the kernel's order
Matrix<std::uint16_t> permute_scales(const Matrix<std::uint16_t>& scales, bool one_group);
/// zero points (groups, N) -> words (groups, N/8)
Matrix<std::uint32_t> pack_zero_points(const Matrix<int>& zeros);

/// Everything a kernel takes, from a plain layer: rows sorted by group, padded to 64 x 64 with codes that equal the
/// zero point and scales of 0.
struct Expected {
  Matrix<std::uint32_t> words;
  Matrix<std::uint16_t> scales;
  Matrix<std::uint32_t> zeros;  // empty: symmetric
  std::vector<int> perm;        // empty: rows as stored
};
Expected expected(const fixtures::PlainLayer& plain);

/// Cell by cell; sizes too.
template <class T>
bool equal(const Grid<T>& got, const Matrix<T>& want) {
  if (want.empty()) return got.empty();
  if (got.rows() != static_cast<int>(want.size()) || got.cols() != static_cast<int>(want[0].size())) return false;
  for (int r = 0; r < got.rows(); ++r)
    for (int c = 0; c < got.cols(); ++c)
      if (got(r, c) != want[static_cast<std::size_t>(r)][static_cast<std::size_t>(c)]) return false;
  return true;
}

}  // namespace w4::repack_tests::published
