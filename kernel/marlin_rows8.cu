// SPDX-License-Identifier: Apache-2.0
#include "kernel/marlin_dispatch.cuh"

namespace w4::kernel {

int launch_rows8(const MarlinArgs& args, const MarlinChoice& choice, void* stream) {
  return launch_rows<Rows8>(args, choice, stream);
}

}  // namespace w4::kernel
