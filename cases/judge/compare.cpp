// SPDX-License-Identifier: Apache-2.0
#include "cases/judge/compare.h"

#include "fixtures/error.h"
#include "fixtures/half.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace w4::cases::judge {
namespace {

/// A gain <y,R>/<R,R> and how far rounding may move it.
struct Gain {
  double yr = 0, rr = 0;
  double independent = 0;  // variance of <error,R> from independent errors
  double absolute = 0;     // sum of |R| times what accumulation and subnormals may add to each error
  double shared = 0;       // bound of the same from the rounding of weights, which all rows of a column share

  double value() const { return rr > 0 ? yr / rr : 1.0; }
  /// u/4 for a bias, and what the rounding of few elements leaves: the gain of one element is that element's own error.
  double limit(double u) const {
    return u / 4 + (rr > 0 ? (kMaxZ * std::sqrt(independent + shared) + absolute) / rr : 0.0);
  }
  bool within(double u) const { return std::abs(value() - 1) <= limit(u); }

  void add(double got, double want, double variance, double rest) {
    absolute += std::abs(want) * rest;
    yr += got * want;
    rr += want * want;
    independent += want * want * variance;
  }
};

/// The unit roundoff, and the part of the error that accumulation and subnormals explain.
struct Model {
  double u;
  double per_norm;
  double floor;
  explicit Model(const Expected& expected)
      : u(expected.dtype == DType::bf16 ? 0x1p-8 : 0x1p-11),
        per_norm(0x1p-23 * expected.K / 16),
        floor(expected.dtype == DType::fp16 ? 0x1p-25 * (1 + expected.slices) : 0.0) {}
  double sigma(double variance) const { return 0.425 * u * std::sqrt(variance); }
  double rest(double norm, double y) const { return per_norm * (norm + std::abs(y)) + floor; }
};

/// The part of an element's variance that comes from weights, which all rows of a column share.
double weight_variance(const Expected& expected, std::size_t i) {
  if (!expected.shared.empty()) return expected.shared[i];
  return expected.weights_rounded ? expected.norm[i] * expected.norm[i] : 0.0;
}

double z_of(double error, double rest, double sigma) {
  const double beyond = std::abs(error) - rest;
  if (beyond <= 0) return 0;
  return sigma > 0 ? beyond / sigma : std::numeric_limits<double>::infinity();
}

/// Gains of all, of each row and of each column, and sums of squares.
struct Tally {
  std::vector<Gain> rows, columns;
  std::vector<double> weight_noise;  // of each column: the sum of norm^2, in squared outputs
  Gain all = {};
  double squared_z = 0, squared_error = 0, squared_want = 0;
  std::size_t judged = 0;

  Tally(int M, int N)
      : rows(static_cast<std::size_t>(M)),
        columns(static_cast<std::size_t>(N)),
        weight_noise(static_cast<std::size_t>(N)) {}

  /// `weight` and `other`: the variance of this element by the rounding of weights, and by all other rounding.
  void add(std::size_t m, std::size_t n, double got, double want, double weight, double other, double rest) {
    rows[m].add(got, want, weight + other, rest);  // other columns, other weights: independent along a row
    columns[n].add(got, want, other, rest);
    weight_noise[n] += weight;
    squared_error += (got - want) * (got - want);
    squared_want += want * want;
    ++judged;
  }

