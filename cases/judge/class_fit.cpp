// SPDX-License-Identifier: Apache-2.0
#include "cases/judge/class_fit.h"

#include "cases/judge/class_variance.h"
#include "cases/judge/rounding_terms.h"
#include "fixtures/error.h"
#include "fixtures/half.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace w4::cases::judge {
namespace {

constexpr int kMostChain = 64;
constexpr int kLongK = 2048;          // a right kernel hands a shorter K over every 64 rows too
constexpr double kMostNrmse = 0.1;    // of any class: more is not looked at
constexpr double kLikelyRmsZ = 1.05;  // of the right number of hand-overs, or length of chains
constexpr std::array kCounts = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256};
constexpr std::size_t kSampleRows = 16, kSampleColumns = 512;

/// Which classes can be told apart in a case.
struct Lattice {
  std::vector<RoundingClass> classes;
  std::vector<RoundingClass> faults;  // all of K accumulated in 16 bits: no class of a right kernel
};

std::vector<WeightRounding> weights_of(const Expected& expected) {
  std::vector<WeightRounding> ways = {WeightRounding::unrounded, WeightRounding::once, WeightRounding::products,
                                      WeightRounding::folded};
  if (expected.weights_rounded) ways.push_back(WeightRounding::group_sums);  // one group: before the scale
  return ways;
}

std::vector<EndRounding> ends_of(const Expected& expected) {
  std::vector<EndRounding> ways = {EndRounding::once};
  if (!expected.weights_rounded) ways.push_back(EndRounding::before_scale);
  if (!expected.terms->bias.empty()) ways.push_back(EndRounding::before_bias);
  return ways;
}

Lattice lattice_of(const Expected& expected) {
  std::vector<std::pair<SumRounding, int>> sums = {{SumRounding::wide, 0}}, whole;
  const RoundingTerms& terms = *expected.terms;
  if (std::ranges::any_of(terms.known_cuts, [](float cut) { return cut > 0; }))
    sums.emplace_back(SumRounding::known_cuts, 0);
  for (const int count : kCounts)
    if (count <= terms.most_cuts) sums.emplace_back(SumRounding::any_cuts, count);
  for (int length = 2; length <= std::min(kMostChain, expected.K / 2); length *= 2)
    sums.emplace_back(SumRounding::chains, length);
  for (int rows = kCutEvery / 2; rows > 0; rows /= 2)
    whole.emplace_back(SumRounding::any_cuts, std::max(1, expected.K / rows));
  Lattice lattice;
  for (const WeightRounding weights : weights_of(expected))
    for (const EndRounding end : ends_of(expected)) {
      for (const auto& [way, count] : sums) lattice.classes.push_back({weights, way, count, end});
      for (const auto& [way, count] : whole) lattice.faults.push_back({weights, way, count, end});
    }
  return lattice;
}

/// Some elements of an output, and how each class predicts their errors.
class Sample {
 public:
  Sample(const Grid<std::uint16_t>& C, const Expected& expected) : expected_(expected) {
    const auto M = static_cast<std::size_t>(expected.M), N = static_cast<std::size_t>(expected.N);
    const std::size_t rows = (M + kSampleRows - 1) / kSampleRows, columns = (N + kSampleColumns - 1) / kSampleColumns;
    for (std::size_t m = 0; m < M; m += rows)
      for (std::size_t n = m / rows % columns; n < N; n += columns) {
        const std::size_t i = m * N + n;
        const double error = std::abs(value_of(C[i], expected.dtype) - expected.y[i]);
        if (std::isfinite(error)) cells_.push_back({i, error});
      }
  }
  std::size_t size() const { return cells_.size(); }

  struct Fit {
    double rms = 0;         // of errors in standard deviations, of all rounding
    double likelihood = 0;  // logarithm; the class may be off by a factor, inside the limits of rms
    double width = 0;       // mean variance, in units of that of one rounding
    std::size_t count = 0;  // elements

    /// Errors are not larger than this class makes them; few elements may be by chance.
    bool is_likely() const { return rms <= kLikelyRmsZ * (1 + kRmsSpread / std::sqrt(static_cast<double>(count))); }
  };
  Fit of(const RoundingClass& rounding) const {
    Fit fit;
    double logs = 0, squares = 0;
    for (const Cell& cell : cells_) {
      const ElementTerms terms(expected_, cell.i);
      const double variance = terms.variance(rounding);
      if (!(variance > 0)) continue;
      const double rest = rounding_rest(expected_, terms.norm(rounding), expected_.y[cell.i]);
      const double sigma = std::hypot(rounding_sigma(expected_, variance), rest / kRestOfSigma);
      logs += std::log(sigma);
      squares += squared(cell.error / sigma);
      fit.width += variance / (squared(expected_.y[cell.i]) + squared(expected_.norm[cell.i]));
      ++fit.count;
    }
    if (fit.count == 0) return fit;
    const auto n = static_cast<double>(fit.count);
    fit.rms = std::sqrt(squares / n);
    const double factor = std::clamp(fit.rms, kLeastRmsZ, kMaxRmsZ);
    fit.likelihood = -logs - n * std::log(factor) - squares / (2 * squared(factor));
    fit.width /= n;
    return fit;
  }

