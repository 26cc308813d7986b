// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/cuda/marlin_args.h"
#include "kernel/plugin.h"

#include <algorithm>
#include <cstdint>

namespace w4::kernel::cuda {

/// A plug-in call as the Marlin kernel runs it: stripes, workspace (one lock a column), and offsets in scratch memory.
class MarlinRun {
 public:
  explicit MarlinRun(const W4Call& call);

  std::int64_t workspace_bytes() const;
  std::int64_t scratch_bytes() const { return end_; }
  bool fits() const;  // into the device's shared memory and the given workspace
  MarlinChoice choice() const;

  /// Reorders and pads A and pads the bias where the kernel needs that. Returns a cudaError_t.
  int prepare() const;
  MarlinArgs args() const;
  /// Copies padded C to the caller's C where the shapes differ. Returns a cudaError_t.
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

/// W4Plugin::run: prepare, launch, finish.
int run_marlin(const W4Call* call);

/// The plug-in's description: what the kernel accepts.
W4Plugin marlin_plugin();

}  // namespace w4::kernel::cuda
