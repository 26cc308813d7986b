// SPDX-License-Identifier: Apache-2.0
#include "cases/packed/scales.h"

#include "cases/packed/differing.h"
#include "cases/packed/values.h"
#include "cases/probe/index_formula.h"
#include "fixtures/half.h"
#include "repack/stages/scale_order.h"
#include "repack/stages/scales.h"

#include <fmt/format.h>

#include <numeric>

namespace w4::cases::packed {
namespace {

using repack::Weights;
using Scales = Grid<std::uint16_t>;

/// Scales (groups, N) in natural order that a way of the stage may have made.
struct NaturalScales {
  Scales scales;
  std::optional<PackedWay> way = {};
};

PackedWay scales_way(std::string fault, std::string variant = "", std::string undo = "") {
  return {.stage = StageId::scales, .fault = std::move(fault), .variant = std::move(variant), .undo = std::move(undo)};
}

/// Each column's largest or smallest scale for all its groups.
Scales extreme(const Scales& scales, DType dtype, bool largest) {
  return Scales::from(scales.rows(), scales.cols(), [&](int, int n) {
    std::uint16_t best = scales(0, n);
    for (int g = 1; g < scales.rows(); ++g)
      if ((value_of(scales(g, n), dtype) > value_of(best, dtype)) == largest) best = scales(g, n);
    return best;
  });
}

std::vector<NaturalScales> natural_scales(const Weights& at) {
  std::vector<NaturalScales> all = {{repack::scales::reference(at).scales}};
  const Scales right = all[0].scales;
  for (const repack::Variant& variant : repack::stage_of(StageId::scales).variants.subspan(1))
    all.push_back({variant.apply(at).scales, scales_way(std::string(variant.fault), std::string(variant.id))});
  if (right.rows() > 1) {
    for (const bool largest : {true, false})
      all.push_back({extreme(right, at.dtype, largest),
                     scales_way(fmt::format("like scales-averaged: every group of a column has its {} scale",
                                            largest ? "largest" : "smallest"))});
    const auto turned = [&](int g, int n) {
      return right[static_cast<std::size_t>(n) * static_cast<std::size_t>(right.rows()) + static_cast<std::size_t>(g)];
    };
    all.push_back({Scales::from(right.rows(), right.cols(), turned),
                   scales_way("like qzeros-transposed: scales (groups, N) are read as (N, groups)")});
    const auto back = [&](int g, int n) {
      const int i = g * right.cols() + n;
      return right(i % right.rows(), i / right.rows());
    };
    all.push_back(
        {Scales::from(right.rows(), right.cols(), back),
         scales_way("like qzeros-transposed: scales are transposed to (N, groups), and the buffer is taken for "
                    "(groups, N)")});
  }
  return all;
}

std::vector<int> order_places(bool one_group) {
  return places_from([&](int p) { return repack::scale_order::column_of_place(p, one_group); });
}

std::string undo_scale_places(const std::vector<int>& places, const std::vector<int>& right) {
  if (places.size() != right.size()) return "";
  std::vector<int> at(places.size(), -1), from;
  for (std::size_t p = 0; p < places.size(); ++p) at[static_cast<std::size_t>(places[p])] = static_cast<int>(p);
  for (const int column : right) from.push_back(at[static_cast<std::size_t>(column)]);
  if (std::ranges::find(from, -1) != from.end()) return "";
  return fmt::format("scales = scales.reshape(-1, 64)[:, {}].reshape(scales.shape)", numpy_of(from));
}

std::optional<PackedWay> scales_order_way(const std::vector<int>& places, bool one_group) {
  const std::vector<int> right = order_places(one_group);
  if (places == right) return std::nullopt;
  PackedWay way{.stage = StageId::scale_order, .fault = "", .undo = undo_scale_places(places, right)};
  const std::string text = text_of_places(places, right);
  if (places == places_from([](int p) { return p; }))
    way.fault = way.variant = "scale-perm-missing";
  else if (places == order_places(!one_group))
    way.fault = way.variant = "scale-perm-single-vs-grouped";
  else
    way.fault = "like scale-perm-missing: " + text;
  way.evidence.push_back("scales: " + text);
  return way;
}

/// The reading of scales that has the fewest stages wrong.
class ScalesSearch {
 public:
  ScalesSearch(const Scales& seen, const Weights& at) : seen_(seen), at_(at), order_(order_places(at.one_group())) {}

  ColumnsAnswer answer() {
    const std::vector<NaturalScales> all = natural_scales(at_);
    for (const NaturalScales& natural : all) try_function(natural, {});
    for (const NaturalScales& natural : all) {
      if (best_.exact && stages_in(best_.ways) <= 1) break;
      for (const ScaleFunction& function : scale_functions(seen_, natural.scales, at_.dtype))
        try_function(natural, function);
    }
    if (!best_.exact) region(all[0].scales);
    return best_;
  }

 private:
  void try_function(const NaturalScales& natural, const ScaleFunction& function) {
    const Scales want = function.fault.empty() ? natural.scales : changed(natural.scales, function);
    if (const auto fit = fit_columns(seen_, want, order_)) accept(natural, function, *fit);
  }

