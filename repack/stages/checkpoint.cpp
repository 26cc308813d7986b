// SPDX-License-Identifier: Apache-2.0
#include "repack/stages/checkpoint.h"

#include "fixtures/error.h"
#include "repack/stages/codes.h"
#include "repack/stages/cut_faults.h"
#include "repack/stages/fragments.h"
#include "repack/stages/tiles.h"

#include <algorithm>
#include <functional>

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

using fixtures::Format;

/// Column n of the result is column order(n).
using ColumnOrder = std::function<int(int)>;

/// Columns of a grid whose last axis (or, `rows`, whose first) holds `per_cell` of them a cell; `order` keeps whole
/// cells together.
template <class T>
Grid<T> picked(const Grid<T>& grid, const ColumnOrder& order, bool rows, int per_cell) {
  const auto from = [&](int cell) { return order(cell * per_cell) / per_cell; };
  return Grid<T>::from(grid.rows(), grid.cols(),
                       [&](int r, int c) { return rows ? grid(from(r), c) : grid(r, from(c)); });
}

/// Rows take their scales as if groups were twice as long; the group size that the kernel is given stays right.
Weights group_size_misinferred(const Weights& stored) {
  Weights w = reference(stored);
  w.group_size = std::min(2 * w.group_size, w.K);
  return w;
}

/// Words of a repacked layer in the shape of a checkpoint: (K/16, 2N) read as (K/8, N).
Weights double_transform(const Weights& stored) {
  Weights w = reference(stored);
  if (w.format != Format::gptq || w.K % kPadK != 0 || w.N % kPadN != 0) return w;
  const Grid<std::uint32_t> packed = fragments::reference(tiles::reference(codes::reference(w))).packed;
  w.words = codes::with_shape(packed, w.K / kCodesPerWord, w.N);
  return w;
}

/// The defaults of a quantisation config: one group a column, and no act-order. The scales of
/// the layer's other groups are never read.
Weights config_flag_lost(const Weights& stored) {
  Weights w = stored;
  w.group_size = w.K;
  w.kernel_group_size = w.K;
  w.g_idx = {};
  return w;
}

/// The layer with its columns in another order, as when projections of a fused layer are joined along N.
Weights with_columns(const Weights& w, const ColumnOrder& order) {
  Weights out = w;
  const bool rows = w.format == Format::compressed_tensors;  // N is the first axis there
  out.words = w.format == Format::awq ? picked(w.words, order, rows, kCodesPerWord) : picked(w.words, order, rows, 1);
  out.pairs = picked(w.pairs, order, rows, 1);
  out.zero_words = picked(w.zero_words, order, rows, kCodesPerWord);
  out.float_zeros = picked(w.float_zeros, order, rows, 1);
  out.stored_scales = picked(w.stored_scales, order, rows, 1);
  out.bias = picked(w.bias, order, false, 1);
  return out;
}

/// Three blocks of N, as q, k and v are: the second and the third are swapped.
Weights concat_order(const Weights& stored) {
  constexpr int kProjections = 3;
  const Weights w = reference(stored);
  if (w.N % (kProjections * kCodesPerWord) != 0) return w;
  const int block = w.N / kProjections;
  return with_columns(w, [block](int n) { return n < block ? n : n < 2 * block ? n + block : n - block; });
}

/// Two blocks (G, N/2) below each other, (2G, N/2), where they belong beside each other: the bytes that (G, N) is read
/// from. Where N is the first axis the same happens the other way round.
template <class T>
Grid<T> joined_on_the_other_axis(const Grid<T>& grid, bool n_first) {
  const int rows = grid.rows(), cols = grid.cols();
  return Grid<T>::from(rows, cols, [&](int r, int c) {
    if (n_first) return grid(r % 2 * rows / 2 + r / 2, c);
    const int row = 2 * r + c / (cols / 2);  // of the two blocks
    return grid(row % rows, row / rows * cols / 2 + c % (cols / 2));
  });
}

/// Two blocks of N, as gate and up are: their scales and zero points are concatenated along the groups.
Weights concat_axis(const Weights& stored) {
  Weights w = reference(stored);
  if (w.N % (2 * kCodesPerWord) != 0) return w;
  const bool n_first = w.format == Format::compressed_tensors;
  w.stored_scales = joined_on_the_other_axis(w.stored_scales, n_first);
  w.zero_words = joined_on_the_other_axis(w.zero_words, n_first);
  w.float_zeros = joined_on_the_other_axis(w.float_zeros, n_first);
  return w;
}

/// The reference of a cut that kCut has cut.
template <Weights (*kCut)(const Weights&)>
Weights cut(const Weights& stored) {
  return reference(kCut(stored));
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
    {"config-flag-lost", "config-flag-lost", config_flag_lost,
     "goes by the defaults of the quantisation config: group_size -1 and no act-order, whatever is stored",
     "pass group_size and desc_act on, and hold them against the rows of scales and g_idx",
     "the layer has more than one group"},
    {"concat-axis", "fused-concat-axis", concat_axis,
     "joins the scales and zero points of a fused layer's two halves of N along the groups",
     "concatenate the projections of a fused layer along N: the last axis of scales (groups, N)",
     "N is a multiple of 16, and the layer has more than one group or is compressed-tensors"},
    {"concat-order", "fused-concat-axis", concat_order,
     "joins the projections of a fused layer in the wrong order: the second and the third block of N change places",
     "concatenate the projections in the order in which their outputs are taken apart", "N is a multiple of 24"},
    {"actorder-tp-scales", "actorder-tp-scales", cut<cut_faults::scales_cut_with_rows>,
     "cuts the scales of an act-order layer as its rows are cut: what g_idx names is another group, or behind the end",
     "give every rank all groups of scales when the rows of a group may lie anywhere, or those of its own rows",
     "the layer is a slice of rows with act-order and more than one group"},
    {"actorder-expert-offset", "actorder-expert-offset", cut<cut_faults::expert_offset_of_cut>,
     "steps K_slice / group_size groups of scales from expert to expert, and each has those of the whole K",
     "step the number of groups that are stored from expert to expert",
     "the layer is a slice of rows, with act-order and more than one group, of an expert that is not the first"},
    {"gidx-shard-length", "gidx-shard-length", cut<cut_faults::g_idx_cut_as_words>,
     "cuts g_idx where the packed rows are cut, at rank * K_slice / 8",
     "cut g_idx along its own axis, K: it is not packed",
     "the layer is a slice of rows, not of the first rank, with act-order and more than one group"},
    {"tp-channelwise-null-scale", "tp-channelwise-null-scale", cut<cut_faults::no_scales>,
     "counts K_slice / K = 0 groups for a slice of a layer with one group, and passes no scales",
     "give every rank the one row of scales", "the layer is a slice of rows of a layer with one group"},
    {"tp-shard-splits-group", "tp-shard-splits-group", cut<cut_faults::groups_from_first_row>,
     "counts groups from the slice's first row, which lies inside one: its rest is taken for a whole group",
     "count groups from the layer's first row, write scales in groups that divide the slice, or cut between groups",
     "the layer is a slice of rows that begins inside a group, and has no act-order"},
    {"moe-routing-index", "moe-routing-index", cut<cut_faults::next_expert>,
     "takes the weights of the next expert: the place in the sorted list of tokens for the token's own",
     "look the expert up by the index that the list was sorted by", "the layer is one of several experts"},
};

}  // namespace

Stage stage() {
  return {StageId::checkpoint, "tensors as stored: dtype, shape, order, config against data", kVariants};
}

}  // namespace w4::repack::checkpoint
