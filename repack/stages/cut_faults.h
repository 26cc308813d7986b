// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "repack/stages/weights.h"

namespace w4::repack::cut_faults {

// Known wrong ways to cut a part out of a layer: variants of `checkpoint` (design.md, section 2). Each takes a
// correctly cut cut and returns it as the faulty code cuts it. Whole layers and other cuts are returned unchanged.

/// Act-order, rows: a rank keeps its own part of the scales, in which the groups of g_idx lie elsewhere or not at all.
Weights scales_cut_with_rows(const Weights& w);

/// Act-order, rows of an expert: the scales of expert e are read from group e * K_cut / group_size on.
Weights expert_offset_of_cut(const Weights& w);

/// Act-order, rows: g_idx is cut where the packed rows are, K / 8 of them.
Weights g_idx_cut_as_words(const Weights& w);

/// Rows of a layer with one group: K_slice / K = 0 groups of scales are passed.
Weights no_scales(const Weights& w);

/// Rows that begin inside a group: groups are counted from the cut's first row.
Weights groups_from_first_row(const Weights& w);

/// An expert: the tensors are those of the next one.
Weights next_expert(const Weights& w);

}  // namespace w4::repack::cut_faults
