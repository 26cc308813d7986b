// SPDX-License-Identifier: Apache-2.0
#include "cases/search/rounding_search.h"

#include "cases/judge/row_of_k.h"

#include <algorithm>

namespace w4::cases::search {

using judge::Expected;
using judge::RoundingClass;

bool RoundingSearch::all_right(const Outputs& outputs, const Expected& expected) const {
  return !outputs.empty() &&
         std::ranges::all_of(outputs, [&](const auto* C) { return judge::compare(*C, expected, fill_).right(); });
}

/// Why a class that allows more than our exact model does not explain the outputs; empty: it does.
std::string RoundingSearch::against(const Expected& expected, const Outputs& outputs,
                                    probe::RoundingProbes* probes) const {
  for (const Grid<std::uint16_t>* C : outputs) {
    if (std::string why = judge::failed_class_gate(*C, expected, fill_); !why.empty()) return why;
    if (std::string why = judge::uneven_row_of_k(*C, expected, prepared_.layer, prepared_.A); !why.empty()) return why;
  }
  return probes ? probes->against(expected.rounding) : "";
}

Explained RoundingSearch::by_asked(const Outputs& outputs, const RoundingClass& asked,
                                   probe::RoundingProbes* probes) const {
  if (asked == own_.rounding) return {own_, all_right(outputs, own_) ? std::optional(asked) : std::nullopt};
  Expected expected = judge::under(own_, asked);
  const bool beyond = judge::is_beyond(asked, own_.rounding);
  if (!all_right(outputs, expected)) return {std::move(expected), std::nullopt};
  if (!beyond) return {std::move(expected), asked};
  std::string why = against(expected, outputs, probes);
  if (!why.empty()) return {own_, std::nullopt, "the rounding is not as --rounding says: " + why};
  return {std::move(expected), asked};
}

/// The kernel is asked only where classes explain its errors.
std::vector<RoundingClass> RoundingSearch::wider_classes(const Grid<std::uint16_t>& C,
                                                         probe::RoundingProbes* probes) const {
  std::vector<RoundingClass> classes =
      judge::wider_classes(C, own_, fill_, probes ? judge::Confirmed::by_probes : judge::Confirmed::by_nothing);
  if (!probes || classes.empty() || probes->confirmed() == judge::Confirmed::by_probes) return classes;
  return judge::wider_classes(C, own_, fill_, probes->confirmed());
}

Explained RoundingSearch::explain(const Outputs& outputs, const std::optional<RoundingClass>& asked,
                                  probe::RoundingProbes* probes) const {
  if (outputs.empty()) return {own_, std::nullopt};
  if (asked) return by_asked(outputs, *asked, probes);
  if (all_right(outputs, own_)) {
    const RoundingClass tightest = judge::tightest_class(*outputs[0], own_, fill_);
    const bool of_all = tightest == own_.rounding || all_right(outputs, judge::under(own_, tightest));
    return {own_, of_all ? tightest : own_.rounding};
  }
  const auto wrong =
      std::ranges::find_if(outputs, [&](const auto* C) { return !judge::compare(*C, own_, fill_).right(); });
  for (const RoundingClass& rounding : wider_classes(**wrong, probes)) {
    Expected expected = judge::under(own_, rounding);
    if (all_right(outputs, expected) && against(expected, outputs, probes).empty())
      return {std::move(expected), rounding};
  }
  return {own_, std::nullopt};
}

Explained explain_launches(const Prepared& prepared, const Options& options,
                           const std::vector<kernel::RunResult>& launches, Expected own, std::uint16_t fill,
                           probe::RoundingProbes* probes) {
  if (!has_classes(options.asked)) return {std::move(own), std::nullopt};
  std::vector<const Grid<std::uint16_t>*> outputs;
  for (const kernel::RunResult& result : launches)
    if (result.ran() && std::ranges::none_of(outputs, [&](const auto* C) { return *C == result.C; }))
      outputs.push_back(&result.C);
  return RoundingSearch(prepared, std::move(own), fill).explain(outputs, options.effort.rounding, probes);
}

}  // namespace w4::cases::search
