// SPDX-License-Identifier: Apache-2.0
#include "kernel/cuda_task.h"

#include "kernel/cuda_kernel.h"
#include "kernel/launch.h"

#include <algorithm>
#include <vector>

namespace w4::kernel {

namespace {

template <class T>
DeviceBuffer copy_of(const char* name, const Grid<T>& grid) {
  return {name, grid.data(), grid.size() * sizeof(T)};
}

/// Bias of all N columns: the kernels write the padding as well.
DeviceBuffer padded_bias(const repack::Packed& packed) {
  if (packed.bias.empty()) return {};
  std::vector<std::uint16_t> bias(static_cast<std::size_t>(packed.N));
  std::copy(packed.bias.cells().begin(), packed.bias.cells().end(), bias.begin());
  return {"bias", bias.data(), bias.size() * sizeof bias[0]};
}

DeviceBuffer filled(const Task& task) {
  const std::vector<std::uint16_t> fill(static_cast<std::size_t>(task.A.rows()) * task.packed.N, task.launch.fill);
  return {"C", fill.data(), fill.size() * sizeof fill[0]};
}

}  // namespace

TaskOnDevice::TaskOnDevice(const Task& task)
    : A(copy_of("A", task.A)),
      words(copy_of("words", task.packed.words)),
      scales(copy_of("scales", task.packed.scales)),
      zeros(copy_of("zeros", task.packed.zeros)),
      perm(copy_of("perm", task.packed.perm)),
      bias(padded_bias(task.packed)),
      C(filled(task)) {}

bool TaskOnDevice::guards_intact() const {
  const DeviceBuffer* const all[] = {&A, &words, &scales, &zeros, &perm, &bias, &C};
  return std::all_of(std::begin(all), std::end(all),
                     [](const DeviceBuffer* buffer) { return buffer->guards_intact(); });
}

void check_for_device(const Task& task) {
  if (task.launch.thread_blocks < 0)
    throw CannotTest("thread_blocks={}: 0 (one a multiprocessor) or more are needed", task.launch.thread_blocks);
  if (task.launch.reduce_bits != 16 && task.launch.reduce_bits != 32)
    throw CannotTest("reduce_bits={}: partial sums are handed over in 16 or 32 bits", task.launch.reduce_bits);
  check({.A = task.A, .packed = task.packed, .launch = {}});  // what is the lane model's own stays at its default
  std::string why;
  if (!cuda_available(&why)) throw CannotTest("{}", why);
}

Grid<std::uint16_t> filled_output(const Task& task) {
  return Grid<std::uint16_t>::made(task.A.rows(), task.packed.stored_N, [&](std::span<std::uint16_t> out) {
    std::fill(out.begin(), out.end(), task.launch.fill);
  });
}

Grid<std::uint16_t> output_of(const TaskOnDevice& on_device, const Task& task) {
  const int M = task.A.rows(), N = task.packed.N, stored_N = task.packed.stored_N;
  std::vector<std::uint16_t> C(static_cast<std::size_t>(M) * N);
  on_device.C.download(C.data());
  return Grid<std::uint16_t>::made(M, stored_N, [&](std::span<std::uint16_t> out) {
    for (int m = 0; m < M; ++m)
      std::copy_n(&C[static_cast<std::size_t>(m) * N], stored_N, &out[static_cast<std::size_t>(m) * stored_N]);
  });
}

}  // namespace w4::kernel
