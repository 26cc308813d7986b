// SPDX-License-Identifier: Apache-2.0
/* A kernel of your own for `bisect MODE GROUP --kernel plugin:FILE`. Plain C; docs/examples has two whole ones:
 * plugin_host.c on the host, plugin_device.cu on a GPU.
 *
 * FILE is a shared object that exports `const W4Plugin* w4_plugin(void)`. It is loaded in a process of its own, so that
 * bisect can report a return code, crash, exit, hang or stray write. What it prints goes to stderr. Tensors are
 * described below with their shapes, row-major; the example has the formulas. */
#ifndef W4_KERNEL_PLUGIN_H
#define W4_KERNEL_PLUGIN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Incremented by changes that break plug-ins built before. Fields added at the end of W4Call are no such change:
 * W4Call.size says how many bytes there are. Version 2 has `scratch`. */
#define W4_PLUGIN_VERSION 2

enum W4Pointers { W4_HOST = 1, W4_DEVICE = 2 }; /* one of them */
enum W4Formats { W4_MARLIN = 1 };               /* from here on bit sets: what the kernel accepts */
enum W4Types { W4_FP16 = 1, W4_BF16 = 2 };      /* of A, scales, bias and C */
enum W4Groups { W4_GROUP_32 = 1, W4_GROUP_64 = 2, W4_GROUP_128 = 4, W4_ONE_GROUP = 8 };
enum W4Extras { W4_ZEROS = 1, W4_PERM = 2, W4_BIAS = 4 };

/* What run() returns. Any other number is the kernel's own code, and is reported. */
enum W4Returns {
  W4_DONE = 0,
  W4_CANNOT_TAKE = 125, /* the kernel does not support this call; nothing was launched: "cannot-test" */
  W4_CUDA_ERROR = 1000  /* + the cudaError_t of its launch */
};

/* One launch: C (M, N) = A (M, K) W + bias. Pointers that a layer has no tensor for are NULL. */
typedef struct W4Call {
  uint32_t size;    /* sizeof(W4Call) of the caller */
  int32_t type;     /* W4_FP16 or W4_BF16 */
  int32_t M, N, K;  /* as stored */
  int32_t padded_N; /* of words, scales and zeros: multiples of 64; what lies behind N and K adds nothing */
  int32_t padded_K;
  int32_t group_size; /* rows of K that share a scale; K when one group covers the column */
  int32_t groups;     /* rows of scales: 1, or padded_K / group_size */
  int32_t thread_k;   /* block_tile and launch as asked for; a kernel may choose others */
  int32_t thread_n;
  int32_t thread_blocks; /* 0: the kernel chooses */
  int32_t reduce_bits;
  uint32_t extras;        /* W4Extras that the layer has; set before the pointers are */
  uint64_t number;        /* index of the launch in its run */
  const uint16_t* A;      /* (M, K) */
  const uint32_t* words;  /* (padded_K/16, 2 * padded_N), Marlin tiles */
  const uint16_t* scales; /* (groups, padded_N), the kernel's order: grouped or one group */
  const uint32_t* zeros;  /* (groups, padded_N/8), the kernel's order; NULL: symmetric, 8 everywhere */
  const int32_t* perm;    /* (K): column of A that meets row i of W; NULL: column i */
  const uint16_t* bias;   /* (N), natural order; NULL: none */
  uint16_t* C;            /* (M, N); every element holds a NaN that no kernel writes */
  void* workspace;        /* zeros, to be left zero; NULL when none is asked for */
  int64_t workspace_bytes;
  void* stream;  /* device pointers: the cudaStream_t to launch on; host pointers: NULL */
  void* scratch; /* NaN in every type; may be left in any state. NULL when none is asked for */
  int64_t scratch_bytes;
} W4Call;

typedef struct W4Plugin {
  uint32_t version; /* W4_PLUGIN_VERSION */
  const char* name; /* shown in reports */
  uint32_t pointers;
  uint32_t formats;
  uint32_t types;
  uint32_t groups;
  uint32_t extras;                                /* layers with further tensors are "cannot-test" */
  int64_t (*workspace_bytes)(const W4Call* call); /* NULL: none; pointers in `call` are not set yet */
  int64_t (*scratch_bytes)(const W4Call* call);   /* likewise for scratch */
  int (*run)(const W4Call* call);                 /* launches; need not wait. See W4Returns */
} W4Plugin;

/* The symbol that FILE exports. */
const W4Plugin* w4_plugin(void);

#ifdef __cplusplus
}
#endif

#endif
