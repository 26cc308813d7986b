// SPDX-License-Identifier: Apache-2.0
// What `--kernel cuda` runs: our Marlin kernel as the plug-in that anybody else's would be.
#include "kernel/cuda/marlin_run.h"

extern "C" const W4Plugin* w4_plugin(void) {
  static const W4Plugin plugin = w4::kernel::cuda::marlin_plugin();
  return &plugin;
}
