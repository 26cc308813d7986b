// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/run.h"
#include "repack/stages/stage.h"

#include <functional>
#include <map>

namespace w4::cases {

/// This project's repack and lane model as the path under test. The search may run it, read the result of a stage and
/// replace a stage, but cannot read the planted recipe.
class OwnPath {
 public:
  explicit OwnPath(repack::Recipe hidden) : hidden_(std::move(hidden)) {}

  using StageWay = std::function<repack::Weights(const repack::Weights&)>;
  using KernelWay = std::function<kernel::RunResult(const kernel::Task&)>;

  /// Replaces a repacking stage (0..7), or the whole kernel, by a function that no catalogue holds. Putting that stage,
  /// or any stage of the kernel, right undoes the replacement.
  void replace_stage(int index, StageWay way) { stage_ways_[index] = std::move(way); }
  void replace_kernel(KernelWay way) { kernel_way_ = std::move(way); }

  /// One repacking stage (0..7) as this path does it; `put_right` names a variant to be used instead.
  repack::Weights stage(int index, const repack::Weights& before, const repack::Recipe& put_right = {}) const;

  /// One launch of this path's kernel.
  kernel::RunResult run(const kernel::Task& task, const repack::Recipe& put_right = {}) const;

 private:
  repack::Recipe with(const repack::Recipe& put_right) const;

  repack::Recipe hidden_;
  std::map<int, StageWay> stage_ways_;
  KernelWay kernel_way_;
};

}  // namespace w4::cases
