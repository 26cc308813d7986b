// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "repack/stages/weights.h"

namespace w4::repack::cut_faults {

// Known wrong ways to cut a layer: variants of `checkpoint` (design.md, section 2). Each takes the cut
// as it should be cut and gives it as it was cut; a layer that is whole, or cut in a way that they do not concern,
// comes back as it is.

/// Act-order, rows: a rank keeps its own part of the scales, in which the groups of g_idx lie elsewhere or not at all.
Weights scales_cut_with_rows(const Weights& w);

/// Act-order, rows of an expert: its scales are looked for K_slice / group_size groups an expert further.
Weights expert_offset_of_cut(const Weights& w);

/// Act-order, rows: g_idx is cut where the packed rows are, K / 8 of them.
Weights g_idx_cut_as_words(const Weights& w);

/// Rows of a layer with one group: K_slice / K groups of scales are none.
Weights no_scales(const Weights& w);

/// Rows from inside a group on: groups are counted from the cut's first row.
Weights groups_from_first_row(const Weights& w);

/// An expert: the tensors are those of the next one.
Weights next_expert(const Weights& w);

}  // namespace w4::repack::cut_faults
