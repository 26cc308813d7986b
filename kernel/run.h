// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/layer/layer.h"
#include "kernel/kernel_launch.h"
#include "repack/packed.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace w4::kernel {

/// A thread block's share of the work: codes it takes in at once.
struct BlockTile {
  int thread_k = 128;
  int thread_n = 128;
  friend bool operator==(const BlockTile&, const BlockTile&) = default;
};

/// How a kernel is launched.
struct Launch {
  BlockTile block_tile = {};    // 128 x 128 or 64 x 256
  int thread_blocks = 10;       // any number from 1; 10 makes stripes that cross columns on small layers too. On a GPU
                                // 0 as well: as many as the kernel likes
  int reduce_bits = 32;         // global reduction: partial sums handed over in 16 or 32 bits
  std::uint64_t number = 0;     // which launch of its run this is: what differs between launches depends on it alone
  std::uint16_t fill = 0x7E37;  // every element of C before the launch: a NaN of either type that no kernel writes
  std::vector<std::int32_t> workspace = {};  // locks before the launch; empty: fresh zeros
  bool late_A = false;  // on a GPU: A holds NaN until a copy that is queued on the launch's stream has come
};

/// One question to a kernel: C (M, N) = A (M, K) W + bias. M, K and N are the layer's, unpadded.
struct Task {
  Grid<std::uint16_t> A;  // (M, stored_K), bits of packed.dtype
  repack::Packed packed;
  Launch launch;
  std::shared_ptr<const fixtures::Layer> stored = {};  // for commands that repack by themselves; none: not given
};

/// A contiguous run of K that one thread block sums for one block_tile column.
struct Slice {
  int k_begin = 0;
  int k_end = 0;
};

/// What came back from one launch. The ways to fail are kept apart.
struct RunResult {
  int return_code = 0;                  // the entry point's own
  std::string launch_error;             // CUDA's name, or empty
  std::string unchecked_launch_error;   // of one of kernel_launches, when all was said to be well
  std::string synchronise_error;        // CUDA's name, or empty
  std::string signal;                   // "SIGSEGV", or empty
  bool timed_out = false;               // the kernel hangs
  Grid<std::uint16_t> C;                // (M, N), bits of the type; elements never written hold the fill
  std::vector<std::int32_t> workspace;  // locks after the launch: zero, when all is well
  bool guards_intact = true;
  long long block_tiles_done = 0;            // work the kernel reports: block_tiles multiplied
  std::optional<int> exit_code = {};         // of a process that ended where it should have returned
  std::string message = {};                  // what the kernel said, or what was wrong with what it gave back
  std::vector<std::string> trespasses = {};  // guard zones and inputs that it changed: which, and where
  std::vector<KernelLaunch> kernel_launches = {};
  bool launches_watched = false;  // false: kernel_launches says nothing
  int launch_count = 0;           // kernel_launches has the first of them

  bool ran() const {
    return return_code == 0 && launch_error.empty() && synchronise_error.empty() && signal.empty() && !timed_out &&
           !exit_code;
  }
};

}  // namespace w4::kernel
