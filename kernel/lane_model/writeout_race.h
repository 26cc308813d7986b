// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/lane_model/pipeline.h"
#include "kernel/lane_model/reduce.h"

#include <cstdint>
#include <vector>

namespace w4::kernel::lane_model {

/// What the missing barrier after the write-out does to a C that is otherwise finished. C is staged in the shared
/// memory that A's pipeline uses; a thread block that goes on to another column loads A there while slower warps still
/// read. Only the slice that writes (the top one) stages C, and only one that holds the whole column has something to
/// go on to.
///
/// Which of the 16-byte pieces are hit depends on launch.number alone: at least one, at most 0.4 % of C. Each becomes
/// the piece of A that the pipeline puts at its place. Narrower than the hazard itself, as observed: grouped, full 64
/// rows.
void overwrite_after_writeout(const Task& task, const Plan& plan, const Pipeline& pipeline,
                              std::vector<std::uint16_t>& C);

}  // namespace w4::kernel::lane_model
