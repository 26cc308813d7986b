// SPDX-License-Identifier: Apache-2.0
// The plug-in behind `--kernel naive`.
#include "kernel/cuda/naive_launch.h"
#include "kernel/plugin.h"

namespace {

int run(const W4Call* call) {
  const int error = w4::kernel::cuda::launch_naive({.A = call->A,
                                                    .words = call->words,
                                                    .scales = call->scales,
                                                    .zeros = call->zeros,
                                                    .perm = call->perm,
                                                    .bias = call->bias,
                                                    .C = call->C,
                                                    .M = call->M,
                                                    .N = call->padded_N,
                                                    .stored_N = call->N,
                                                    .stored_K = call->K,
                                                    .group_size = call->group_size,
                                                    .one_group = call->groups == 1,
                                                    .bf16 = call->type == W4_BF16},
                                                   call->stream);
  return error == 0 ? W4_DONE : W4_CUDA_ERROR + error;
}

constexpr W4Plugin kPlugin = {.version = W4_PLUGIN_VERSION,
                              .name = "w4 naive",
                              .pointers = W4_DEVICE,
                              .formats = W4_MARLIN,
                              .types = W4_FP16 | W4_BF16,
                              .groups = W4_GROUP_32 | W4_GROUP_64 | W4_GROUP_128 | W4_ONE_GROUP,
                              .extras = W4_ZEROS | W4_PERM | W4_BIAS,
                              .workspace_bytes = nullptr,
                              .scratch_bytes = nullptr,
                              .run = run};

}  // namespace

extern "C" const W4Plugin* w4_plugin(void) { return &kPlugin; }
