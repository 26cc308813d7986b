// SPDX-License-Identifier: Apache-2.0
#include "cases/search/magnitude.h"

#include "fixtures/half.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace w4::cases::search {
namespace {

constexpr float kLarge = 32768.0f, kSmall = 64.0f;  // magnitudes of the activations, powers of two
constexpr int kRows = 16;                           // one target column each
constexpr double kSlack = 0.01;                     // of the sum of magnitudes: far above rounding, far below luck

/// Row m aims at one column: its products have signs chosen for that column's weights.
struct Aim {
  Grid<std::uint16_t> A;  // (kRows, K)
  std::vector<int> columns;
  std::vector<double> sums;    // of the products, for A of magnitude 1
  std::vector<double> totals;  // of their magnitudes
};

/// Signs for the products of a column, one after another; given the sum so far.
using Sign = double (*)(int k, int K, double sum);

/// The first half adds up, the second half subtracts it again: partial sums are large, the result is small.
double up_and_down(int k, int K, double sum) { return k < K / 2 || sum < 0 ? 1 : -1; }
double up(int, int, double) { return 1; }

Aim aimed(const fixtures::Layer& layer, float magnitude, Sign sign) {
  const std::vector<double> weights = judge::expected_weights(layer, 0, layer.K);  // (K, N)
  Aim aim;
  std::vector<std::uint16_t> a(static_cast<std::size_t>(kRows) * layer.K);
  for (int m = 0; m < kRows; ++m) {
    const int n = static_cast<int>(static_cast<long long>(m) * layer.N / kRows);
    double sum = 0, total = 0;
    for (int k = 0; k < layer.K; ++k) {
      const double weight = weights[static_cast<std::size_t>(k) * layer.N + n];
      const double wanted = sign(k, layer.K, sum);
      a[static_cast<std::size_t>(m) * layer.K + k] =
          bits_of(static_cast<float>(weight < 0 ? -wanted : wanted) * magnitude, DType::fp16);
      sum += wanted * std::abs(weight);
      total += std::abs(weight);
    }
    aim.columns.push_back(n);
    aim.sums.push_back(sum);
    aim.totals.push_back(total);
  }
  aim.A = Grid<std::uint16_t>(kRows, layer.K, a);
  return aim;
}

struct Hits {
  int infinite = 0;
  int right = 0;
};

Hits hits(const kernel::RunResult& result, const Aim& aim, float magnitude) {
  Hits count;
  for (int m = 0; m < kRows; ++m) {
    const auto at = static_cast<std::size_t>(m);
    const double got = value_of(result.C(m, aim.columns[at]), DType::fp16);
    count.infinite += !std::isfinite(got);
    count.right += std::abs(got - aim.sums[at] * magnitude) <= kSlack * aim.totals[at] * magnitude;
  }
  return count;
}

/// Infinite where sums are large, right where the activations are scaled down.
bool overflows(LaunchTrials& trials, const fixtures::Layer& layer, float large, Sign sign) {
  const Aim big = aimed(layer, large, sign);
  const kernel::RunResult at_large = trials.with_activations(big.A);
  if (!at_large.ran() || hits(at_large, big, large).infinite < kRows / 2) return false;
  const Aim little = aimed(layer, kSmall / kLarge * large, sign);
  const kernel::RunResult at_small = trials.with_activations(little.A);
  return at_small.ran() && hits(at_small, little, kSmall / kLarge * large).right == kRows;
}

/// The largest power of two at which the scaled sums of `up` stay well inside fp16's range.
float magnitude_of_up(const fixtures::Layer& layer) {
  constexpr double kInside = 16384;
  const Aim unit = aimed(layer, 1.0f, up);
  const double most = *std::max_element(unit.sums.begin(), unit.sums.end());
  return std::min(kLarge, static_cast<float>(std::exp2(std::floor(std::log2(kInside / most)))));
}

}  // namespace

std::vector<report::Culprit> faults_of_magnitude(LaunchTrials& trials, const Prepared& prepared) {
  const fixtures::Layer& layer = prepared.layer;
  if (layer.dtype != DType::fp16 || layer.bias || trials.task().launch.reduce_bits == 16) return {};
  const std::string halves = fmt::format("activations of {:g} whose partial sums grow and then cancel", kLarge);
  if (overflows(trials, layer, kLarge, up_and_down)) {
    report::Culprit culprit{.stage = "multiply", .fault = "fp16-accumulate-overflow"};
    culprit.evidence = {fmt::format("{} give infinities; those of {:g} give the right sums", halves, kSmall)};
    culprit.cure = "accumulate in fp32";
    return {culprit};
  }
  if (layer.group_size != layer.K) return {};
  const float magnitude = magnitude_of_up(layer);
  if (!overflows(trials, layer, magnitude, up)) return {};
  report::Culprit culprit{.stage = "epilogue", .fault = "epilogue-cast-order"};
  culprit.evidence = {
      fmt::format("{} give finite sums, so the accumulators are wide", halves),
      fmt::format("sums beyond 65504 whose scaled value is inside the range (activations of {:g}) are infinite; "
                  "activations {:g} times smaller give the right sums",
                  magnitude, kLarge / kSmall)};
  culprit.cure = "scale in fp32 and cast once";
  return {culprit};
}

}  // namespace w4::cases::search
