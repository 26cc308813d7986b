// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/device.h"
#include "kernel/run.h"

#include <string>
#include <vector>

namespace w4::kernel {

/// Our tensor-core kernel on the Marlin format. As run_lane_model(), but: launch.thread_blocks 0 is all
/// multiprocessors; block_tile is not looked at; the workspace holds a lock for each column and problem of cuda_plan().
/// Deterministic: the same task and thread_blocks give the same bits. Launch and synchronise errors carry CUDA's names,
/// and C then holds the fill. Throws CannotTest for what the kernel does not take, naming the values, and where there
/// is no device.
RunResult run_cuda(const Task& task);

/// How run_cuda() would share a task out, for those who model its rounding.
struct CudaPlan {
  int problem_rows = 0;
  int thread_n = 0;  // outputs in a column
  int problems = 0;
  int columns = 0;
  int thread_blocks = 0;
  std::vector<std::vector<Slice>> slices;  // [problem * columns + column]: from k = 0 up
};
CudaPlan cuda_plan(const Task& task);

}  // namespace w4::kernel
