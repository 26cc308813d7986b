// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace w4::kernel::cuda {

// mbarrier, for a part of a block's threads. Not bar.sync with a barrier number: racecheck then loses track of
// __syncthreads.

/// Expects `threads` arrivals. Called by one thread, before a __syncthreads. PTX ISA, "mbarrier.init".
__device__ inline void init_barrier(std::uint32_t shared_barrier, int threads) {
  asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(shared_barrier), "r"(threads) : "memory");
}

/// Barrier: shared memory written before it by any of the threads is visible to all of them after it. PTX ISA,
/// "mbarrier.arrive", "mbarrier.test_wait".
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

/// The first half of a split barrier: arrives without waiting. PTX ISA, "mbarrier.arrive".
__device__ inline void arrive(std::uint32_t shared_barrier) {
  asm volatile("{\n\t.reg .b64 phase;\n\tmbarrier.arrive.shared.b64 phase, [%0];\n\t}" ::"r"(shared_barrier)
               : "memory");
}

/// The second half: waits for the end of a phase, given by its parity 0, 1, 0, ...; sm_90. PTX ISA,
/// "mbarrier.try_wait".
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

/// For planted races: delays one warp in four, so that the race shows.
__device__ inline void fall_behind(int thread) {
  constexpr unsigned kNanoseconds = 2000;
  if (thread / 32 % 4 == 3) __nanosleep(kNanoseconds);
}

/// Adds 1 and returns the old value. acq_rel: the thread that reads n sees all writes before the first n arrivals. PTX
/// ISA, "atom".
__device__ inline int count_arrival(int* counter) {
  int before;
  asm volatile("atom.add.acq_rel.gpu.global.s32 %0, [%1], 1;" : "=r"(before) : "l"(counter) : "memory");
  return before;
}

}  // namespace w4::kernel::cuda
