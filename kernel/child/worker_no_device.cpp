// SPDX-License-Identifier: Apache-2.0
#include "kernel/child/worker_device.h"

namespace w4::kernel::worker {

std::string why_no_device() { return "this build has no CUDA: no toolkit was found when it was configured"; }
std::string device_name() { return ""; }
std::string driver_version() { return ""; }
int multiprocessors() { return 0; }
void run_on_device(const Request&, std::byte*, const W4Plugin&, Answer&) {}

}  // namespace w4::kernel::worker
