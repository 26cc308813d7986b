// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/run.h"

namespace w4::kernel {

/// The naive CUDA kernel: one thread an output, every code looked up by the closed formulas of the format. It shares no
/// line with the Marlin kernel; same rounding points, fp32 sums in the order of K. Throws CannotTest for what it does
/// not take, and where there is no device.
RunResult run_naive(const Task& task);

}  // namespace w4::kernel
