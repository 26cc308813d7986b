// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/run.h"
#include "repack/stage.h"

namespace w4::cases {

/// The path under test. What it does wrong is its own secret: bisect may look at what stages make, run it, and put a
/// stage right, but it cannot ask for the recipe.
class Subject {
 public:
  explicit Subject(repack::Recipe hidden) : hidden_(std::move(hidden)) {}

  /// One repacking stage (0..7), done this path's way, or by the reference where `put_right` names the stage.
  repack::Weights stage(int index, const repack::Weights& before, const repack::Recipe& put_right = {}) const;

  /// One launch of this path's kernel.
  kernel::RunResult run(const kernel::Task& task, const repack::Recipe& put_right = {}) const;

 private:
  repack::Recipe with(const repack::Recipe& put_right) const;

  repack::Recipe hidden_;
};

}  // namespace w4::cases
