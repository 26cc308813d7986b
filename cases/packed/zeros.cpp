// SPDX-License-Identifier: Apache-2.0
#include "cases/packed/differing.h"
#include "cases/packed/scales.h"
#include "cases/packed/table.h"
#include "cases/probe/index_formula.h"
#include "fixtures/error.h"
#include "repack/stages/scale_order.h"
#include "repack/stages/scales.h"
#include "repack/stages/zero_points.h"

#include <fmt/format.h>

#include <numeric>

namespace w4::cases::packed {
namespace {

using repack::Weights;
using Zeros = Grid<std::uint8_t>;
using ActOrder = Weights (*)(const Weights&);

struct NaturalZeros {
  Zeros zeros;
  std::optional<PackedWay> way = {};
};

PackedWay zeros_way(std::string fault, std::string variant = "", std::string undo = "") {
  return {
      .stage = StageId::zero_points, .fault = std::move(fault), .variant = std::move(variant), .undo = std::move(undo)};
}

/// The zero points that the kernel's groups take; 8 where there are none.
Zeros kernel_zeros(const Weights& with_zeros, ActOrder act_order) {
  const Weights w = repack::scales::reference(act_order(with_zeros));
  return w.kernel_zeros.empty() ? Zeros::filled(w.kernel_groups(), w.padded_N(), kSymmetricZero) : w.kernel_zeros;
}

std::vector<NaturalZeros> natural_zeros(const Weights& before, ActOrder act_order) {
  std::vector<NaturalZeros> all;
  for (const repack::Variant& variant : repack::stage_of(StageId::zero_points).variants) {
    const bool reference = all.empty();
    try {
      NaturalZeros natural{kernel_zeros(variant.apply(before), act_order)};
      if (!reference) {
        const std::string fault(variant.fault);
        natural.way = zeros_way(fault.empty() ? "every zero point is 8: stored ones are left out" : fault,
                                std::string(variant.id));
      }
      all.push_back(std::move(natural));
    } catch (const CannotTest&) {  // cannot be applied to this layer
      if (reference) return {};
    }
  }
  return all;
}

/// Nibbles in the order of words and slots.
Zeros nibbles(const Grid<std::uint32_t>& words) {
  return Zeros::from(words.rows(), words.cols() * kCodesPerWord,
                     [&](int g, int p) { return code_at(words(g, p / kCodesPerWord), p % kCodesPerWord); });
}

std::vector<int> reference_places() {
  return places_from([](int p) {
    return repack::scale_order::grouped_column(p / kCodesPerWord * kCodesPerWord + lop3_column(p % kCodesPerWord));
  });
}

std::vector<int> without_interleave() { return places_from(repack::scale_order::grouped_column); }

/// The order inside eights when a permutation of 64 keeps each eight together and does the same in all of them.
std::vector<int> inside_eights(const std::vector<int>& order) {
  std::vector<int> first(order.begin(), order.begin() + kCodesPerWord);
  for (std::size_t i = 0; i < order.size(); ++i)
    if (order[i] != static_cast<int>(i / 8 * 8) + first[i % 8] || first[i % 8] >= kCodesPerWord) return {};
  return first;
}

std::string undo_zero_places(const std::vector<int>& places) {
  std::vector<int> at(places.size(), -1), from;
  for (std::size_t p = 0; p < places.size(); ++p) at[static_cast<std::size_t>(places[p])] = static_cast<int>(p);
  if (places.size() != kOrderSpan || std::ranges::find(at, -1) != at.end()) return "";
  for (const int column : reference_places()) from.push_back(at[static_cast<std::size_t>(column)]);
  return fmt::format("{}zeros = word(nib(zeros).reshape(-1, 64)[:, {}].reshape(*zeros.shape, 8))", kNibbles,
                     numpy_of(from));
}

std::optional<PackedWay> zeros_order_way(const std::vector<int>& places) {
  const std::vector<int> right = reference_places();
  if (places == right) return std::nullopt;
  const std::string text = text_of_places(places, right);
  PackedWay way{.stage = StageId::scale_order,
                .fault = "like zp-perm-no-interleave: zero points: " + text,
                .undo = undo_zero_places(places)};
  if (places == without_interleave()) way.fault = way.variant = "zp-perm-no-interleave";
  if (places == places_from([](int p) { return p; }))
    way.fault = "like scale-perm-missing: zero points are in natural order";
  if (places.size() == right.size()) {
    std::vector<int> columns_of(places.size()), places_of(places.size());  // before and behind the definition's order
    for (std::size_t p = 0; p < places.size(); ++p) {
      columns_of[static_cast<std::size_t>(right[p])] = places[p];
      places_of[p] = static_cast<int>(std::ranges::find(right, places[p]) - right.begin());
    }
    const auto slots = inside_eights(columns_of);
    if (!slots.empty() && inside_eights(places_of).empty())
      way = zeros_way(fmt::format("like nibble-order-awq-gptq: slots of a word of zero points are read in the order {}",
                                  fmt::join(slots, " ")),
                      "", way.undo);
  }
  way.evidence.push_back("zero points: " + text);
  return way;
}

std::string undo_zeros(const CodeTable& table) {
  const std::string back = undo_list(table);
  return back.empty() ? "" : fmt::format("{}zeros = word({}[nib(zeros)])", kNibbles, back);
}

class ZerosSearch {
 public:
  ZerosSearch(const Grid<std::uint32_t>& seen, const Weights& before, ActOrder act_order)
      : before_(before), all_(natural_zeros(before, act_order)) {
    if (all_.empty()) return;
    const Zeros& right = all_[0].zeros;
    seen_ = seen.empty() ? Zeros::filled(right.rows(), right.cols(), kSymmetricZero) : nibbles(seen);
  }