  /// Padding is filled in behind the function.
  Scales changed(const Scales& natural, const ScaleFunction& function) const {
    return Scales::from(natural.rows(), natural.cols(), [&](int g, int n) {
      const bool padding = n >= at_.N || (!at_.one_group() && g * at_.kernel_group_size >= at_.K);
      return padding ? natural(g, n) : function.of(natural(g, n));
    });
  }

  void accept(const NaturalScales& natural, const ScaleFunction& function, const ColumnsFit& fit) {
    ColumnsAnswer answer{.exact = true, .groups = fit.groups};
    if (natural.way) answer.ways.push_back(*natural.way);
    if (!function.fault.empty()) answer.ways.push_back(scales_way(function.fault, "", function.undo));
    if (const auto way = scales_order_way(fit.places, at_.one_group())) answer.ways.push_back(*way);
    const auto cost = [](const ColumnsAnswer& one) {
      return 16 * stages_in(one.ways) + one.ways.size() + groups_way(one.groups).has_value();
    };
    if (!best_.exact || cost(answer) < cost(best_)) best_ = answer;
  }

  /// One value where the definition has others, or a function of some scales alone, or no reading at all.
  void region(const Scales& natural) {
    const Scales got = unplaced(seen_, order_);
    const Differing<std::uint16_t> differing(got, natural);
    if (differing.few()) {
      if (const auto value = differing.one_value())
        return settle(fmt::format("scales of {} are {:g} (0x{:04x}) where the checkpoint has other ones",
                                  differing.text("scales"), value_of(*value, at_.dtype), *value));
      const Scales part = differing.part(got), right = differing.part(natural);
      for (const ScaleFunction& function : scale_functions(part, right, at_.dtype))
        if (part == Scales::from(part.rows(), part.cols(), [&](int g, int n) { return function.of(right(g, n)); }))
          return settle(fmt::format("{}, only in {}", function.fault, differing.text_of_part()));
    }
    best_.evidence = differing.evidence("scales", [](std::uint16_t bits) { return fmt::format("0x{:04x}", bits); });
    best_.stage = StageId::scales;
  }

  void settle(std::string fault) { best_ = {.exact = true, .ways = {scales_way(std::move(fault))}}; }

  const Scales& seen_;
  const Weights& at_;
  std::vector<int> order_;
  ColumnsAnswer best_;
};

}  // namespace

ColumnsAnswer solve_scales(const Scales& seen, const Weights& at) { return ScalesSearch(seen, at).answer(); }

std::optional<PackedWay> groups_way(const std::vector<int>& groups) {
  std::vector<int> own(groups.size());
  std::iota(own.begin(), own.end(), 0);
  if (groups == own) return std::nullopt;
  const int count = static_cast<int>(groups.size());
  std::string text = probe::formula_of(groups, count, "g");
  if (text.empty())
    text = fmt::format("{}{}", fmt::join(groups.begin(), groups.begin() + std::min(count, 8), ", "),
                       count > 8 ? ", ..." : "");
  const std::string like = text == "g / 2"                      ? "like group-size-misinferred: "
                           : text == "0"                        ? "like gidx-dummy-zero: "
                           : text == "g + 1" || text == "g - 1" ? "like gidx-out-of-range: "
                                                                : "";
  PackedWay way = scales_way(fmt::format("{}group g has the values of group {}", like, text));
  std::vector<int> at(groups.size(), -1);
  for (std::size_t g = 0; g < groups.size(); ++g) at[static_cast<std::size_t>(groups[g])] = static_cast<int>(g);
  if (std::ranges::find(at, -1) == at.end()) way.undo = fmt::format("scales = scales[{}]", numpy_of(at));
  return way;
}

std::string text_of_places(const std::vector<int>& places, const std::vector<int>& right) {
  const int span = static_cast<int>(places.size());
  std::vector<int> place_of(places.size()), moved;
  for (int p = 0; p < span; ++p)
    place_of[static_cast<std::size_t>(p / kOrderSpan * kOrderSpan + right[static_cast<std::size_t>(p % kOrderSpan)])] =
        p;
  for (const int column : places) moved.push_back(place_of[static_cast<std::size_t>(column)]);
  const std::string by_place = probe::formula_of(moved, span, "p"), by_column = probe::formula_of(places, span, "p");
  const std::string where = span == kOrderSpan ? "place p of each 64" : "place p";
  const auto simple = [](const std::string& text) { return !text.empty() && text.find("bits") == std::string::npos; };
  if (simple(by_column)) return fmt::format("{} holds column {}", where, by_column);
  if (simple(by_place)) return fmt::format("{} holds what belongs to place {}", where, by_place);
  if (!by_place.empty())
    return fmt::format("{} holds what belongs to the place with {}", where,
                       by_place.substr(by_place.find("bits") == 0 ? 5 : 0));
  return fmt::format("{} holds column {}, ...", where, fmt::join(places.begin(), places.begin() + 8, ", "));
}

}  // namespace w4::cases::packed
