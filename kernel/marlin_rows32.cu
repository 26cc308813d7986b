// SPDX-License-Identifier: Apache-2.0
#include "kernel/marlin_dispatch.cuh"

namespace w4::kernel {

int launch_rows32(const MarlinArgs& args, const MarlinChoice& choice, void* stream) {
  return launch_rows<Rows32>(args, choice, stream);
}

}  // namespace w4::kernel
