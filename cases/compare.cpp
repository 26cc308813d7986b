// SPDX-License-Identifier: Apache-2.0
#include "cases/compare.h"

#include "fixtures/error.h"

#include <cmath>
#include <limits>

namespace w4::cases {
namespace {

/// Sums that gains need: <y,R>, <R,R> and the variance of <error,R>.
struct Gain {
  double yr = 0, rr = 0, noise = 0;
  void add(double got, double want, double sigma) {
    yr += got * want;
    rr += want * want;
    noise += want * want * sigma * sigma;
  }
  double value() const { return rr > 0 ? yr / rr : 1.0; }
  /// u/4 for a bias, and what the rounding of few elements leaves: the gain of one element is that element's own error.
  double limit(double u) const { return u / 4 + (rr > 0 ? kMaxZ * std::sqrt(noise) / rr : 0.0); }
  bool within(double u) const { return std::abs(value() - 1) <= limit(u); }
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

double z_of(double error, double rest, double sigma) {
  const double beyond = std::abs(error) - rest;
  if (beyond <= 0) return 0;
  return sigma > 0 ? beyond / sigma : std::numeric_limits<double>::infinity();
}

struct Tally {
  std::vector<Gain> rows, columns;
  Gain all = {};
  double squared_z = 0, squared_error = 0, squared_want = 0;
  std::size_t judged = 0;
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

std::string failed_gate(const Comparison& c, const Tally& tally, double u) {
  if (c.unwritten > 0) return fmt::format("{} of {} outputs were never written", c.unwritten, c.count);
  if (c.nan + c.inf > 0) return fmt::format("{} NaN and {} inf among {} outputs", c.nan, c.inf, c.count);
  if (c.wrong > 0)
    return fmt::format("{} of {} outputs beyond the bound, first (m={}, n={}): {:.6g} where {:.6g} is right", c.wrong,
                       c.count, c.first_m, c.first_n, c.first_got, c.first_want);
  if (!(c.rms_z <= kMaxRmsZ)) return fmt::format("rms z {:.3g} exceeds {}", c.rms_z, kMaxRmsZ);
  if (!tally.all.within(u)) return fmt::format("gain is 1{:+.2e}, allowed {:.2e}", tally.all.value() - 1, tally.all.limit(u));
  if (std::string row = bad_gain(tally.rows, "row m =", u); !row.empty()) return row;
  return bad_gain(tally.columns, "column n =", u);
}

}  // namespace

Comparison compare(const Grid<std::uint16_t>& C, const Expected& expected, std::uint16_t fill) {
  if (C.rows() != expected.M || C.cols() != expected.N)
    throw InputError("output is ({}, {}) where the case has M={} and N={}", C.rows(), C.cols(), expected.M, expected.N);
  const Model model(expected);
  Comparison out{.count = C.size()};
  Tally tally{.rows = std::vector<Gain>(static_cast<std::size_t>(expected.M)),
              .columns = std::vector<Gain>(static_cast<std::size_t>(expected.N))};
  for (int m = 0; m < expected.M; ++m) {
    for (int n = 0; n < expected.N; ++n) {
      const std::size_t i = static_cast<std::size_t>(m) * expected.N + n;
      const float got = value_of(C(m, n), expected.dtype);
      const double want = expected.y[i];
      classify(C(m, n), got, fill, out);
      const double sigma = model.sigma(expected.variance[i]);
      const double z = z_of(got - want, model.rest(expected.norm[i], want), sigma);
      if (!(z <= kMaxZ)) note_wrong(m, n, got, want, out);
      if (!std::isfinite(got)) continue;
      if (z > out.max_z) out.max_z = z, out.worst_m = m, out.worst_n = n;
      ++tally.judged;
      tally.squared_z += z * z;
      tally.squared_error += (got - want) * (got - want);
      tally.squared_want += want * want;
      for (Gain* gain : {&tally.all, &tally.rows[static_cast<std::size_t>(m)], &tally.columns[static_cast<std::size_t>(n)]})
        gain->add(got, want, sigma);
    }
  }
  if (tally.judged > 0) {
    out.rms_z = std::sqrt(tally.squared_z / static_cast<double>(tally.judged));
    out.nrmse = tally.squared_want > 0 ? std::sqrt(tally.squared_error / tally.squared_want) : 0.0;
    out.gain = tally.all.value();
  }
  out.failed_gate = failed_gate(out, tally, model.u);
  return out;
}

}  // namespace w4::cases
