// SPDX-License-Identifier: Apache-2.0
#include "repack/packed.h"

#include "repack/stages/act_order.h"
#include "repack/stages/fragments.h"
#include "repack/stages/scale_order.h"
#include "repack/stages/tiles.h"

#include <algorithm>

namespace w4::repack {
namespace {

const Variant& chosen(const Stage& stage, const Recipe& recipe) {
  const auto entry = recipe.find(name_of(stage.id));
  return entry == recipe.end() ? stage.variants.front() : variant_of(stage, entry->second);
}

bool all_reference(const Recipe& recipe) {
  return std::all_of(stages().begin(), stages().end(),
                     [&](const Stage& stage) { return &chosen(stage, recipe) == &stage.variants.front(); });
}

/// The first `rows` rows and `cols` columns.
template <class T>
Grid<T> corner(const Grid<T>& grid, int rows, int cols) {
  return Grid<T>::from(rows, cols, [&](int r, int c) { return grid(r, c); });
}

}  // namespace

void drop_used(StageId stage, Weights& w) {
  switch (stage) {
    case StageId::codes: w.words = {}, w.pairs = {}; break;
    case StageId::zero_points: w.zero_words = {}, w.float_zeros = {}; break;
    case StageId::scales: w.stored_scales = {}, w.zeros = {}, w.row_group = {}, w.g_idx = {}; break;
    case StageId::scale_order: w.scales = {}; break;
    case StageId::tiles: w.codes = {}, w.kernel_zeros = {}; break;
    case StageId::fragments: w.tiles = {}; break;
    default: break;
  }
}

Packed packed_of(const Weights& w) {
  Packed packed;
  packed.K = w.padded_K();
  packed.N = w.padded_N();
  packed.stored_K = w.K;
  packed.stored_N = w.N;
  packed.group_size = w.kernel_group_size;
  packed.dtype = w.dtype;
  packed.words = w.packed;
  packed.scales = w.ordered_scales;
  packed.zeros = w.ordered_zeros;
  packed.perm = w.column_order;
  packed.bias = w.bias;
  return packed;
}

Packed repack(const fixtures::Layer& layer, const Recipe& recipe) {
  if (all_reference(recipe)) return repack_fused(layer);
  Weights w = weights_of(layer);
  for (const Stage& stage : stages()) {
    w = chosen(stage, recipe).apply(w);
    drop_used(stage.id, w);
  }
  return packed_of(w);
}

Unpacked unpack(const Packed& packed) {
  const int groups = packed.one_group() ? 1 : packed.stored_K / packed.group_size;
  Unpacked out;
  const auto codes = tiles::codes_of(fragments::tiles_of(packed.words), packed.stored_K, packed.stored_N, packed.N);
  out.codes = act_order::rows_as_stored(codes, packed.perm);
  out.scales = corner(scale_order::natural_scales(packed.scales, packed.one_group()), groups, packed.stored_N);
  if (!packed.zeros.empty()) out.zeros = corner(scale_order::natural_zeros(packed.zeros), groups, packed.stored_N);
  return out;
}

}  // namespace w4::repack
