// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace w4::kernel::cuda {

// A barrier for some of a block's threads, an object in shared memory. (A named barrier would do, but racecheck loses
// track of __syncthreads where there are any.)

/// Makes it ready for `threads` threads; by one of them, before a __syncthreads. PTX ISA, "mbarrier.init".
__device__ inline void init_barrier(std::uint32_t shared_barrier, int threads) {
  asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(shared_barrier), "r"(threads) : "memory");
}

/// What the threads wrote to shared memory before, they see after. PTX ISA, "mbarrier.arrive", "mbarrier.test_wait".
__device__ inline void arrive_and_wait(std::uint32_t shared_barrier) {
  std::uint64_t phase;
  asm volatile("mbarrier.arrive.shared.b64 %0, [%1];" : "=l"(phase) : "r"(shared_barrier) : "memory");
  int done;
  do {
    asm volatile(
        "{\n\t.reg .pred done;\n\tmbarrier.test_wait.shared.b64 done, [%1], %2;\n\tselp.b32 %0, 1, 0, done;\n\t}"
        : "=r"(done)
        : "r"(shared_barrier), "l"(phase)
        : "memory");
  } while (done == 0);
}

/// The same in two steps: what lies between them, nobody waits for. PTX ISA, "mbarrier.arrive".
__device__ inline void arrive(std::uint32_t shared_barrier) {
  asm volatile("{\n\t.reg .b64 phase;\n\tmbarrier.arrive.shared.b64 phase, [%0];\n\t}" ::"r"(shared_barrier)
               : "memory");
}

/// The second step, for phases 0, 1, 0, ... in turn; sm_90. PTX ISA, "mbarrier.try_wait".
__device__ inline void wait_for_phase(std::uint32_t shared_barrier, int phase) {
  int done;
  do {
    asm volatile(
        "{\n\t.reg .pred done;\n\tmbarrier.try_wait.parity.shared.b64 done, [%1], %2;\n\tselp.b32 %0, 1, 0, done;\n\t}"
        : "=r"(done)
        : "r"(shared_barrier), "r"(phase)
        : "memory");
  } while (done == 0);
}

/// Adds 1 and returns what was there. Whoever sees the sum sees what the adders wrote before. PTX ISA, "atom".
__device__ inline int count_arrival(int* counter) {
  int before;
  asm volatile("atom.add.acq_rel.gpu.global.s32 %0, [%1], 1;" : "=r"(before) : "l"(counter) : "memory");
  return before;
}

}  // namespace w4::kernel::cuda
