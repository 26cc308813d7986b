// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace w4::kernel::cuda {

// Sizes of the format (design.md, section 3) and of the CUDA kernel.
inline constexpr int kUnitK = 64;  // rows of K in a unit of work
inline constexpr int kTileColumns = 64;
inline constexpr int kSubrows = 8;  // rows of A in an mma, its n

/// Parameters of an instantiation of the kernel; see MarlinShape.
struct MarlinSizes {
  int subrow_blocks;   // blocks of 8 rows of A
  int halves;          // warps that share a 64-column strip
  int strips;          // of a thread block
  int teams;           // of a thread block, along K
  int stages;          // of shared memory, a team
  bool wgmma = false;  // sm_90a only

  constexpr int rows() const { return kSubrows * subrow_blocks; }   // of A in a problem
  constexpr int columns() const { return kTileColumns * strips; }   // of a thread block: a column of Stripes
  constexpr int slot_floats() const { return rows() * columns(); }  // of a slot in MarlinArgs::partials
  constexpr int team_threads() const { return 32 * strips * halves; }
  constexpr int threads() const { return team_threads() * teams; }
  /// The loading warps beside multiplying ones: the same stages, one warp a strip.
  constexpr MarlinSizes loading() const {
    return {.subrow_blocks = subrow_blocks,
            .halves = 1,
            .strips = strips,
            .teams = teams,
            .stages = stages,
            .wgmma = wgmma};
  }
  friend constexpr bool operator==(const MarlinSizes&, const MarlinSizes&) = default;
};

// The fastest measured on an H200. Up to 32 rows a team is one warp, so that no warp waits for another inside a slice.
inline constexpr MarlinSizes kRows8{.subrow_blocks = 1, .halves = 1, .strips = 1, .teams = 8, .stages = 3};
inline constexpr MarlinSizes kRows16{.subrow_blocks = 2, .halves = 1, .strips = 1, .teams = 8, .stages = 4};
inline constexpr MarlinSizes kRows32{.subrow_blocks = 4, .halves = 1, .strips = 1, .teams = 8, .stages = 2};
inline constexpr MarlinSizes kRows64{.subrow_blocks = 8, .halves = 2, .strips = 2, .teams = 3, .stages = 3};
inline constexpr MarlinSizes kRows64Hopper{
    .subrow_blocks = 8, .halves = 2, .strips = 2, .teams = 2, .stages = 6, .wgmma = true};

/// The instantiation for M rows of A. `hopper`: marlin_has_wgmma().
constexpr MarlinSizes marlin_sizes(int M, bool hopper) {
  if (M <= kRows8.rows()) return kRows8;
  if (M <= kRows16.rows()) return kRows16;
  if (M <= kRows32.rows()) return kRows32;
  return hopper ? kRows64Hopper : kRows64;
}

}  // namespace w4::kernel::cuda