  /// Errors of weights in a column are one draw for all rows: by Cauchy-Schwarz, var <error,R> <= sum norm^2 sum R^2.
  void close() {
    for (std::size_t n = 0; n < columns.size(); ++n) {
      columns[n].shared = weight_noise[n] * columns[n].rr;
      all.yr += columns[n].yr;
      all.rr += columns[n].rr;
      all.independent += columns[n].independent;
      all.absolute += columns[n].absolute;
      all.shared += columns[n].shared;
    }
  }
};

void classify(std::uint16_t bits, float got, std::uint16_t fill, Comparison& out) {
  if (bits == fill) {
    ++out.unwritten;
  } else if (std::isnan(got)) {
    ++out.nan;
  } else if (std::isinf(got)) {
    ++out.inf;
  } else if (got == 0) {
    ++out.zero;
  }
}

void note_wrong(int m, int n, double got, double want, Comparison& out) {
  if (out.wrong++ > 0) return;
  out.first_m = m;
  out.first_n = n;
  out.first_got = got;
  out.first_want = want;
}

std::string bad_gain(const std::vector<Gain>& gains, const char* axis, double u) {
  for (std::size_t i = 0; i < gains.size(); ++i)
    if (!gains[i].within(u))
      return fmt::format("gain of {} {} is 1{:+.2e}, allowed {:.2e}", axis, i, gains[i].value() - 1, gains[i].limit(u));
  return "";
}

/// The limit of rms z. That of our own model is far from what few outputs of a right kernel leave; a class is tight.
double most_rms(const Expected& expected, std::size_t judged) {
  if (expected.shared.empty() || judged == 0) return kMaxRmsZ;
  return kMaxRmsZ * (1 + kRmsSpread / std::sqrt(static_cast<double>(judged)));
}

std::string failed_gate(const Comparison& c, const Tally& tally, double u, double rms_limit) {
  if (c.unwritten > 0) return fmt::format("{} of {} outputs were never written", c.unwritten, c.count);
  if (c.nan + c.inf > 0) return fmt::format("{} NaN and {} inf among {} outputs", c.nan, c.inf, c.count);
  if (c.wrong > 0)
    return fmt::format("{} of {} outputs beyond the bound, first (m={}, n={}): {:.6g} where {:.6g} is right", c.wrong,
                       c.count, c.first_m, c.first_n, c.first_got, c.first_want);
  if (!(c.rms_z <= rms_limit)) return fmt::format("rms z {:.3g} exceeds {:.4g}", c.rms_z, rms_limit);
  if (!tally.all.within(u))
    return fmt::format("gain is 1{:+.2e}, allowed {:.2e}", tally.all.value() - 1, tally.all.limit(u));
  if (std::string row = bad_gain(tally.rows, "row m =", u); !row.empty()) return row;
  return bad_gain(tally.columns, "column n =", u);
}

}  // namespace

double allowed_error(const Expected& expected, int m, int n) {
  const Model model(expected);
  const std::size_t i = static_cast<std::size_t>(m) * expected.N + n;
  return model.rest(expected.norm[i], expected.y[i]) + kMaxZ * model.sigma(expected.variance[i]);
}

double allowed_distance(const Expected& expected, int m, int n, double a, double b) {
  const double size = std::max(std::abs(a), std::abs(b));
  return 2 * (allowed_error(expected, m, n) + kMaxZ * Model(expected).sigma(size * size));
}

Comparison compare(const Grid<std::uint16_t>& C, const Expected& expected, std::uint16_t fill) {
  if (C.rows() != expected.M || C.cols() != expected.N)
    throw InputError("output is ({}, {}) where the case has M={} and N={}", C.rows(), C.cols(), expected.M, expected.N);
  const Model model(expected);
  Comparison out{.count = C.size()};
  Tally tally(expected.M, expected.N);
  for (int m = 0; m < expected.M; ++m) {
    for (int n = 0; n < expected.N; ++n) {
      const std::size_t i = static_cast<std::size_t>(m) * expected.N + n;
      const float got = value_of(C(m, n), expected.dtype);
      const double want = expected.y[i];
      classify(C(m, n), got, fill, out);
      const double sigma = model.sigma(expected.variance[i]);
      const double rest = model.rest(expected.norm[i], want);
      const double z = z_of(got - want, rest, sigma);
      if (!(z <= kMaxZ)) note_wrong(m, n, got, want, out);
      if (!std::isfinite(got)) continue;
      if (z > out.max_z) out.max_z = z, out.worst_m = m, out.worst_n = n;
      tally.squared_z += z * z;
      const double of_weights = model.sigma(weight_variance(expected, i));
      const double weight = of_weights * of_weights;
      tally.add(static_cast<std::size_t>(m), static_cast<std::size_t>(n), got, want, weight,
                std::max(0.0, sigma * sigma - weight), rest);
    }
  }
  tally.close();
  out.judged = tally.judged;
  if (tally.judged > 0) {
    out.rms_z = std::sqrt(tally.squared_z / static_cast<double>(tally.judged));
    out.nrmse = tally.squared_want > 0 ? std::sqrt(tally.squared_error / tally.squared_want) : 0.0;
    out.gain = tally.all.value();
  }
  out.failed_gate = failed_gate(out, tally, model.u, most_rms(expected, tally.judged));
  return out;
}

ElementError element_error(double got, const Expected& expected, int m, int n) {
  const Model model(expected);
  const std::size_t i = static_cast<std::size_t>(m) * expected.N + n;
  const double sigma = model.sigma(expected.variance[i]);
  const double rest = model.rest(expected.norm[i], expected.y[i]);
  return {.bound = rest + kMaxZ * sigma, .z = z_of(got - expected.y[i], rest, sigma)};
}

double rounding_sigma(const Expected& expected, double variance) { return Model(expected).sigma(variance); }
double rounding_rest(const Expected& expected, double norm, double y) { return Model(expected).rest(norm, y); }

}  // namespace w4::cases::judge
