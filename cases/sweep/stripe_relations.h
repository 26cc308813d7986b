// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/sweep/change_points.h"
#include "kernel/run.h"

namespace w4::cases::sweep {

/// Conditions on how thread blocks share the work (kernel/lane_model/plan.h), over the axes of shapes_around() with
/// thread blocks: that a stripe has several block_tiles, that a column is summed by several thread blocks, that stripes
/// do not end where 64 rows of A do, that a thread block continues after a column that it sums alone.
std::vector<Relation> relations_of_stripes(const kernel::BlockTile& block_tile);

}  // namespace w4::cases::sweep
