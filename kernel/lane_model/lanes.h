// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/layer/codes.h"
#include "repack/stages/weights.h"

#include <array>

namespace w4::kernel::lane_model {

inline constexpr int kLanes = 32;
inline constexpr int kThreads = 256;  // of a thread block
inline constexpr int kWarps = kThreads / kLanes;
inline constexpr int kStripN = repack::kTileN;        // columns of one warp: a tile's
inline constexpr int kBlocksPerStrip = kStripN / 16;  // 16 x 16 blocks of a tile; a lane has one word of each
inline constexpr int kBlockRows = 16;                 // rows of A in an mma
inline constexpr int kProblemRows = 4 * kBlockRows;   // rows of A that a thread block takes at once

// Fragments of mma.m16n8k16: PTX ISA, "Matrix Fragments for mma.m16n8k16 with floating point type".
struct KColumn {
  int k;
  int n;
};
struct RowColumn {
  int row;
  int n;
};

/// B (16 x 8): element 0..3 of a lane.
constexpr KColumn b_place(int lane, int element) {
  return {.k = 2 * (lane % 4) + element % 2 + 8 * (element / 2), .n = lane / 4};
}

/// C and D (16 x 8): element 0..3 of a lane.
constexpr RowColumn c_place(int lane, int element) {
  return {.row = lane / 4 + 8 * (element / 2), .n = 2 * (lane % 4) + element % 2};
}

// What our kernels load. A lane takes one word of each 16 x 16 block. Its 8 codes are its B fragments of the block's
// two mma: half 0 is columns 0..7, half 1 columns 8..15.

/// The word of a tile that holds block 0..3 of a lane.
constexpr int word_of(int lane, int block) { return kBlocksPerStrip * lane + block; }

/// The slot of that word that becomes an element of B: one lop3 yields slots b and b+4 as the halves of a register.
constexpr int slot_of(int half, int element) { return 2 * half + element / 2 + 4 * (element % 2); }

/// The column of the strip for (block, half, n of the mma).
constexpr int strip_column(int block, int half, int n) { return repack::kBlockN * block + 8 * half + n; }

/// Grouped: a lane reads its scales as 16 bytes, 8 places from 8 * (lane / 4), in the order of its (block, half).
constexpr int grouped_place(int lane, int block, int half) { return 8 * (lane / 4) + 2 * block + half; }

/// One group: the scale of an element of C, of the 2 x 16 bytes a lane reads: 8 places from 8 * (lane % 4) in each 32.
constexpr int single_place(int lane, int block, int half, int element) {
  return 32 * (block / 2) + 8 * (lane % 4) + 4 * (block % 2) + 2 * half + element % 2;
}

/// Partial sums handed over in 16 bits lie in C as lanes store them, 16 bytes at once, not at their own columns.
constexpr int handover_column(int column) { return 8 * (column % 8 / 2 + 4 * (column % 2)) + column / 8; }

// Each map is a bijection.

namespace lanes_check {

template <int kCount>
struct Once {
  std::array<int, kCount> seen{};
  bool in_range = true;
  constexpr void mark(int i) { i < 0 || i >= kCount ? void(in_range = false) : void(++seen[i]); }
  constexpr bool all() const {
    for (const int times : seen)
      if (times != 1) return false;
    return in_range;
  }
};

constexpr bool fragments() {
  Once<128> b, c;
  for (int lane = 0; lane < kLanes; ++lane) {
    for (int i = 0; i < 4; ++i) b.mark(8 * b_place(lane, i).k + b_place(lane, i).n);
    for (int i = 0; i < 4; ++i) c.mark(8 * c_place(lane, i).row + c_place(lane, i).n);
  }
  return b.all() && c.all();
}

constexpr bool tile() {  // the maps together are the tile of the format: design.md, section 3
  Once<repack::kTileCodes> from, to;
  for (int lane = 0; lane < kLanes; ++lane)
    for (int block = 0; block < kBlocksPerStrip; ++block)
      for (int half = 0; half < 2; ++half)
        for (int i = 0; i < 4; ++i) {
          const int slot = slot_of(half, i), e = 2 * (slot % 4) + slot / 4;
          const int k = b_place(lane, i).k, n = strip_column(block, half, b_place(lane, i).n);
          if (k != 2 * (lane % 4) + e % 2 + 8 * (e / 2 % 2) || n != 16 * block + lane / 4 + 8 * (e / 4)) return false;
          from.mark(kCodesPerWord * word_of(lane, block) + slot);
          to.mark(kStripN * k + n);
        }
  return from.all() && to.all();
}

constexpr bool places() {
  Once<kStripN> handover;
  for (int n = 0; n < kStripN; ++n) handover.mark(handover_column(n));
  for (int lane = 0; lane < kLanes; ++lane)
    for (int block = 0; block < kBlocksPerStrip; ++block)
      for (int half = 0; half < 2; ++half) {
        const int p = grouped_place(lane, block, half);
        if (p / 8 + 8 * (p % 8) != strip_column(block, half, lane / 4)) return false;
        for (int i = 0; i < 4; ++i) {
          const int q = single_place(lane, block, half, i), in32 = q % 32;
          const int column = 32 * (q / 32) + 2 * (in32 / 8) + in32 % 8 % 2 + 8 * (in32 % 8 / 2);
          if (column != strip_column(block, half, c_place(lane, i).n)) return false;
        }
      }
  return handover.all();
}

static_assert(fragments());
static_assert(tile());
static_assert(places());

}  // namespace lanes_check

}  // namespace w4::kernel::lane_model
