// SPDX-License-Identifier: Apache-2.0
#include "cases/packed/known.h"

#include "cases/search/repack_search.h"
#include "fixtures/error.h"

#include <fmt/format.h>

#include <algorithm>

namespace w4::cases::packed {
namespace {

using repack::Packed;
using repack::Weights;

std::size_t differing_words(const Packed& a, const Packed& b) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < a.words.size(); ++i) count += a.words[i] != b.words[i];
  return count;
}

/// Position of each stored row of K among the packed rows; empty when perm is not a permutation.
std::vector<int> places_of(const Packed& packed) {
  std::vector<int> places(static_cast<std::size_t>(packed.stored_K), -1);
  for (int i = 0; i < packed.stored_K; ++i) {
    const int row = packed.perm.empty() ? i : packed.perm(0, i);
    if (row < 0 || row >= packed.stored_K || places[static_cast<std::size_t>(row)] != -1) return {};
    places[static_cast<std::size_t>(row)] = i;
  }
  return places;
}

/// Whether two groups of two layers have the same scales and zero points; absent zero points are 8.
bool same_group(const repack::Unpacked& a, int group_a, const repack::Unpacked& b, int group_b) {
  for (int n = 0; n < a.scales.cols(); ++n) {
    const int zero_a = a.zeros.empty() ? kSymmetricZero : a.zeros(group_a, n);
    const int zero_b = b.zeros.empty() ? kSymmetricZero : b.zeros(group_b, n);
    if (a.scales(group_a, n) != b.scales(group_b, n) || zero_a != zero_b) return false;
  }
  return true;
}

/// Everything but the words: the stages that do not read codes.
Weights without_words(const fixtures::Layer& layer, const repack::Recipe& recipe) {
  const OwnPath path(recipe);
  Weights value = repack::weights_of(layer);
  for (const StageId stage :
       {StageId::checkpoint, StageId::zero_points, StageId::act_order, StageId::scales, StageId::scale_order})
    value = path.stage(stage, value);
  return value;
}

/// The leak of padding is a fault of `tiles` that writes scales: those are not made without codes.
bool leaves_small_tensors(const repack::Recipe& recipe) {
  const auto tiles = recipe.find(name_of(StageId::tiles));
  return tiles == recipe.end() || tiles->second != "pad-nonzero-leak";
}

bool is_of_several_tensors(const faults::Fault& fault) {
  const StageId stage = faults::parse_stage(fault.stage);
  return stage == StageId::checkpoint || stage == StageId::act_order;
}

/// Faults that the solver does not know by what they do.
bool is_unsolved(const faults::Fault& fault) {
  return is_of_several_tensors(fault) || fault.variant == "pad-nonzero-leak" ||
         fault.variant == "repack-tail-unwritten" || fault.variant == "layout-variant-arch";
}

/// Whether words made of the one value are made of the other too, codes and what follows them done alike.
bool same_source_of_words(const Weights& a, const Weights& b) {
  return a.words == b.words && a.pairs == b.pairs && a.row_order == b.row_order && a.kernel_zeros == b.kernel_zeros;
}

bool leaves_codes(const faults::Fault& fault) {
  const StageId stage = faults::parse_stage(fault.stage);
  return stage != StageId::codes && stage != StageId::tiles && stage != StageId::fragments;
}

bool same_small(const Weights& made, const Packed& seen) {
  return made.ordered_scales == seen.scales && made.ordered_zeros == seen.zeros && made.column_order == seen.perm;
}

}  // namespace

bool same_packed(const Packed& a, const Packed& b) {
  return a.words == b.words && a.scales == b.scales && a.zeros == b.zeros && a.perm == b.perm;
}

bool same_meaning(const Packed& a, const Packed& b) {
  const std::vector<int> places_a = places_of(a), places_b = places_of(b);
  if (places_a.empty() || places_b.empty()) return false;
  const repack::Unpacked ua = repack::unpack(a), ub = repack::unpack(b);
  if (!(ua.codes == ub.codes)) return false;
  std::pair<int, int> last = {-1, -1};
  for (std::size_t k = 0; k < places_a.size(); ++k) {
    const std::pair groups = {a.one_group() ? 0 : places_a[k] / a.group_size,
                              b.one_group() ? 0 : places_b[k] / b.group_size};
    if (groups == last) continue;
    if (!same_group(ua, groups.first, ub, groups.second)) return false;
    last = groups;
  }
  return true;
}

std::string packed_difference(const Packed& got, const Packed& want) {
  std::vector<std::string> parts;
  if (const std::size_t words = differing_words(got, want); words > 0)
    parts.push_back(fmt::format("{} of {} words differ", words, got.words.size()));
  if (got.scales != want.scales) parts.push_back("scales differ");
  if (got.zeros != want.zeros) parts.push_back("zero points differ");
  if (got.perm != want.perm) parts.push_back("perm differs");
  return fmt::format("{}", fmt::join(parts, ", "));
}

bool makes(const fixtures::Layer& layer, const search::Hypothesis& hypothesis, const Packed& seen) {
  const repack::Recipe recipe = search::recipe_of(hypothesis);
  try {
    if (leaves_small_tensors(recipe) && !same_small(without_words(layer, recipe), seen)) return false;
    return same_packed(repack::packed_of(search::repack_with(layer, recipe)), seen);
  } catch (const CannotTest&) {  // cannot be applied to this layer, so it was not
    return false;
  }
}

std::vector<search::Hypothesis> KnownFaults::fits(const Packed& seen, Tried tried) {
  std::vector<search::Hypothesis> found;
  const Weights reference = without_words(layer_, {});
  for (const search::Hypothesis& one : search::repack_hypotheses(1)) {
    const faults::Fault& fault = *one[0];
    if (tried == Tried::unsolved && !is_unsolved(fault)) continue;
    if (tried == Tried::several_tensors && !is_of_several_tensors(fault)) continue;
    const repack::Recipe recipe = search::recipe_of(one);
    try {
      const Weights small = without_words(layer_, recipe);
      Packed made = right_;
      if (leaves_small_tensors(recipe) && !same_small(small, seen) && !same_small(small, right_)) {
        shown_.insert(&fault);  // and is not the one
        continue;
      }
      if (leaves_codes(fault) && same_source_of_words(small, reference))
        made.scales = small.ordered_scales, made.zeros = small.ordered_zeros, made.perm = small.column_order;
      else
        made = repack::packed_of(search::repack_with(layer_, recipe));
      if (!same_packed(made, right_)) shown_.insert(&fault);
      if (same_packed(made, seen)) found.push_back(one);
    } catch (const CannotTest&) {  // cannot be applied to this layer, so it was not
    }
  }
  return found;
}

std::vector<search::Hypothesis> KnownFaults::pair_fits(const Packed& seen) const {
  std::vector<search::Hypothesis> all = search::repack_hypotheses(2);
  std::erase_if(all, [&](const search::Hypothesis& pair) {
    const bool shown = shown_.contains(pair[0]) && shown_.contains(pair[1]);
    return !shown || (!is_unsolved(*pair[0]) && !is_unsolved(*pair[1])) || !makes(layer_, pair, seen);
  });
  return all;
}

}  // namespace w4::cases::packed
