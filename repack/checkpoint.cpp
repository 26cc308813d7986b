// SPDX-License-Identifier: Apache-2.0
#include "repack/checkpoint.h"

#include "fixtures/error.h"
#include "repack/codes.h"
#include "repack/fragments.h"
#include "repack/tiles.h"

#include <algorithm>

namespace w4::repack::checkpoint {

int kernel_group_size(int K, int group_size) {
  if (group_size == K || group_size == 32 || group_size == 64 || group_size == 128) return group_size;
  throw CannotTest("group_size {} is none of 32, 64, 128 and K={}: the Marlin format has no such groups", group_size,
                   K);
}

Weights reference(const Weights& stored) {
  Weights w = stored;
  w.kernel_group_size = kernel_group_size(w.K, w.group_size);
  return w;
}

namespace {

/// The kernel keeps its groups, but the rows are told to share scales twice as far.
Weights group_size_misinferred(const Weights& stored) {
  Weights w = reference(stored);
  w.group_size = std::min(2 * w.group_size, w.K);
  return w;
}

/// The words are those that a repack already made, with the shape that a checkpoint's have: (K/16, 2N) is (K/8, N).
Weights double_transform(const Weights& stored) {
  Weights w = reference(stored);
  if (w.format != fixtures::Format::gptq || w.K % kPadK != 0 || w.N % kPadN != 0) return w;
  const Grid<std::uint32_t> packed = fragments::reference(tiles::reference(codes::reference(w))).packed;
  w.words = codes::with_shape(packed, w.K / kCodesPerWord, w.N);
  return w;
}

constexpr Variant kVariants[] = {
    {"reference", "", reference, "", "", ""},
    {"group-size-misinferred", "group-size-misinferred", group_size_misinferred,
     "takes the group size for twice what it is, so that groups end at the wrong k",
     "take group_size from the config and hold it against the rows of scales: K / rows",
     "the layer has more than one group and no act-order"},
    {"double-transform", "double-transform", double_transform,
     "reads words that are in the kernel's order already and repacks them a second time",
     "repack once: save a layer as it was loaded, or mark the saved one as repacked",
     "the layer is GPTQ and K and N are multiples of 64"},
};

}  // namespace

Stage stage() { return {"checkpoint", "tensors as stored: dtype, shape, order, config against data", kVariants}; }

}  // namespace w4::repack::checkpoint
