// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/run.h"

#include <vector>

namespace w4::kernel::cuda {

/// How the CUDA kernel shares a task out, for those who model its rounding.
struct MarlinPlan {
  int problem_rows = 0;
  int thread_n = 0;  // outputs in a column
  int problems = 0;
  int columns = 0;
  int thread_blocks = 0;
  std::vector<std::vector<Slice>> slices;  // [problem * columns + column]: from k = 0 up
};

/// `multiprocessors`: of the device, for a task whose launch.thread_blocks is 0.
MarlinPlan marlin_plan(const Task& task, int multiprocessors);

}  // namespace w4::kernel::cuda
