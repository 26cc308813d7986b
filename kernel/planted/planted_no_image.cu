// SPDX-License-Identifier: Apache-2.0
// A plug-in compiled for sm_80 without PTX: sm_90 and later cannot run it.
#include "kernel/plugin.h"

namespace {

__global__ void kernel_of_sm_80(const W4Call call) {
  if (threadIdx.x == 0) call.C[0] = 0;
}

int run(const W4Call* call) {
  kernel_of_sm_80<<<1, 32, 0, static_cast<cudaStream_t>(call->stream)>>>(*call);
  return W4_DONE;  // does not check the launch
}

}  // namespace

extern "C" const W4Plugin* w4_plugin(void) {
  static W4Plugin plugin;
  plugin.version = W4_PLUGIN_VERSION;
  plugin.name = "compiled for sm_80";
  plugin.pointers = W4_DEVICE;
  plugin.formats = W4_MARLIN;
  plugin.types = W4_FP16 | W4_BF16;
  plugin.groups = W4_GROUP_128 | W4_ONE_GROUP;
  plugin.run = run;
  return &plugin;
}
