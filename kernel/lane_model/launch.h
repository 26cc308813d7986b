// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/lane_model/lane_model.h"

#include <span>

namespace w4::kernel::lane_model {

/// From the caller to the first thread block: `reference`, or a known wrong way.
enum class LaunchWay {
  reference,
  instantiation_missing,  // the entry point returns 2, and its caller ignores that
  grid_invalid,           // a grid of -1 thread blocks; the error is ignored
  output_to_temporary,    // the kernel writes a converted copy of C, which is discarded
  l2_hint_illegal,        // one instantiation has an illegal instruction; only a synchronise reports it
  shape_check_dead,       // the caller's check of N never fires, and the entry point's code 1 is ignored
};

/// The ways, in the order of LaunchWay.
std::span<const Variant> launch_variants();

/// Whether the kernel runs to its end. l2_hint_illegal: not when grouped, with block_tile 128x128 and M of 16 or less.
bool runs(LaunchWay way, const Task& task);

/// The errors that the caller of a kernel that does not run could have checked.
void refuse(LaunchWay way, RunResult& result);

/// Locks that a launch needs: one a block_tile column and 64-row problem.
int locks_needed(const Task& task);

/// Throws CannotTest, naming the values, for a task that the kernel does not take.
void check(const Task& task);

/// Checks the tensors alone: a kernel that reads by these sizes must not read beyond them.
void check_shapes(const Task& task);

}  // namespace w4::kernel::lane_model
