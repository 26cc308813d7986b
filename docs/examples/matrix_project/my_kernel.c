/* SPDX-License-Identifier: Apache-2.0 */
/* Stands for your kernel: a short plug-in on the host that takes fp16 without zero points and refuses the rest, which the
 * matrix reports as unsupported. -DNATURAL_SCALES makes a mistake in it. */
#include "kernel/plugin.h"

#include <stddef.h>

static int code_at(const W4Call* call, int k, int n) {
  const int lane = 4 * (n % 8) + k % 8 / 2, slot = 2 * (n % 16 / 8) + k % 16 / 8 + 4 * (k % 2);
  const size_t tile = (size_t)(k / 16) * 2 * (size_t)call->padded_N + (size_t)(n / 64) * 128;
  return (int)(call->words[tile + (size_t)(4 * lane + n % 64 / 16)] >> 4 * slot & 15);
}

/* Where the scale of column n lies in its row. */
static int place_of(const W4Call* call, int n) {
#ifdef NATURAL_SCALES
  return (void)call, n;
#else
  if (call->groups == 1) return n / 32 * 32 + n % 8 / 2 * 8 + n % 32 / 8 * 2 + n % 2;
  return n / 64 * 64 + n % 8 * 8 + n % 64 / 8;
#endif
}

static double weight_at(const W4Call* call, int k, int n) {
  const int group = call->groups == 1 ? 0 : k / call->group_size;
  const size_t place = (size_t)group * (size_t)call->padded_N + (size_t)place_of(call, n);
  return (double)((const _Float16*)call->scales)[place] * (code_at(call, k, n) - 8);
}

static int run(const W4Call* call) {
  const _Float16 *A = (const _Float16*)call->A, *bias = (const _Float16*)call->bias;
  double* sums = (double*)call->scratch;
  for (int n = 0; n < call->N; ++n) {
    for (int m = 0; m < call->M; ++m) sums[m] = bias == NULL ? 0 : (double)bias[n];
    for (int k = 0; k < call->K; ++k) {
      const double weight = weight_at(call, k, n);
      const size_t column = (size_t)(call->perm == NULL ? k : call->perm[k]);
      for (int m = 0; m < call->M; ++m) sums[m] += weight * (double)A[(size_t)m * (size_t)call->K + column];
    }
    for (int m = 0; m < call->M; ++m) ((_Float16*)call->C)[(size_t)m * (size_t)call->N + (size_t)n] = (_Float16)sums[m];
  }
  return W4_DONE;
}

static int64_t scratch_bytes(const W4Call* call) { return (int64_t)sizeof(double) * call->M; }

static const W4Plugin kPlugin = {
    .version = W4_PLUGIN_VERSION,
    .name = "my kernel",
    .pointers = W4_HOST,
    .formats = W4_MARLIN,
    .types = W4_FP16,
    .groups = W4_GROUP_32 | W4_GROUP_64 | W4_GROUP_128 | W4_ONE_GROUP,
    .extras = W4_PERM | W4_BIAS,
    .scratch_bytes = scratch_bytes,
    .run = run,
};

const W4Plugin* w4_plugin(void) { return &kPlugin; }
