// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace w4::kernel::cuda {

/// Address in the shared window, the operand of the instructions below. PTX ISA, "cvta".
__device__ inline std::uint32_t shared_address(const void* pointer) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

/// Copies 16 bytes from global to shared memory, bypassing L1 and registers. PTX ISA, "cp.async". Without an L2 cache
/// hint, for the reason in design.md, section 7.
__device__ inline void cp_async_16(std::uint32_t to_shared, const void* from_global) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to_shared), "l"(from_global) : "memory");
}

/// Closes the group of copies issued since the last one. PTX ISA, "cp.async.commit_group".
__device__ inline void cp_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

/// Waits until at most kPending of this thread's groups are in flight. PTX ISA, "cp.async.wait_group".
template <int kPending>
__device__ inline void cp_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

/// Arrives at the barrier once all earlier copies of this thread are complete. .noinc: the barrier's count includes
/// every thread. PTX ISA, "cp.async.mbarrier.arrive".
__device__ inline void cp_async_arrive(std::uint32_t shared_barrier) {
  asm volatile("cp.async.mbarrier.arrive.noinc.shared.b64 [%0];" ::"r"(shared_barrier) : "memory");
}

}  // namespace w4::kernel::cuda