 private:
  struct Cell {
    std::size_t i;
    double error;
  };
  const Expected& expected_;
  std::vector<Cell> cells_;
};

struct Fitted {
  RoundingClass rounding;
  Sample::Fit fit;

  bool of_family(const RoundingClass& other) const {
    return rounding.weights == other.weights && rounding.sums == other.sums && rounding.end == other.end;
  }
};

std::vector<Fitted> fitted(const Sample& sample, const std::vector<RoundingClass>& classes) {
  std::vector<Fitted> fits;
  for (const RoundingClass& rounding : classes) fits.push_back({rounding, sample.of(rounding)});
  std::ranges::stable_sort(fits, {}, [](const Fitted& f) { return f.fit.width; });
  return fits;
}

/// In how many of its three parts `rounding` allows what `own` does not.
int parts_beyond(const RoundingClass& rounding, const RoundingClass& own) {
  return (rounding.weights > own.weights) + (rounding.sums != SumRounding::wide && rounding.sums != own.sums) +
         (rounding.end != EndRounding::once && rounding.end != own.end);
}

bool is_answer(const Fitted& of, int K, Confirmed confirmed) {
  if (of.rounding.sums == SumRounding::chains) return confirmed != Confirmed::by_nothing;
  if (of.rounding.sums != SumRounding::any_cuts || confirmed == Confirmed::by_probes || K < kLongK) return true;
  return of.rounding.count * 2 * kCutEvery <= K && of.fit.is_likely();  // not a part of more hand-overs
}

/// How far the mean of squares of `count` normal numbers may lie above its expectation, with the factor 2 of a mantissa
/// near 1, and below it (Laurent, Massart 2000).
constexpr double kLogOfChance = 30, kMantissa = 2;
double largest_mean_square(double count) {
  return kMantissa * (1 + 2 * std::sqrt(kLogOfChance / count) + 2 * kLogOfChance / count);
}
double least_mean_square(double count) { return std::max(0.0, 1 - 2 * std::sqrt(kLogOfChance / count)); }

/// z^2 summed by rows, by columns, and by columns modulo a power of two.
struct Spread {
  std::vector<double> rows, columns;
  double all = 0;
  std::size_t count = 0;
};

Spread spread_of(const Grid<std::uint16_t>& C, const Expected& expected) {
  Spread spread{std::vector<double>(static_cast<std::size_t>(expected.M)),
                std::vector<double>(static_cast<std::size_t>(expected.N))};
  for (int m = 0; m < expected.M; ++m)
    for (int n = 0; n < expected.N; ++n) {
      const double z = element_error(value_of(C(m, n), expected.dtype), expected, m, n).z;
      spread.rows[static_cast<std::size_t>(m)] += z * z;
      spread.columns[static_cast<std::size_t>(n)] += z * z;
      spread.all += z * z;
    }
  spread.count = C.size();
  return spread;
}

/// Whether errors of some elements are larger than those of all others. `independent`, `others_independent`: how many
/// of each are.
bool too_large(const Spread& all, double sum, double cells, double independent, double others_independent) {
  const double others = static_cast<double>(all.count) - cells;
  if (!(others > 0)) return false;
  return !(sum / cells * least_mean_square(others_independent) <=
           (all.all - sum) / others * largest_mean_square(independent));
}

/// The first column, or columns n with some bits of n alike, whose errors are larger than those of the others.
std::string uneven_columns(const Spread& spread, double M, double rows) {
  const auto N = static_cast<int>(spread.columns.size());
  const auto uneven = [&](int mask, int bits) {
    double sum = 0, columns = 0;
    for (int n = 0; n < N; ++n)
      if ((n & mask) == bits) sum += spread.columns[static_cast<std::size_t>(n)], ++columns;
    return columns > 0 && too_large(spread, sum, columns * M, columns * rows, (N - columns) * rows);
  };
  constexpr int kMostStep = 64;
  for (int n = 0; n < N; ++n)
    if (too_large(spread, spread.columns[static_cast<std::size_t>(n)], M, rows, (N - 1) * rows))
      return fmt::format("column n = {}", n);
  for (int step = kMostStep; step > 1; step /= 2)
    for (int from = 0; from < step; ++from)
      if (uneven(step - 1, from)) return fmt::format("columns n % {} = {}", step, from);
  for (int bit = 2; bit < N; bit *= 2)
    for (const int bits : {0, bit})
      if (uneven(bit, bits)) return fmt::format("columns with n & {} = {}", bit, bits);
  return "";
}

