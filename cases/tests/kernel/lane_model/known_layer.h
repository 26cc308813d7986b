// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/half.h"
#include "kernel/lane_model/lane_model.h"

#include <cstdint>
#include <string>
#include <vector>

namespace w4::tests {

// The two block_tiles that there are.
inline constexpr kernel::BlockTile kNarrow{.thread_k = 128, .thread_n = 128};
inline constexpr kernel::BlockTile kWide{.thread_k = 64, .thread_n = 256};

/// What a test asks for. group_size -1: one group.
struct KnownSpec {
  int M = 1;
  int K = 256;
  int N = 192;
  int group_size = 128;
  bool symmetric = true;
  bool act_order = false;
  bool bias = false;
  bool exact = false;  // small-integer activations, power-of-two scales: every sum is exact
  DType dtype = DType::fp16;
  std::uint64_t seed = 1;
};

/// A layer whose codes, scales and zero points are known, and rows of A. W row i meets column perm[i] of A.
struct Known {
  KnownSpec spec;
  int group_size = 0;
  std::vector<int> codes = {};             // (K, N)
  std::vector<int> zeros = {};             // (groups, N)
  std::vector<std::uint16_t> scales = {};  // (groups, N)
  std::vector<std::int32_t> perm = {};     // (K)
  std::vector<std::uint16_t> bias = {};    // (N), empty: none
  Grid<std::uint16_t> A = {};              // (M, K)

  int group_of(int k) const { return k / group_size; }
  double weight(int k, int n) const;
  double bias_at(int n) const { return bias.empty() ? 0.0 : value_of(bias[static_cast<std::size_t>(n)], spec.dtype); }
};

Known known_layer(const KnownSpec& spec);

/// The layer as the kernel reads it, written from the closed forms of the format, calling nothing of repack.
repack::Packed packed_by_hand(const Known& known);

kernel::Task task_of(const Known& known, const kernel::Launch& launch = {});

/// How far C is from the fp64 product, in units of the error model; NaN or an unwritten element counts as infinite.
struct Distance {
  double max_z = 0.0;
  double rms_z = 0.0;
  long long beyond = 0;  // elements outside the bound
};
Distance distance(const Known& known, const kernel::Task& task, const Grid<std::uint16_t>& C);

/// "M1_K256_N192_g128_sym_fp16_s1 tile128x128 blocks10 reduce32"
std::string case_of(const Known& known, const kernel::Launch& launch);

/// The fp64 product plus bias, (M, N).
std::vector<double> exact_product(const Known& known);

}  // namespace w4::tests
