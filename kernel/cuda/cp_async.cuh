// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace w4::kernel::cuda {

/// The address of shared memory as the instructions below take it. PTX ISA, "cvta".
__device__ inline std::uint32_t shared_address(const void* pointer) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

/// 16 bytes from global to shared memory, past L1 and without a register. PTX ISA, "cp.async". No cache policy: see
/// design.md, section 7.
__device__ inline void cp_async_16(std::uint32_t to_shared, const void* from_global) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to_shared), "l"(from_global) : "memory");
}

/// Closes the group of copies issued since the last one. PTX ISA, "cp.async.commit_group".
__device__ inline void cp_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

/// Waits until at most kPending of this thread's groups are under way. PTX ISA, "cp.async.wait_group".
template <int kPending>
__device__ inline void cp_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

/// Arrives at a barrier when this thread's copies so far are there; the barrier counts every thread. PTX ISA,
/// "cp.async.mbarrier.arrive".
__device__ inline void cp_async_arrive(std::uint32_t shared_barrier) {
  asm volatile("cp.async.mbarrier.arrive.noinc.shared.b64 [%0];" ::"r"(shared_barrier) : "memory");
}

}  // namespace w4::kernel::cuda
