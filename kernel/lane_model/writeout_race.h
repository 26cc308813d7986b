// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/lane_model/pipeline.h"
#include "kernel/lane_model/reduce.h"

#include <cstdint>
#include <vector>

namespace w4::kernel::lane_model {

/// Applies the missing barrier after the write-out to a finished C. C is staged in the shared memory of A's pipeline. A
/// thread block that continues with another column loads A there while slower warps still read C. Only the last slice
/// of a column stages C, and only a slice that is a whole column is followed by another column.
///
/// Which of the 16-byte pieces are hit depends on launch.number alone: at least one, at most 0.4 % of C. Each is
/// replaced by the piece of A that the pipeline loads there. Limited to problems of 64 rows.
void overwrite_after_writeout(const Task& task, const Plan& plan, const Pipeline& pipeline,
                              std::vector<std::uint16_t>& C);

}  // namespace w4::kernel::lane_model
