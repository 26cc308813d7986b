// SPDX-License-Identifier: Apache-2.0
#include "cases/packed/solve.h"

#include "cases/packed/scales.h"
#include "cases/packed/words.h"
#include "fixtures/error.h"
#include "repack/stages/act_order.h"
#include "repack/stages/codes.h"
#include "repack/stages/scales.h"
#include "repack/stages/zero_points.h"

#include <algorithm>
#include <optional>

namespace w4::cases::packed {
namespace {

using repack::Packed;
using repack::Variant;
using repack::Weights;

constexpr std::size_t kFewWays = 2;  // a base of its own is one more: it must take fewer than these

/// A known way to do a stage that several tensors depend on, as one finding.
PackedWay known_way(StageId stage, const Variant& variant) {
  const std::string fault(variant.fault), id(variant.id);
  return {.stage = stage, .fault = fault == id ? fault : fault + ":" + id, .variant = id};
}

RowsRight rows_right(const Weights& before) {
  const Weights w = repack::act_order::reference(before);
  RowsRight right{.rows = order_of(w.column_order, w.K), .ordered = !w.column_order.empty()};
  for (int k = 0; k < w.K; ++k) {
    const int group = w.one_group() ? 0 : before.g_idx.empty() ? k / w.group_size : before.g_idx(0, k);
    right.group.push_back(group);
  }
  return right;
}

/// One reading of the checkpoint, from which each tensor is solved by itself.
class Base {
 public:
  Base(const Weights& before, const Packed& seen) : before_(before), seen_(seen) {
    before_.codes = {};
    rows_ = rows_right(before_);
    perm_ = order_of(seen.perm, before_.K);
  }

  bool fits_shapes() const {
    return before_.kernel_groups() == seen_.scales.rows() && before_.padded_N() == seen_.scales.cols() &&
           before_.padded_K() == seen_.K && before_.padded_N() == seen_.N;
  }

  /// Nothing but a way of the words, or what they cannot be made of: other groups and scales would not help.
  static bool small_tensors_are_right(const PackedSolution& solution) {
    const auto of_words = [](StageId stage) {
      return stage == StageId::codes || stage == StageId::act_order || stage == StageId::tiles ||
             stage == StageId::fragments;
    };
    return std::ranges::all_of(solution.ways, of_words, &PackedWay::stage) &&
           std::ranges::all_of(solution.unexplained, of_words, [](const auto& entry) { return entry.first; });
  }

  /// With the groups numbered as `act_order` does it; `words` as words() gave them.
  PackedSolution solution(const WordsAnswer& words, const Variant& act_order) const {
    PackedSolution out;
    Weights at = act_order.apply(before_);
    at.zeros = {};
    const ColumnsAnswer scales = solve_scales(seen_.scales, at);
    ColumnsAnswer zeros{.exact = seen_.zeros.empty() && before_.symmetric};
    if (!zeros.exact) zeros = solve_zeros(seen_.zeros, before_, act_order.apply);
    out.exact = words.exact && scales.exact && zeros.exact;
    out.mostly = words.mostly;
    out.ways = words.ways;
    if (act_order.id != "reference") {
      std::erase_if(out.ways, [](const PackedWay& way) { return way.stage == StageId::act_order; });
      out.ways.push_back(known_way(StageId::act_order, act_order));
    }
    add(out, scales);
    add(out, zeros);
    add_groups(out, scales, zeros);
    if (!words.exact) {
      if (words.stage) out.unexplained[*words.stage] = words.evidence;
      for (const StageId stage : {StageId::codes, StageId::act_order, StageId::tiles, StageId::fragments})
        if (words.stage && stage != *words.stage) out.unseen.insert(stage);
    }
    return out;
  }

  WordsAnswer words() const {
    Grid<std::uint8_t> padding;
    if (before_.one_group() && !before_.symmetric) {
      Weights w = repack::act_order::reference(before_);
      w.zeros = repack::zero_points::reference(before_).zeros;
      padding = repack::scales::reference(w).kernel_zeros;
    }
    return solve_words(
        {.seen = seen_.words, .before = before_, .rows = rows_, .perm = perm_, .padding_zeros = padding});
  }

 private:
  static void add(PackedSolution& out, const ColumnsAnswer& answer) {
    out.ways.insert(out.ways.end(), answer.ways.begin(), answer.ways.end());
    if (!answer.exact && answer.stage) {
      out.unexplained[*answer.stage] = answer.evidence;
      out.unseen.insert(StageId::scale_order);
    }
  }

  /// Scales and zero points that are taken from other groups are one finding when the groups are the same: one line
  /// puts both right.
  static void add_groups(PackedSolution& out, const ColumnsAnswer& scales, const ColumnsAnswer& zeros) {
    auto of_scales = groups_way(scales.groups);
    auto of_zeros = groups_way(zeros.groups);
    if (of_zeros && !of_zeros->undo.empty())
      of_zeros->undo = "zeros = zeros" + of_zeros->undo.substr(std::string("scales = scales").size());
    const bool together = of_scales && of_zeros && scales.groups == zeros.groups;
    if (together) {
      of_scales->fault = "scales and zero points: " + of_scales->fault;
      if (!of_scales->undo.empty()) of_scales->undo += "; " + of_zeros->undo;
    }
    if (of_scales) out.ways.push_back(*of_scales);
    if (!of_zeros || together) return;
    of_zeros->stage = StageId::zero_points;
    of_zeros->fault = "zero points: " + of_zeros->fault;
    out.ways.push_back(*of_zeros);
  }

  Weights before_;
  const Packed& seen_;
  RowsRight rows_;
  RowOrder perm_;
};

std::size_t cost(const PackedSolution& solution) { return solution.ways.size() + 64 * solution.unexplained.size(); }

}  // namespace

PackedSolution solve_packed(const fixtures::Layer& layer, const Packed& seen) {
  const Weights stored = repack::weights_of(layer);
  std::optional<PackedSolution> best;
  std::optional<WordsAnswer> reference_words;
  const auto numbered = [](const Variant& way) {
    return way.id == "reference" || way.id == "gidx-dummy-zero" || way.id == "gidx-out-of-range";
  };
  for (const Variant& checkpoint : repack::stage_of(StageId::checkpoint).variants) {
    try {
      const Weights before = checkpoint.apply(stored);
      Base base(before, seen);
      const bool reference = checkpoint.id == "reference";
      if (!base.fits_shapes()) continue;
      const bool large = static_cast<std::size_t>(before.K) * static_cast<std::size_t>(before.N) > kLargeLayer;
      if (best && large && Base::small_tensors_are_right(*best)) break;
      const bool same_words = reference_words && before.words == stored.words && before.pairs == stored.pairs &&
                              before.g_idx == stored.g_idx;
      const WordsAnswer words = same_words ? *reference_words : base.words();
      if (reference) reference_words = words;
      for (const Variant& act_order : repack::stage_of(StageId::act_order).variants) {
        if (!numbered(act_order)) continue;
        if (best && act_order.id != "reference" && Base::small_tensors_are_right(*best)) continue;
        PackedSolution solution = base.solution(words, act_order);
        if (!reference) solution.ways.push_back(known_way(StageId::checkpoint, checkpoint));
        if (!best || cost(solution) < cost(*best)) best = std::move(solution);
        if (best->exact && cost(*best) <= kFewWays) return *best;
      }
    } catch (const CannotTest&) {  // this way cannot be applied to the layer
    }
  }
  return best.value_or(PackedSolution{});
}

}  // namespace w4::cases::packed
