// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/run.h"
#include "repack/stages/stage.h"

#include <functional>
#include <map>

namespace w4::cases {

/// The path under test. What it does wrong is its own secret: bisect may look at what stages make, run it, and put a
/// stage right, but it cannot ask for the recipe.
class Subject {
 public:
  explicit Subject(repack::Recipe hidden) : hidden_(std::move(hidden)) {}

  using StageWay = std::function<repack::Weights(const repack::Weights&)>;
  using KernelWay = std::function<kernel::RunResult(const kernel::Task&)>;

  /// Does a repacking stage, or the whole kernel, in a way that is in no list. Putting that stage, or any stage
  /// of the kernel, right takes it back.
  void replace_stage(StageId stage, StageWay way) { stage_ways_[stage] = std::move(way); }
  void replace_kernel(KernelWay way) { kernel_way_ = std::move(way); }

  /// One repacking stage, done this path's way, or by the reference where `put_right` names the stage.
  repack::Weights stage(StageId id, const repack::Weights& before, const repack::Recipe& put_right = {}) const;

  /// One launch of this path's kernel.
  kernel::RunResult run(const kernel::Task& task, const repack::Recipe& put_right = {}) const;

 private:
  repack::Recipe with(const repack::Recipe& put_right) const;

  repack::Recipe hidden_;
  std::map<StageId, StageWay> stage_ways_;
  KernelWay kernel_way_;
};

}  // namespace w4::cases
