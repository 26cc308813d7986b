// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/grid.h"

#include <algorithm>
#include <cstddef>
#include <span>

namespace w4::test {

/// The grid with the lowest bit of one cell flipped.
template <class T>
Grid<T> with_one_changed(const Grid<T>& grid, std::size_t at) {
  return Grid<T>::made(grid.rows(), grid.cols(), [&](std::span<T> out) {
    std::copy(grid.cells().begin(), grid.cells().end(), out.begin());
    out[at] = static_cast<T>(out[at] ^ 1);
  });
}

}  // namespace w4::test
