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
