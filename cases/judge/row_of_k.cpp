// SPDX-License-Identifier: Apache-2.0
#include "cases/judge/row_of_k.h"

#include "fixtures/half.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace w4::cases::judge {
namespace {

constexpr int kLookedAtRows = 16, kLookedAtColumns = 2048;  // of the outputs that are looked at
constexpr int kRowsAtOnce = 64;                             // of K

/// Errors of some outputs, in standard deviations of a class. A gain of all is not a single row's.
struct ScaledErrors {
  std::vector<int> rows, columns;
  std::vector<double> z;      // (rows, columns), with sign
  std::vector<double> sigma;  // the same
  double mean_square = 0;
};

std::vector<int> spaced(int count, int most) {
  std::vector<int> places;
  for (int i = 0, step = (count + most - 1) / most; i < count; i += step) places.push_back(i);
  return places;
}

ScaledErrors scaled_errors(const Grid<std::uint16_t>& C, const Expected& expected) {
  ScaledErrors errors;
  errors.rows = spaced(expected.M, kLookedAtRows);
  errors.columns = spaced(expected.N, kLookedAtColumns);
  double want = 0, got = 0;
  const auto at = [&](int m, int n) { return static_cast<std::size_t>(m) * expected.N + n; };
  for (const int m : errors.rows)
    for (const int n : errors.columns) {
      want += expected.at(m, n) * expected.at(m, n);
      got += expected.at(m, n) * value_of(C(m, n), expected.dtype);
    }
  const double gain = want > 0 ? got / want : 1.0;
  for (const int m : errors.rows)
    for (const int n : errors.columns) {
      const double sigma = rounding_sigma(expected, expected.variance[at(m, n)]);
      const double error = value_of(C(m, n), expected.dtype) - gain * expected.at(m, n);
      errors.sigma.push_back(sigma);
      errors.z.push_back(sigma > 0 ? error / sigma : 0.0);
      errors.mean_square += errors.z.back() * errors.z.back();
    }
  errors.mean_square /= static_cast<double>(errors.z.size());
  return errors;
}

/// One row's products against the errors.
struct RowScore {
  double score = 0;  // 0 +- 1 where the errors know nothing of this row
  double times = 0;  // by how much it counts too much, as far as these errors tell
};

RowScore score_of(const ScaledErrors& errors, const std::vector<double>& a, const double* w) {
  double sum = 0, squares = 0, own = 0;
  for (std::size_t m = 0; m < errors.rows.size(); ++m)
    for (std::size_t i = 0; i < errors.columns.size(); ++i) {
      const std::size_t cell = m * errors.columns.size() + i;
      const double product = a[m] * w[errors.columns[i]];
      sum += errors.z[cell] * product;
      squares += product * product;
      if (errors.sigma[cell] > 0) own += product * product / errors.sigma[cell];
    }
  if (!(squares > 0) || !(own > 0)) return {};
  return {.score = sum / std::sqrt(squares * std::max(1.0, errors.mean_square)), .times = sum / own};
}

/// Weights are rounded once for all rows of A, so such errors hold multiples of their own row.
double allowed_score(const ScaledErrors& errors, const Expected& expected) {
  return kMaxRowScore * std::sqrt(1.0 + 3.0 * static_cast<double>(errors.rows.size()) / expected.K);
}

}  // namespace

std::string uneven_row_of_k(const Grid<std::uint16_t>& C, const Expected& expected, const fixtures::Layer& layer,
                            const Grid<std::uint16_t>& A) {
  const ScaledErrors errors = scaled_errors(C, expected);
  for (int begin = 0; begin < layer.K; begin += kRowsAtOnce) {
    const int end = std::min(layer.K, begin + kRowsAtOnce);
    const std::vector<double> weights = expected_weights(layer, begin, end);
    for (int k = begin; k < end; ++k) {
      std::vector<double> a;
      for (const int m : errors.rows) a.push_back(value_of(A(m, k), layer.dtype));
      const RowScore row = score_of(errors, a, &weights[static_cast<std::size_t>(k - begin) * layer.N]);
      if (!(std::abs(row.score) <= allowed_score(errors, expected)))
        return fmt::format("row k = {} of K counts 1{:+.2g} times", k, row.times);
    }
  }
  return "";
}

}  // namespace w4::cases::judge
