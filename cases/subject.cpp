// SPDX-License-Identifier: Apache-2.0
#include "cases/subject.h"

#include "kernel/lane_model.h"

namespace w4::cases {

repack::Recipe Subject::with(const repack::Recipe& put_right) const {
  repack::Recipe recipe = hidden_;
  for (const auto& [stage, variant] : put_right) recipe[stage] = variant;
  return recipe;
}

repack::Weights Subject::stage(int index, const repack::Weights& before, const repack::Recipe& put_right) const {
  const repack::Stage& stage = repack::stages()[static_cast<std::size_t>(index)];
  const repack::Recipe recipe = with(put_right);
  const auto way = recipe.find(stage.id);
  return repack::variant_of(stage, way == recipe.end() ? "reference" : way->second).apply(before);
}

kernel::RunResult Subject::run(const kernel::Task& task, const repack::Recipe& put_right) const {
  return kernel::run_lane_model(task, with(put_right));
}

}  // namespace w4::cases
