// SPDX-License-Identifier: Apache-2.0
#include "cases/search/repack_search.h"

#include "fixtures/error.h"

#include <algorithm>

namespace w4::cases::search {
namespace {

using repack::Weights;

/// The known ways to do a stage that make exactly `after` of `before`. A way that cannot even run on this input is not
/// one.
std::vector<std::string> ways_that_make(int stage, const Weights& before, const Weights& after) {
  std::vector<std::string> found;
  for (const repack::Variant& variant : repack::stages()[static_cast<std::size_t>(stage)].variants.subspan(1)) {
    try {
      if (same_output(stage, variant.apply(before), after)) found.emplace_back(variant.id);
    } catch (const CannotTest&) {
    }
  }
  return found;
}

}  // namespace

bool same_output(int stage, const Weights& a, const Weights& b) {
  switch (stage) {
    case 0:
      return a.group_size == b.group_size && a.kernel_group_size == b.kernel_group_size && a.symmetric == b.symmetric &&
             a.zero_encoding == b.zero_encoding && a.words == b.words && a.pairs == b.pairs &&
             a.zero_words == b.zero_words && a.stored_scales == b.stored_scales && a.float_zeros == b.float_zeros &&
             a.g_idx == b.g_idx && a.format == b.format && a.dtype == b.dtype && a.bias == b.bias;
    case 1: return a.codes == b.codes;
    case 2: return a.zeros == b.zeros;
    case 3:
      return a.codes == b.codes && a.row_order == b.row_order && a.column_order == b.column_order &&
             a.row_group == b.row_group;
    case 4: return a.scales == b.scales && a.kernel_zeros == b.kernel_zeros;
    case 5: return a.ordered_scales == b.ordered_scales && a.ordered_zeros == b.ordered_zeros;
    case 6: return a.tiles == b.tiles;
    default: return a.packed == b.packed;
  }
}

namespace {

/// Walks, and lets `explain(broken, before, after)` complete what is said of each broken stage.
template <class Explain>
RepackWalk walked(const OwnPath& subject, const fixtures::Layer& layer, const repack::Recipe& put_right,
                  const std::function<void(std::string_view)>& step, Explain explain) {
  RepackWalk walk;
  Weights value = repack::weights_of(layer);
  for (int stage = 0; stage < static_cast<int>(repack::stages().size()); ++stage) {
    step(repack::stages()[static_cast<std::size_t>(stage)].id);
    Weights next = subject.stage(stage, value, put_right);
    judge::StageCheck check = judge::check_stage(stage, value, next);
    if (!check.ok()) {
      BrokenStage broken{.stage = stage, .check = check, .variants = {}};
      explain(broken, value, next);
      walk.broken.push_back(std::move(broken));
    }
    walk.checks.push_back(std::move(check));
    value = std::move(next);
  }
  walk.last = std::move(value);
  return walk;
}

}  // namespace

RepackWalk walk_repack(const OwnPath& subject, const fixtures::Layer& layer, const repack::Recipe& put_right,
                       const std::function<void(std::string_view)>& step) {
  return walked(subject, layer, put_right, step, [&](BrokenStage& broken, const Weights& before, const Weights& after) {
    const auto way = [&](const Weights& of) { return subject.stage(broken.stage, of, put_right); };
    broken.variants = ways_that_make(broken.stage, before, after);
    broken.map = judge::map_of_stage(broken.stage, before, way);
  });
}

RepackWalk checked_repack(const OwnPath& subject, const fixtures::Layer& layer) {
  return walked(
      subject, layer, {}, [](std::string_view) {}, [](BrokenStage&, const Weights&, const Weights&) {});
}

Weights repack_with(const fixtures::Layer& layer, const repack::Recipe& recipe) {
  const OwnPath path(recipe);
  Weights value = repack::weights_of(layer);
  for (int stage = 0; stage < static_cast<int>(repack::stages().size()); ++stage) value = path.stage(stage, value);
  return value;
}

fixtures::Layer with_flipped_zero_point(const fixtures::Layer& layer) {
  fixtures::Layer flipped = layer;
  flipped.cut_from = nullptr;  // it is no slice of that layer any more
  const auto words = fixtures::files::grid_of<std::uint32_t>(*layer.qzeros);
  const auto changed = Grid<std::uint32_t>::made(words.rows(), words.cols(), [&](std::span<std::uint32_t> out) {
    std::copy(words.cells().begin(), words.cells().end(), out.begin());
    out[0] ^= 1;
  });
  flipped.qzeros = fixtures::files::tensor_of(layer.qzeros->name, layer.qzeros->dtype, changed);
  return flipped;
}

ZeroPointProbe probe_zero_points(const OwnPath& subject, const fixtures::Layer& layer, const RepackWalk& walk) {
  constexpr int kZeroPoints = 2;
  const auto of_zero_points = [](const BrokenStage& broken) { return broken.stage == kZeroPoints; };
  if (!layer.symmetric || !layer.qzeros || layer.qzeros->dtype != DType::i32) return {};
  if (std::ranges::any_of(walk.broken, of_zero_points)) return {};
  ZeroPointProbe probe{.made = true};
  RepackWalk flipped = walk_repack(subject, with_flipped_zero_point(layer), {}, [](std::string_view) {});
  std::ranges::copy_if(flipped.broken, std::back_inserter(probe.broken), of_zero_points);
  return probe;
}

}  // namespace w4::cases::search
