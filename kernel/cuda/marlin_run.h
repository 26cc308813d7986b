// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/cuda/marlin_args.h"
#include "kernel/plugin.h"

#include <algorithm>
#include <cstdint>

namespace w4::kernel::cuda {

/// A call as the Marlin kernel runs it: its stripes, and where things lie in the workspace (a lock a column) and in the
/// scratch memory.
class MarlinRun {
 public:
  explicit MarlinRun(const W4Call& call);

  std::int64_t workspace_bytes() const;
  std::int64_t scratch_bytes() const { return end_; }
  bool fits() const;  // the device's shared memory, and the workspace that was given
  MarlinChoice choice() const;

  /// Puts A and the bias into the shape that the kernel reads, where they have another; a cudaError_t.
  int prepare() const;
  MarlinArgs args() const;
  /// Brings C from the padded shape into the caller's, where they differ; a cudaError_t.
  int finish() const;

 private:
  bool orders_A() const { return (call_.extras & W4_PERM) != 0 || call_.K != call_.padded_K; }
  bool pads_N() const { return call_.N != call_.padded_N; }
  bool pads_bias() const { return pads_N() && (call_.extras & W4_BIAS) != 0; }
  std::int64_t room(std::int64_t bytes);
  template <class T>
  T* scratch(std::int64_t at) const {
    return reinterpret_cast<T*>(static_cast<char*>(call_.scratch) + at);
  }

  const W4Call& call_;
  MarlinSizes sizes_;
  Stripes stripes_;
  std::int64_t end_ = 0;
  std::int64_t partials_, ordered_, padded_C_, padded_bias_;
};

/// The whole of it: what a plug-in's run() returns.
int run_marlin(const W4Call* call);

/// What the kernel takes; `run` is the one above.
W4Plugin marlin_plugin();

}  // namespace w4::kernel::cuda
