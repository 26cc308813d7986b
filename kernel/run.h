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

/// The codes that a thread block multiplies at once.
struct BlockTile {
  int thread_k = 128;
  int thread_n = 128;
  friend bool operator==(const BlockTile&, const BlockTile&) = default;
};

/// How a kernel is launched.
struct Launch {
  BlockTile block_tile = {};    // 128 x 128 or 64 x 256
  int thread_blocks = 10;       // at least 1; 10 makes stripes cross columns on small layers too. On a GPU also 0:
                                // the kernel chooses
  int reduce_bits = 32;         // global reduction: partial sums handed over in 16 or 32 bits
  std::uint64_t number = 0;     // index of the launch in its run; differences between launches depend on it alone
  std::uint16_t fill = 0x7E37;  // every element of C before the launch: a NaN of either type that no kernel writes
  std::vector<std::int32_t> workspace = {};  // locks before the launch; empty: fresh zeros
  bool late_A = false;  // on a GPU: A holds NaN until a copy queued on the launch's stream completes
};

/// One question to a kernel: C (M, N) = A (M, K) W + bias. M, K and N are the layer's, unpadded.
struct Task {
  Grid<std::uint16_t> A;  // (M, stored_K), bits of packed.dtype
  repack::Packed packed;
  Launch launch;
  std::shared_ptr<const fixtures::Layer> stored = {};  // for commands that repack by themselves; null: not given
};

/// A contiguous run of K that one thread block sums for one block_tile column.
struct Slice {
  int k_begin = 0;
  int k_end = 0;
};

/// The result of one launch, with a field for each way to fail.
struct RunResult {
  int return_code = 0;                  // the entry point's own
  std::string launch_error;             // CUDA's name, or empty
  std::string unchecked_launch_error;   // of one of kernel_launches, when the kernel returned success
  std::string synchronise_error;        // CUDA's name, or empty
  std::string signal;                   // "SIGSEGV", or empty
  bool timed_out = false;               // the kernel hangs
  Grid<std::uint16_t> C;                // (M, N), bits of the type; elements never written hold the fill
  std::vector<std::int32_t> workspace;  // locks after the launch; a right kernel leaves zeros
  bool guards_intact = true;
  long long block_tiles_done = 0;            // work the kernel reports: block_tiles multiplied
  std::optional<int> exit_code = {};         // of a process that exited instead of returning
  std::string exception = {};                // that a command's function did not catch: "RuntimeError: ..."
  std::string message = {};                  // the kernel's message, or its last words
  std::vector<std::string> trespasses = {};  // changed guard zones and inputs, with places
  std::vector<KernelLaunch> kernel_launches = {};
  bool launches_watched = false;  // false: kernel_launches is unknown
  int launch_count = 0;           // of all launches; kernel_launches holds the first ones
  double seconds = 0;  // from the call, or from the request to a command, until it is done; copies to and from a GPU
                       // left out; 0: unknown

  /// The process or function around the kernel failed, which no lane model predicts.
  bool broke_off() const { return !signal.empty() || exit_code || !exception.empty(); }
  bool ran() const {
    return return_code == 0 && launch_error.empty() && synchronise_error.empty() && !timed_out && !broke_off();
  }
};

}  // namespace w4::kernel
