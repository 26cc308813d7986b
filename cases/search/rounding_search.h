// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/prepare.h"
#include "cases/judge/class_fit.h"
#include "cases/probe/rounding_probes.h"

#include <optional>
#include <string>
#include <vector>

namespace w4::cases::search {

/// How the outputs of one case are judged.
struct Explained {
  judge::Expected expected;                      // under the class where that allows more than our exact model
  std::optional<judge::RoundingClass> rounding;  // the tightest class that explains them; none: no class does
  std::string against = {};                      // "the rounding is not as --rounding says: ..."; empty: it is, or the
                                                 // outputs show that themselves
};

/// Outputs of one case and the classes of rounding. `own`: the oracle's, with its terms.
class RoundingSearch {
 public:
  RoundingSearch(const Prepared& prepared, judge::Expected own, std::uint16_t fill)
      : prepared_(prepared), own_(std::move(own)), fill_(fill) {}

  /// `asked`: the class that --rounding names; it alone is tried. `probes`: null where nothing can be asked. Where a
  /// probe has no answer, what it alone could confirm is not taken (judge::Confirmed).
  Explained explain(const std::vector<const Grid<std::uint16_t>*>& outputs,
                    const std::optional<judge::RoundingClass>& asked, probe::RoundingProbes* probes) const;

 private:
  using Outputs = std::vector<const Grid<std::uint16_t>*>;
  bool all_right(const Outputs& outputs, const judge::Expected& expected) const;
  std::string against(const judge::Expected& expected, const Outputs& outputs, probe::RoundingProbes* probes) const;
  std::vector<judge::RoundingClass> wider_classes(const Grid<std::uint16_t>& C, probe::RoundingProbes* probes) const;
  Explained by_asked(const Outputs& outputs, const judge::RoundingClass& asked, probe::RoundingProbes* probes) const;

  const Prepared& prepared_;
  judge::Expected own_;
  std::uint16_t fill_;
};

/// The launches of one case that ran, or a recorded output. Paths without classes keep our exact model. `probes`: as
/// RoundingSearch takes them.
Explained explain_launches(const Prepared& prepared, const Options& options,
                           const std::vector<kernel::RunResult>& launches, judge::Expected own, std::uint16_t fill,
                           probe::RoundingProbes* probes);

}  // namespace w4::cases::search