  ColumnsAnswer answer() {
    if (all_.empty()) return {};
    for (const NaturalZeros& natural : all_) try_natural(natural.zeros, natural.way, "");
    if (!best_.exact)
      for (const NaturalZeros& natural : all_) try_tables(natural);
    if (!best_.exact) of_part(all_[0].zeros);
    if (!best_.exact) per_group(all_[0].zeros);
    if (!best_.exact) nothing_fits(all_[0].zeros);
    return best_;
  }

 private:
  bool padding(int g, int n) const {
    return n >= before_.N || (!before_.one_group() && g * before_.kernel_group_size >= before_.K);
  }

  template <class F>
  Zeros changed(const Zeros& zeros, const F& f) const {
    return Zeros::from(zeros.rows(), zeros.cols(),
                       [&](int g, int n) { return padding(g, n) ? zeros(g, n) : f(g, zeros(g, n)); });
  }

  void try_natural(const Zeros& zeros, const std::optional<PackedWay>& way, const std::string& fault,
                   const std::string& undo = "") {
    const auto fit = fit_columns(seen_, zeros, reference_places());
    if (!fit) return;
    ColumnsAnswer answer{.exact = true, .groups = fit->groups};
    if (way) answer.ways.push_back(*way);
    if (!fault.empty()) answer.ways.push_back(zeros_way(fault, "", undo));
    if (const auto order = zeros_order_way(fit->places)) answer.ways.push_back(*order);
    const auto cost = [](const ColumnsAnswer& one) {
      return 16 * stages_in(one.ways) + one.ways.size() + groups_way(one.groups).has_value();
    };
    if (!best_.exact || cost(answer) < cost(best_)) best_ = answer;
  }

  void try_tables(const NaturalZeros& natural) {
    Counts want{}, pad{}, got{};
    for (int g = 0; g < natural.zeros.rows(); ++g)
      for (int n = 0; n < natural.zeros.cols(); ++n) ++(padding(g, n) ? pad : want)[natural.zeros(g, n)];
    for (const std::uint8_t zero : seen_.cells()) ++got[zero];
    for (std::size_t i = 0; i < got.size(); ++i) got[i] -= pad[i];
    for (const CodeTable& table : tables_between(want, got)) {
      if (best_.exact) return;
      const std::string text = text_of_table(table, "zero points", want);
      const bool offset = text.starts_with("zero points + ") || text.starts_with("zero points - ");
      const std::string like = text.find(" from below") != std::string::npos ? "like zp-clamped-folded: "
                               : offset                                      ? "like zp-v1v2-offset: "
                                                                             : "";
      try_natural(changed(natural.zeros, [&](int, std::uint8_t zero) { return table[zero]; }), natural.way, like + text,
                  natural.zeros.cols() == before_.N ? undo_zeros(table) : "");
    }
  }

  /// An offset of its own in each group.
  void per_group(const Zeros& right) {
    const auto got = columns::of_rows(seen_);
    std::vector<int> offsets(got.size(), -1);
    for (int d = 0; d < 16; ++d) {
      const auto made = columns::of_rows(changed(right, [&](int, std::uint8_t zero) { return (zero + d) & 15; }));
      for (std::size_t g = 0; g < offsets.size(); ++g)
        if (offsets[g] < 0 && made[g] == got[g]) offsets[g] = d;
    }
    if (std::ranges::count(offsets, -1) > 0) return;
    const auto moved = [&](int g, std::uint8_t zero) { return (zero + offsets[static_cast<std::size_t>(g)]) & 15; };
    std::string text = probe::formula_of(offsets, 16, "g");
    if (text.empty()) text = fmt::format("({})[g]", fmt::join(offsets, ", "));
    try_natural(changed(right, moved), std::nullopt,
                fmt::format("like zp-v1v2-offset: zero points of group g + {}, wrapped at 15", text));
  }

  /// One value where the definition has others, or an offset of some zero points alone.
  void of_part(const Zeros& natural) {
    const Zeros got = unplaced(seen_, reference_places());
    const Differing<std::uint8_t> differing(got, natural);
    if (!differing.few()) return;
    if (const auto value = differing.one_value())
      return settle(fmt::format("zero points of {} are {}", differing.text("zero points"), int{*value}));
    const Zeros part = differing.part(got), right = differing.part(natural);
    const auto wrapped = [](int zero) { return zero & static_cast<int>(kCodeMask); };
    const int offset = wrapped(part[0] - right[0]);
    if (part == Zeros::from(part.rows(), part.cols(), [&](int g, int n) { return wrapped(right(g, n) + offset); }))
      settle(fmt::format("like zp-v1v2-offset: zero points + {}, wrapped at 15, only in {}", offset,
                         differing.text_of_part()));
  }

  void nothing_fits(const Zeros& natural) {
    const Zeros got = unplaced(seen_, reference_places());
    best_.evidence = Differing<std::uint8_t>(got, natural).evidence("zero points", [](int zero) { return zero; });
    best_.stage = StageId::zero_points;
  }

  void settle(std::string fault) { best_ = {.exact = true, .ways = {zeros_way(std::move(fault))}}; }

  const Weights& before_;
  std::vector<NaturalZeros> all_;
  Zeros seen_;
  ColumnsAnswer best_;
};

}  // namespace

ColumnsAnswer solve_zeros(const Grid<std::uint32_t>& seen, const Weights& before, ActOrder act_order) {
  return ZerosSearch(seen, before, act_order).answer();
}

}  // namespace w4::cases::packed
