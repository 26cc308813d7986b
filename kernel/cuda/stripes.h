// SPDX-License-Identifier: Apache-2.0
#pragma once

#ifdef __CUDACC__
#define W4_HOST_DEVICE __host__ __device__
#else
#define W4_HOST_DEVICE
#endif

#include <cstdint>
#include <initializer_list>

namespace w4::kernel::cuda {

/// Division of 0 <= n < 2^31 by a constant of the launch, as a multiplication: an integer division takes about 100
/// cycles.
struct Divisor {
  int by = 1;
  std::uint64_t reciprocal = 0;  // ceil(2^64 / by)

  constexpr Divisor() = default;
  constexpr explicit Divisor(int divisor)
      : by(divisor), reciprocal(divisor > 1 ? ~std::uint64_t{0} / divisor + 1 : 0) {}
  W4_HOST_DEVICE constexpr int quotient(int n) const {
    if (by == 1) return n;
    const std::uint64_t number = static_cast<std::uint32_t>(n);
    const std::uint64_t low = number * (reciprocal & 0xFFFFFFFFu) >> 32;
    return static_cast<int>((number * (reciprocal >> 32) + low) >> 32);
  }
};

/// How the CUDA kernel shares work out. A unit is 64 rows of K by one column (kStrips tiles wide). Units in the order
/// (problem, column, k), k fastest, are split into one stripe a thread block; lengths differ by one unit at most.
///
///   which thread block has a unit:                    column  0 1 2
///   3 columns of 4 units, 5 thread blocks           k_unit 0  0 1 3
///                                                          1  0 2 3
///                                                          2  0 2 4
///                                                          3  1 2 4
///
/// The part of a stripe inside a column is a slice. Each slice of a shared column fills a slot; the thread block that
/// arrives last sums the slots. No block waits, and the order of the sum is fixed.
struct Stripes {
  int k_units = 0;  // of a column
  int columns = 0;  // of a problem
  int problems = 0;
  int thread_blocks = 0;  // with work
  int length = 0;         // units of a stripe, or one less
  int longer = 0;         // number of stripes, the first ones, with length + 1 units
  Divisor by_k_units = {};
  Divisor by_columns = {};
  Divisor by_length = {};
  Divisor by_longer_length = {};

  W4_HOST_DEVICE constexpr int units() const { return k_units * columns * problems; }
  W4_HOST_DEVICE constexpr int begin(int block) const { return block * length + (block < longer ? block : longer); }
  /// The thread block that has this unit.
  W4_HOST_DEVICE constexpr int owner(int unit) const {
    const int in_longer = longer * (length + 1);
    return unit < in_longer ? by_longer_length.quotient(unit) : longer + by_length.quotient(unit - in_longer);
  }
};

constexpr Stripes stripes_of(int k_units, int columns, int problems, int thread_blocks) {
  Stripes stripes{.k_units = k_units, .columns = columns, .problems = problems};
  stripes.thread_blocks = thread_blocks < stripes.units() ? thread_blocks : stripes.units();
  stripes.length = stripes.units() / stripes.thread_blocks;
  stripes.longer = stripes.units() % stripes.thread_blocks;
  stripes.by_k_units = Divisor(k_units);
  stripes.by_columns = Divisor(columns);
  stripes.by_length = Divisor(stripes.length);
  stripes.by_longer_length = Divisor(stripes.length + 1);
  return stripes;
}

static_assert([] {  // owner() agrees with begin()
  for (int blocks = 1; blocks < 30; ++blocks) {
    const Stripes stripes = stripes_of(4, 3, 2, blocks);
    if (stripes.begin(stripes.thread_blocks) != stripes.units()) return false;
    for (int unit = 0; unit < stripes.units(); ++unit) {
      const int block = stripes.owner(unit);
      if (unit < stripes.begin(block) || unit >= stripes.begin(block + 1)) return false;
    }
  }
  return true;
}());

static_assert([] {
  for (int by = 1; by < 40; ++by)
    for (int n : {0, 1, by - 1, by, 1000 * by - 1, 1000 * by, 0x7FFFFFFF})
      if (Divisor(by).quotient(n) != n / by) return false;
  return true;
}());

}  // namespace w4::kernel::cuda
