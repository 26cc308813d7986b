// SPDX-License-Identifier: Apache-2.0
#include "cases/case/own_path.h"

#include "kernel/lane_model/lane_model.h"

#include <algorithm>

namespace w4::cases {

repack::Recipe OwnPath::with(const repack::Recipe& put_right) const {
  repack::Recipe recipe = hidden_;
  for (const auto& [stage, variant] : put_right) recipe[stage] = variant;
  return recipe;
}

repack::Weights OwnPath::stage(int index, const repack::Weights& before, const repack::Recipe& put_right) const {
  const repack::Stage& stage = repack::stages()[static_cast<std::size_t>(index)];
  if (const auto own = stage_ways_.find(index); own != stage_ways_.end() && !put_right.contains(stage.id))
    return own->second(before);
  const repack::Recipe recipe = with(put_right);
  const auto way = recipe.find(stage.id);
  return repack::variant_of(stage, way == recipe.end() ? "reference" : way->second).apply(before);
}

kernel::RunResult OwnPath::run(const kernel::Task& task, const repack::Recipe& put_right) const {
  const auto of_kernel = [&](const kernel::lane_model::Stage& stage) { return put_right.contains(stage.id); };
  if (kernel_way_ && std::none_of(kernel::lane_model::stages().begin(), kernel::lane_model::stages().end(), of_kernel))
    return kernel_way_(task);
  return kernel::lane_model::run_lane_model(task, with(put_right));
}

}  // namespace w4::cases
