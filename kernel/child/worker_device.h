// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/child/worker_protocol.h"

#include <cstddef>
#include <string>

namespace w4::kernel::worker {

// The GPU half of a worker. A build without CUDA never has a device.

/// Selects the device. Empty: done; otherwise why there is none.
std::string why_no_device();

/// "NVIDIA H200, sm_90, 132 multiprocessors"; only where there is a device.
std::string device_name();
/// "CUDA 12.8": the newest that the driver runs.
std::string driver_version();
int multiprocessors();

/// One run of a plug-in on device copies of the buffers in `memory`, guard zones included. They are copied back unless
/// the context was lost. Failures are in the answer.
void run_on_device(const Request& request, std::byte* memory, const W4Plugin& plugin, Answer& answer);

}  // namespace w4::kernel::worker
