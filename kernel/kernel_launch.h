// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>

namespace w4::kernel {

/// The numbers of a launch. Trivially copyable: a worker sends them as they are.
struct LaunchNumbers {
  std::array<int, 3> grid = {};
  std::array<int, 3> block = {};
  int dynamic_bytes = 0;          // of shared memory, asked for at the launch
  int dynamic_bytes_allowed = 0;  // by the function's attribute: 48 KiB until its caller opts in to more
  int static_bytes = 0;
  int registers = 0;
  int binary_version = 0;  // 90: machine code for sm_90; 0: no function was found
  int ptx_version = 0;
  bool on_given_stream = true;
  friend bool operator==(const LaunchNumbers&, const LaunchNumbers&) = default;
};

/// A launch of a __global__ function inside a run, as CUDA was asked for it.
struct KernelLaunch : LaunchNumbers {
  std::string kernel;  // without its parameters
  std::string error;   // CUDA's name of what the launch itself returned, or empty

  /// "marlin_kernel<...> grid 132, block 256, shared 98304 of 98304 bytes, 128 registers, sm_90 from PTX of
  /// compute_90"
  std::string text() const;
  friend bool operator==(const KernelLaunch&, const KernelLaunch&) = default;
};

}  // namespace w4::kernel
