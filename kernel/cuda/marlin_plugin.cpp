// SPDX-License-Identifier: Apache-2.0
// The plug-in behind `--kernel cuda`: our Marlin kernel through the interface of a user's kernel.
#include "kernel/cuda/marlin_run.h"

extern "C" const W4Plugin* w4_plugin(void) {
  static const W4Plugin plugin = w4::kernel::cuda::marlin_plugin();
  return &plugin;
}
