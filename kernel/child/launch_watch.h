// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/kernel_launch.h"

#include <string>
#include <vector>

namespace w4::kernel::worker {

/// Records every launch in this process, whoever makes it and whether or not its error is checked: through CUPTI, which
/// is loaded when the first watch is made. Errors of calls other than launches are not recorded.
class LaunchWatch {
 public:
  /// Why launches cannot be recorded here, or empty; a run is then made unwatched.
  static std::string why_not();

  /// Records from now on. `stream`: the one that the plug-in was given.
  static void start(const void* stream);
  static std::vector<KernelLaunch> stop();
};

}  // namespace w4::kernel::worker
