// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "repack/stages/stage.h"

#include <cstdint>

namespace w4::fixtures::files {
struct Container;
}

namespace w4::repack {

/// What a Marlin-format kernel reads.
struct Packed {
  int K = 0;  // padded: multiples of kPadK and kPadN
  int N = 0;
  int stored_K = 0;  // the layer's
  int stored_N = 0;
  int group_size = 0;  // 32, 64 or 128; K when one group covers the column
  DType dtype = DType::fp16;
  Grid<std::uint32_t> words;   // (K/16, 2N)
  Grid<std::uint16_t> scales;  // (groups, N), kernel order
  Grid<std::uint32_t> zeros;   // (groups, N/8), kernel order; empty: symmetric
  Grid<std::int32_t> perm;     // 1 x stored_K: column of A that meets row i; empty: column i
  Grid<std::uint16_t> bias;    // 1 x stored_N, natural order; empty: none

  int groups() const { return group_size >= stored_K ? 1 : K / group_size; }
  bool one_group() const { return groups() == 1; }
};

/// Runs the eight stages of `recipe` on a layer (entries for other stages are ignored). Throws CannotTest for a layer
/// the Marlin format cannot hold (group_size other than 32, 64, 128 or K; a float zero point that is no integer 0..15;
/// g_idx with groups of unequal length).
Packed repack(const fixtures::Layer& layer, const Recipe& recipe = {});

/// The reference repack of every stage with the work on codes in one pass: the same bits as the chain, without the
/// arrays between. What repack() uses when the recipe asks for nothing else.
Packed repack_fused(const fixtures::Layer& layer);

/// The last value of the chain as a kernel takes it.
Packed packed_of(const Weights& weights);

/// Drops what no stage after `stage` reads, to keep a chain small in memory.
void drop_used(StageId stage, Weights& weights);

/// Inverts the reference repack: codes (stored_K, stored_N) in stored row order, zero points, scales. Gives back what
/// repack() was given. Groups of padding are left out.
struct Unpacked {
  Grid<std::uint8_t> codes;    // (stored_K, stored_N)
  Grid<std::uint8_t> zeros;    // (stored groups, stored_N); empty: symmetric
  Grid<std::uint16_t> scales;  // (stored groups, stored_N)
};
Unpacked unpack(const Packed& packed);

/// Tensors of an external packer: B i32 (K/16, 2N), scales (groups, N) in kernel order, zeros i32 (groups, N/8) and
/// perm i32 (K) where there are any, plain or under the layer's name; bias comes from the layer. Throws InputError
/// unless they fit the layer's shape.
Packed read_packed(const fixtures::files::Container& container, const fixtures::Layer& layer);

}  // namespace w4::repack
