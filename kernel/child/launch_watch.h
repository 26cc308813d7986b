// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace w4::kernel::worker {

/// A launch as CUDA was asked for it: what kernel/run.h tells of it, and its stream.
struct WatchedLaunch {
  std::string kernel;
  int grid[3] = {};
  int block[3] = {};
  int dynamic_bytes = 0;
  int dynamic_bytes_allowed = 0;
  int static_bytes = 0;
  int registers = 0;
  int binary_version = 0;
  int ptx_version = 0;
  const void* stream = nullptr;
  std::string error;
};

/// Sees every launch in this process, whoever makes it and whether or not its error is looked at: through CUPTI, which
/// is loaded when the first watch is made. Between start() and stop() launches are kept, errors of other calls are not.
class LaunchWatch {
 public:
  /// Empty: it sees. Otherwise why not; a run is then made unwatched.
  static std::string why_not();

  static void start();
  static std::vector<WatchedLaunch> stop();
};

}  // namespace w4::kernel::worker
