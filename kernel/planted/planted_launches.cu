// SPDX-License-Identifier: Apache-2.0
// Small kernels that fail in one way each.
#include "kernel/planted/planted.h"

#include "kernel/cuda/cp_async.cuh"

#include <cuda_runtime_api.h>

#undef NDEBUG  // asserts() is meant to fail
#include <cassert>

namespace w4::kernel::planted {

using namespace cuda;

namespace {

constexpr int kLanes = 32;

cudaStream_t stream_of(void* stream) { return static_cast<cudaStream_t>(stream); }

/// The body is compiled for chips before sm_80 only: a library without the newer file.
__global__ void for_other_chip([[maybe_unused]] MarlinArgs args) {
#if __CUDA_ARCH__ < 800
  args.C[threadIdx.x] = args.A[threadIdx.x];
#endif
}

/// design.md, section 7: the compiler gave the weight loads another register than that of the L2 policy. Here the
/// policy is a value that createpolicy never returns.
__global__ void with_broken_policy(const std::uint32_t* words, std::uint16_t* C) {
  __shared__ uint4 staged[kLanes];
  constexpr std::uint64_t kNoPolicy = ~std::uint64_t{0};
  asm volatile(
      "cp.async.cg.shared.global.L2::cache_hint [%0], [%1], 16, %2;" ::"r"(shared_address(staged + threadIdx.x)),
      "l"(words + 4 * threadIdx.x), "l"(kNoPolicy)
      : "memory");
  cp_async_commit();
  cp_async_wait<0>();
  C[threadIdx.x] = static_cast<std::uint16_t>(staged[threadIdx.x].x);
}

__global__ void endless(volatile int* lock) {
  while (*lock == 0) {
  }
}

__global__ void traps() { __trap(); }

__global__ void asserts(int groups) { assert(groups > 0); }

__global__ void writes_behind(std::uint16_t* C, long long elements) { C[elements + threadIdx.x] = 0; }

}  // namespace

int launch_for_other_chip(const MarlinArgs& args, void* stream) {
  for_other_chip<<<args.stripes.thread_blocks, kLanes, 0, stream_of(stream)>>>(args);
  return cudaGetLastError();
}

int launch_with_broken_policy(const MarlinArgs& args, void* stream) {
  with_broken_policy<<<1, kLanes, 0, stream_of(stream)>>>(args.words, args.C);
  return cudaGetLastError();
}

int launch_endless(void* stream) {
  int* lock = nullptr;
  if (const int error = cudaMalloc(&lock, sizeof *lock); error != cudaSuccess) return error;
  if (const int error = cudaMemset(lock, 0, sizeof *lock); error != cudaSuccess) return error;
  endless<<<1, 1, 0, stream_of(stream)>>>(lock);
  return cudaGetLastError();
}

int launch_trap(void* stream) {
  traps<<<1, 1, 0, stream_of(stream)>>>();
  return cudaGetLastError();
}

int launch_assert(int value, void* stream) {
  asserts<<<1, 1, 0, stream_of(stream)>>>(value);
  return cudaGetLastError();
}

int launch_write_behind(const MarlinArgs& args, void* stream) {
  writes_behind<<<1, kLanes, 0, stream_of(stream)>>>(args.C, static_cast<long long>(args.M) * args.N);
  return cudaGetLastError();
}

}  // namespace w4::kernel::planted
