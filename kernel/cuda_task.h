// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/device.h"
#include "kernel/run.h"

namespace w4::kernel {

/// A task's tensors on the device, each between guards. C holds the launch's fill.
struct TaskOnDevice {
  explicit TaskOnDevice(const Task& task);

  DeviceBuffer A, words, scales, zeros, perm, bias, C;

  bool guards_intact() const;
};

/// Throws CannotTest for a task no kernel of ours takes, and where there is no device.
void check_for_device(const Task& task);

/// C as the launch's fill left it, for a launch that did not end well.
Grid<std::uint16_t> filled_output(const Task& task);

/// The (M, stored_N) of C that the caller sees.
Grid<std::uint16_t> output_of(const TaskOnDevice& on_device, const Task& task);

}  // namespace w4::kernel
