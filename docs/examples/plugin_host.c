/* SPDX-License-Identifier: Apache-2.0 */
/* A whole plug-in: dequantises the Marlin format on the host, one column after another.
 *
 *   cc -O2 -shared -fPIC -I . docs/examples/plugin_host.c -o libplugin_host.so
 *   ./bisect b 128 --kernel plugin:libplugin_host.so */
#include "kernel/plugin.h"

#include <stddef.h>
#include <string.h>

static float float_of_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static float value_of(uint16_t bits, int type) {
  if (type == W4_BF16) return float_of_bits((uint32_t)bits << 16);
  const uint32_t sign = (uint32_t)(bits & 0x8000) << 16, magnitude = bits & 0x7FFF;
  if (magnitude >= 0x7C00) return float_of_bits(sign | 0x7F800000u | (magnitude & 0x3FF) << 13);
  /* the exponent's bias is 112 smaller: a multiplication puts that right, subnormal numbers included */
  return float_of_bits(sign | magnitude << 13) * 0x1p112f;
}

/* To a whole number, ties to even: `unit` is 2^23, beyond which floats have no binary places. */
static float rounded(float value, float unit) { return (value + unit) - unit; }

static uint16_t fp16_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
  const uint32_t magnitude = bits & 0x7FFFFFFF;
  if (magnitude > 0x7F800000) return sign | 0x7E00;
  if (magnitude >= 0x477FF000) return sign | 0x7C00; /* rounds to 65536 or more */
  if (magnitude < 0x38800000) {                      /* subnormal: a multiple of 2^-24 */
    const float units = rounded(float_of_bits(magnitude) * 0x1p24f, 0x1p23f);
    return sign | (uint16_t)units;
  }
  return sign | (uint16_t)((magnitude - 0x38000000 + 0xFFF + (magnitude >> 13 & 1)) >> 13);
}

static uint16_t bits_of(float value, int type) {
  uint32_t bits;
  if (type != W4_BF16) return fp16_of(value);
  memcpy(&bits, &value, sizeof bits);
  return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

/* Row k and column n of a tile of 16 x 64 lie in one slot of one of its 128 words. */
static int code_at(const W4Call* call, int k, int n) {
  const int row = k % 16, column = n % 16;
  const int lane = 4 * (column % 8) + row % 8 / 2;
  const int slot = 2 * (column / 8) + row / 8 + 4 * (row % 2);
  const size_t tile = (size_t)(k / 16) * (size_t)call->padded_N * 2 + (size_t)(n / 64) * 128;
  return (int)(call->words[tile + (size_t)(4 * lane + n % 64 / 16)] >> (4 * slot) & 15);
}

static int grouped_place(int n) { return n / 64 * 64 + 8 * (n % 8) + n % 64 / 8; }

static float scale_at(const W4Call* call, int group, int n) {
  const int in32 = n % 32;
  const int place = call->groups > 1 ? grouped_place(n) : n / 32 * 32 + 8 * (in32 % 8 / 2) + 2 * (in32 / 8) + in32 % 2;
  return value_of(call->scales[(size_t)group * (size_t)call->padded_N + (size_t)place], call->type);
}

static int zero_at(const W4Call* call, int group, int n) {
  if (call->zeros == NULL) return 8;
  const int place = grouped_place(n), in8 = place % 8;
  const int slot = in8 / 2 + 4 * (in8 % 2); /* places 0 2 4 6 1 3 5 7 lie in slots 0 1 2 3 4 5 6 7 */
  const size_t word = (size_t)group * (size_t)(call->padded_N / 8) + (size_t)(place / 8);
  return (int)(call->zeros[word] >> (4 * slot) & 15);
}

static float weight_at(const W4Call* call, int k, int n) {
  const int group = call->groups > 1 ? k / call->group_size : 0;
  return scale_at(call, group, n) * (float)(code_at(call, k, n) - zero_at(call, group, n));
}

/* Outputs of one column, of up to 64 rows: each weight is dequantised once for them. */
static void sum_rows(const W4Call* call, int n, int first, int rows) {
  const uint16_t* A = call->A + (size_t)first * (size_t)call->K;
  uint16_t* C = call->C + (size_t)first * (size_t)call->N;
  double sums[64] = {0};
  for (int k = 0; k < call->K; ++k) {
    const double weight = weight_at(call, k, n);
    const int column = call->perm == NULL ? k : call->perm[k];
    for (int m = 0; m < rows; ++m)
      sums[m] += value_of(A[(size_t)m * (size_t)call->K + (size_t)column], call->type) * weight;
  }
  const double bias = call->bias != NULL ? value_of(call->bias[n], call->type) : 0;
  for (int m = 0; m < rows; ++m)
    C[(size_t)m * (size_t)call->N + (size_t)n] = bits_of((float)(sums[m] + bias), call->type);
}

static int run(const W4Call* call) {
  for (int n = 0; n < call->N; ++n)
    for (int m = 0; m < call->M; m += 64) sum_rows(call, n, m, call->M - m < 64 ? call->M - m : 64);
  return 0;
}

/* One lock a column of block_tiles and 64 rows of A, as a GPU kernel would want them; this one does not need them. */
static int64_t workspace_bytes(const W4Call* call) {
  return 4 * (int64_t)(call->padded_N / 64) * ((call->M + 63) / 64);
}

static const W4Plugin kPlugin = {
    .version = W4_PLUGIN_VERSION,
    .name = "dequantise on the host",
    .pointers = W4_HOST,
    .formats = W4_MARLIN,
    .types = W4_FP16 | W4_BF16,
    .groups = W4_GROUP_32 | W4_GROUP_64 | W4_GROUP_128 | W4_ONE_GROUP,
    .extras = W4_ZEROS | W4_PERM | W4_BIAS,
    .workspace_bytes = workspace_bytes,
    .run = run,
};

const W4Plugin* w4_plugin(void) { return &kPlugin; }
