// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/child/worker_protocol.h"

#include <cstddef>
#include <string>

namespace w4::kernel::worker {

// The GPU half of a worker. Where this is built without CUDA there never is a device.

/// Empty: there is a device, and it is in use from now on. Otherwise why there is none.
std::string why_no_device();

/// "NVIDIA H200, sm_90, 132 multiprocessors"; only where there is a device.
std::string device_name();
int multiprocessors();

/// One run of a plug-in on copies of the buffers in `memory`, guard zones included; they come back, unless the run cost
/// the context. What went wrong is in the answer.
void run_on_device(const Request& request, std::byte* memory, const W4Plugin& plugin, Answer& answer);

}  // namespace w4::kernel::worker
