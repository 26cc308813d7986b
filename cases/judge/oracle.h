// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/judge/rounding_class.h"
#include "fixtures/layer/layer.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace w4::cases::judge {

/// Where a kernel rounds, as far as numerics.md needs it. The oracle is told; it does not look at the kernel.
struct Rounding {
  bool grouped = true;         // weights are rounded after scaling; otherwise the output is, before and after
  std::vector<int> row_order;  // order in which rows of K are summed; empty: 0, 1, 2, ...
  /// Partial sums handed over in 16 bits: slice_starts[problem * columns + column] holds the positions in row_order
  /// at which a slice begins, 0 left out; sums run from the last row down. Empty: handed over in 32 bits, not rounded.
  std::vector<std::vector<int>> slice_starts;
  bool narrow_sums = true;  // false: handed over in 32 bits there; the places are for the classes of rounding alone
  int columns = 0;          // block_tile columns
  int thread_n = 0;         // outputs in a block_tile column
  int problem_rows = 64;    // rows of A in a parallel problem
  bool classes = false;     // keep the terms of all classes of rounding
};

struct RoundingTerms;

/// What a right kernel computes: y = A w + bias in fp64 from the stored values, and the variance its rounding may show
/// in units of (0.425 u)^2 (numerics.md). Row-major (M, N).
struct Expected {
  int M = 0;
  int N = 0;
  int K = 0;
  int slices = 1;                // the most partial sums in a column
  bool weights_rounded = false;  // grouped: norm^2 is part of variance, by errors that all rows of a column share
  DType dtype = DType::fp16;
  std::vector<double> y;
  std::vector<double> norm;  // ||a o w||_2
  std::vector<double> variance;
  RoundingClass rounding = {};                           // by which `variance` is made
  std::vector<double> shared = {};                       // the part of variance by weights; empty: see weights_rounded
  std::shared_ptr<const RoundingTerms> terms = nullptr;  // of all classes; null: not asked for
  double at(int m, int n) const { return y[static_cast<std::size_t>(m) * N + n]; }
};

/// The oracle: fp64, straight from the layer, decoding each checkpoint format by its definition (design.md, section 3).
/// It shares no code with repack/ or kernel/. A: (M, K), bits of layer.dtype.
Expected expected_output(const fixtures::Layer& layer, const Grid<std::uint16_t>& A, const Rounding& rounding);

/// The weights themselves, w(k, n) for rows k_begin..k_end-1, row-major: what W_eff is compared with.
std::vector<double> expected_weights(const fixtures::Layer& layer, int k_begin, int k_end);

/// A weight in its parts, w = scale * (code - zero).
struct WeightParts {
  int group = 0;
  double code = 0;
  double zero = 0;
  double scale = 0;
  double weight() const { return scale * (code - zero); }
};

/// w(k, n) in parts; and what column n has in a group, with no code.
WeightParts expected_parts(const fixtures::Layer& layer, int k, int n);
WeightParts expected_group(const fixtures::Layer& layer, int group, int n);

}  // namespace w4::cases::judge