std::string uneven_place(const Grid<std::uint16_t>& C, const Expected& expected) {
  const Spread spread = spread_of(C, expected);
  const double M = expected.M, N = expected.N, rows = std::min(M, expected.terms->independent_rows);
  std::string place;
  for (std::size_t m = 0; m < spread.rows.size() && place.empty(); ++m)
    if (too_large(spread, spread.rows[m], N, N, std::max(1.0, rows - 1) * N)) place = fmt::format("row m = {}", m);
  if (place.empty()) place = uneven_columns(spread, M, rows);
  return place.empty() ? "" : fmt::format("the errors of {} are larger than those of the others", place);
}

}  // namespace

bool is_beyond(const RoundingClass& rounding, const RoundingClass& own) { return parts_beyond(rounding, own) > 0; }

RoundingClass tightest_class(const Grid<std::uint16_t>& C, const Expected& expected, std::uint16_t fill) {
  const Sample sample(C, expected);
  std::vector<RoundingClass> inside;
  for (const RoundingClass& rounding : lattice_of(expected).classes)
    if (!is_beyond(rounding, expected.rounding) && rounding != expected.rounding &&
        rounding.weights != WeightRounding::group_sums)
      inside.push_back(rounding);
  for (const Fitted& fit : fitted(sample, inside))
    if (compare(C, under(expected, fit.rounding), fill).right()) return fit.rounding;
  return expected.rounding;
}

std::string failed_class_gate(const Grid<std::uint16_t>& C, const Expected& expected, std::uint16_t fill) {
  const Comparison seen = compare(C, expected, fill);
  if (!seen.right()) return seen.failed_gate;
  if (const double rms = Sample(C, expected).of(expected.rounding).rms; !(rms >= kLeastRmsZ))
    return fmt::format("errors are {:.3g} of what this rounding leaves, at least {} is expected", rms, kLeastRmsZ);
  return uneven_place(C, expected);
}

std::vector<RoundingClass> wider_classes(const Grid<std::uint16_t>& C, const Expected& expected, std::uint16_t fill,
                                         Confirmed confirmed) {
  const Comparison seen = compare(C, expected, fill);
  if (seen.judged < seen.count || !(seen.nrmse <= kMostNrmse)) return {};
  const Sample sample(C, expected);
  const Lattice lattice = lattice_of(expected);
  const std::vector<Fitted> fits = fitted(sample, lattice.classes);
  double best = -INFINITY, no_answer = -INFINITY;
  for (const Fitted& fit : fits) {
    double& most = is_answer(fit, expected.K, confirmed) ? best : no_answer;
    most = std::max(most, fit.fit.likelihood);
  }
  for (const Fitted& fit : fitted(sample, lattice.faults)) no_answer = std::max(no_answer, fit.fit.likelihood);
  const double slack = kLikelihoodSlack + kLikelihoodSlackEach * static_cast<double>(sample.size());
  const double least =
      std::max(best - slack, no_answer - (confirmed == Confirmed::by_nothing ? kUnconfirmedSlack : slack));
  std::vector<Fitted> found;  // of each family the one with the likely count, otherwise the smallest
  for (const Fitted& fit : fits) {
    if (!is_answer(fit, expected.K, confirmed) || !is_beyond(fit.rounding, expected.rounding) ||
        fit.fit.likelihood < least || !failed_class_gate(C, under(expected, fit.rounding), fill).empty())
      continue;
    const auto same = std::ranges::find_if(found, [&](const Fitted& other) { return fit.of_family(other.rounding); });
    if (same == found.end())
      found.push_back(fit);
    else if (same->fit.rms > kLikelyRmsZ)
      *same = fit;
  }
  std::ranges::stable_sort(found, {}, [&](const Fitted& fit) {
    return std::pair(parts_beyond(fit.rounding, expected.rounding), fit.fit.width);
  });
  std::vector<RoundingClass> classes;
  for (const Fitted& fit : found) classes.push_back(fit.rounding);
  return classes;
}

}  // namespace w4::cases::judge
