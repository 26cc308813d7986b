// SPDX-License-Identifier: Apache-2.0
#include "cases/search/repack_search.h"

#include "fixtures/error.h"

#include <algorithm>

namespace w4::cases::search {

using repack::Weights;

bool same_output(StageId stage, const Weights& a, const Weights& b) {
  switch (stage) {
    case StageId::checkpoint:
      return a.group_size == b.group_size && a.kernel_group_size == b.kernel_group_size && a.symmetric == b.symmetric &&
             a.zero_encoding == b.zero_encoding && a.words == b.words && a.pairs == b.pairs &&
             a.zero_words == b.zero_words && a.stored_scales == b.stored_scales && a.float_zeros == b.float_zeros &&
             a.g_idx == b.g_idx && a.format == b.format && a.dtype == b.dtype && a.bias == b.bias;
    case StageId::codes: return a.codes == b.codes;
    case StageId::zero_points: return a.zeros == b.zeros;
    case StageId::act_order:
      return a.codes == b.codes && a.row_order == b.row_order && a.column_order == b.column_order &&
             a.row_group == b.row_group;
    case StageId::scales: return a.scales == b.scales && a.kernel_zeros == b.kernel_zeros;
    case StageId::scale_order: return a.ordered_scales == b.ordered_scales && a.ordered_zeros == b.ordered_zeros;
    case StageId::tiles: return a.tiles == b.tiles;
    default: return a.packed == b.packed;
  }
}

RepackWalk walk_repack(const OwnPath& subject, const fixtures::Layer& layer, const repack::Recipe& put_right,
                       const Progress& step) {
  RepackWalk walk;
  Weights value = repack::weights_of(layer);
  for (const StageId stage : kRepackingStages) {
    step(name_of(stage));
    Weights next = subject.stage(stage, value, put_right);
    const judge::StageCheck& check = walk.checks.emplace(stage, judge::check_stage(stage, value, next)).first->second;
    if (!check.ok()) walk.broken.push_back({stage, check, value, next});
    value = std::move(next);
  }
  walk.last = std::move(value);
  return walk;
}

std::vector<std::string> variants_that_make(const BrokenStage& broken) {
  std::vector<std::string> found;
  for (const repack::Variant& variant : repack::stage_of(broken.stage).variants.subspan(1)) {
    try {
      if (same_output(broken.stage, variant.apply(broken.before), broken.after)) found.emplace_back(variant.id);
    } catch (const CannotTest&) {  // the variant cannot be applied to this input, so it was not
    }
  }
  return found;
}

Weights repack_with(const fixtures::Layer& layer, const repack::Recipe& recipe) {
  const OwnPath path(recipe);
  Weights value = repack::weights_of(layer);
  for (const StageId stage : kRepackingStages) value = path.stage(stage, value);
  return value;
}

fixtures::Layer with_flipped_zero_point(const fixtures::Layer& layer) {
  fixtures::Layer flipped = layer;
  flipped.cut_from = nullptr;  // no longer a cut of that layer
  const auto words = fixtures::files::grid_of<std::uint32_t>(*layer.qzeros);
  const auto changed = Grid<std::uint32_t>::made(words.rows(), words.cols(), [&](std::span<std::uint32_t> out) {
    std::copy(words.cells().begin(), words.cells().end(), out.begin());
    out[0] ^= 1;
  });
  flipped.qzeros = fixtures::files::tensor_of(layer.qzeros->name, layer.qzeros->dtype, changed);
  return flipped;
}

ZeroPointProbe probe_zero_points(const OwnPath& subject, const fixtures::Layer& layer, const RepackWalk& walk) {
  const auto of_zero_points = [](const BrokenStage& broken) { return broken.stage == StageId::zero_points; };
  if (!layer.symmetric || !layer.qzeros || layer.qzeros->dtype != DType::i32) return {};
  if (std::ranges::any_of(walk.broken, of_zero_points)) return {};
  ZeroPointProbe probe{.made = true};
  RepackWalk flipped = walk_repack(subject, with_flipped_zero_point(layer));
  std::ranges::copy_if(flipped.broken, std::back_inserter(probe.broken), of_zero_points);
  return probe;
}

}  // namespace w4::cases::search
