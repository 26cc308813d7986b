// SPDX-License-Identifier: Apache-2.0
#include "cases/judge/audit.h"

#include "cases/judge/compare.h"
#include "fixtures/half.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace w4::cases::judge {
namespace {

constexpr double kRelative = 0.15, kAbsolute = 0.001;  // the allclose rule
constexpr double kLoose = 0.1;                         // relative and absolute, of the rule with a quota
constexpr double kFloor = 1.0 / 256;                   // a relative error is taken of no less than this

/// The larger one; a NaN, once seen, stays.
double worse(double a, double b) { return std::isnan(a) || a >= b ? a : b; }

/// What the rules need to know of an output x and the expected y.
struct Totals {
  double count = 0, within = 0;
  double error = 0, want = 0;  // sums of magnitudes
  double xx = 0, yy = 0, xy = 0;
  double of_allowance = 0;  // the worst error, in units of what allclose allows
  double floored = 0;       // the worst relative error
  double max_z = 0;

  void add(double x, double y) {
    const double off = std::abs(x - y);
    const double size = std::abs(y);
    ++count;
    within += off <= kLoose + kLoose * size;
    error += off;
    want += size;
    xx += x * x;
    yy += y * y;
    xy += x * y;
    of_allowance = worse(of_allowance, off / (kAbsolute + kRelative * size));
    floored = worse(floored, off / std::max(size, kFloor));
  }
};

double mean_error(const Totals& t) { return t.error / t.want; }
double cosine(const Totals& t) { return t.xy / std::sqrt(t.xx * t.yy); }
double dissimilarity(const Totals& t) { return 1 - 2 * t.xy / (t.xx + t.yy); }

enum class Side { below, at_most, above, at_least };

struct Rule {
  const char* name;  // as numerics.md prints it
  double (*value)(const Totals&);
  Side side;
  double limit;
};

constexpr std::array<Rule, 9> kRules = {{
    {"mean abs error / mean abs < 0.04", mean_error, Side::below, 0.04},
    {"mean abs error / mean abs < 0.001", mean_error, Side::below, 0.001},
    {"cosine > 0.99", cosine, Side::above, 0.99},
    {"1 - 2xy/(xx+yy) < 1e-3", dissimilarity, Side::below, 1e-3},
    {"1 - 2xy/(xx+yy) < 1e-5", dissimilarity, Side::below, 1e-5},
    {"rtol 0.15, atol 0.001", [](const Totals& t) { return t.of_allowance; }, Side::at_most, 1},
    {"within 0.1 + 0.1 relative for 99.9 %", [](const Totals& t) { return t.within / t.count; }, Side::at_least, 0.999},
    {"relative 0.05 with a floor of 1/256", [](const Totals& t) { return t.floored; }, Side::at_most, 0.05},
    {"z <= 8", [](const Totals& t) { return t.max_z; }, Side::at_most, kMaxZ},
}};

/// No comparison with NaN is true, so a NaN passes none.
bool holds(double value, Side side, double limit) {
  switch (side) {
    case Side::below: return value < limit;
    case Side::at_most: return value <= limit;
    case Side::above: return value > limit;
    default: return value >= limit;
  }
}

Grid<std::uint16_t> as_if_fresh(const Grid<std::uint16_t>& C, std::uint16_t fill) {
  return Grid<std::uint16_t>::made(C.rows(), C.cols(), [&](std::span<std::uint16_t> out) {
    std::replace_copy(C.cells().begin(), C.cells().end(), out.begin(), fill, std::uint16_t{0});
  });
}

Totals totals_of(const Grid<std::uint16_t>& C, const Expected& expected, std::uint16_t fill) {
  const Comparison judged = compare(C, expected, fill);
  Totals totals;
  for (std::size_t i = 0; i < C.size(); ++i) totals.add(value_of(C[i], expected.dtype), expected.y[i]);
  totals.max_z = judged.nan + judged.inf > 0 ? std::nan("") : judged.max_z;
  return totals;
}

}  // namespace

std::vector<AuditLine> audit(const Grid<std::uint16_t>& C, const Expected& expected, std::uint16_t fill) {
  const Totals totals = totals_of(as_if_fresh(C, fill), expected, fill);
  std::vector<AuditLine> lines;
  for (const Rule& rule : kRules) {
    const double value = rule.value(totals);
    lines.push_back({rule.name, value, rule.limit, holds(value, rule.side, rule.limit)});
  }
  return lines;
}

}  // namespace w4::cases::judge
