// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/run.h"

#include <vector>

namespace w4::kernel::cuda {

/// How the CUDA kernel splits a task into slices: the oracle needs it to model 16-bit handover.
struct MarlinPlan {
  int problem_rows = 0;
  int thread_n = 0;  // width of a column
  int problems = 0;
  int columns = 0;
  int thread_blocks = 0;
  std::vector<std::vector<Slice>> slices;  // [problem * columns + column]: from k = 0 up
};

/// `multiprocessors` of the device are used when task.launch.thread_blocks is 0.
MarlinPlan marlin_plan(const Task& task, int multiprocessors);

}  // namespace w4::kernel::cuda
