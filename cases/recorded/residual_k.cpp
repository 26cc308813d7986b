// SPDX-License-Identifier: Apache-2.0
// Wrong outputs in which some rows of k count otherwise than once.
#include "cases/probe/region.h"
#include "cases/recorded/residual_guesses.h"

#include "cases/judge/compare.h"
#include "fixtures/half.h"
#include "kernel/run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <Eigen/Cholesky>

#include <algorithm>
#include <cmath>
#include <map>

namespace w4::cases::recorded {
namespace {

constexpr int kMostUnknowns = 256;
constexpr int kSmallestBlock = 16;
constexpr double kCounts = 0.1;  // a coefficient below it is rounding

/// Rows of k that are taken to count alike.
using Block = std::vector<int>;

/// Some outputs of a part, spread over it.
struct Sample {
  std::vector<int> rows, columns;
};

std::vector<int> spread(const std::vector<int>& all, std::size_t count) {
  std::vector<int> some;
  count = std::min(count, all.size());
  for (std::size_t i = 0; i < count; ++i) some.push_back(all[i * all.size() / count]);
  return some;
}

Sample sample_of(const Part& part, std::size_t unknowns) {
  constexpr std::size_t kMostRows = 32, kTimes = 4;  // outputs for each unknown
  Sample sample{spread(part.rows, kMostRows), {}};
  sample.columns = spread(part.columns, kTimes * unknowns / sample.rows.size() + 1);
  return sample;
}

/// Calls use(k, weights of row k).
template <class Use>
void for_each_row_of_weights(const WrongOutput& output, Use use) {
  constexpr int kAtOnce = 64;
  const int K = output.expected.K, N = output.expected.N;
  for (int first = 0; first < K; first += kAtOnce) {
    const int end = std::min(K, first + kAtOnce);
    const std::vector<double> weights = judge::expected_weights(output.prepared.layer, first, end);
    for (int k = first; k < end; ++k) use(k, &weights[static_cast<std::size_t>(k - first) * N]);
  }
}

/// Outputs of a sample in units of rounding: products * more = residual, where a block counts once and `more`.
struct Equations {
  Eigen::MatrixXd products;
  Eigen::VectorXd residual;

  /// By least squares; what no output depends on is 0.
  std::vector<double> solution() const {
    Eigen::MatrixXd normal = products.transpose() * products;
    normal.diagonal().array() += 1;
    const Eigen::VectorXd solution = normal.ldlt().solve(products.transpose() * residual);
    return {solution.begin(), solution.end()};
  }
  /// Whether these numbers leave little of the residual.
  bool may_hold(const std::vector<double>& more) const {
    constexpr double kMost = 4 * judge::kMaxZ;
    const Eigen::Map<const Eigen::VectorXd> numbers(more.data(), static_cast<Eigen::Index>(more.size()));
    return (products * numbers - residual).cwiseAbs().maxCoeff() <= kMost;
  }
};

Equations equations_of(const WrongOutput& output, const Part& part, const std::vector<Block>& blocks) {
  const Sample sample = sample_of(part, blocks.size());
  std::vector<int> block_of(static_cast<std::size_t>(output.expected.K), -1);
  for (std::size_t i = 0; i < blocks.size(); ++i)
    for (const int k : blocks[i]) block_of[static_cast<std::size_t>(k)] = static_cast<int>(i);
  const auto outputs = static_cast<Eigen::Index>(sample.rows.size() * sample.columns.size());
  Eigen::MatrixXd products = Eigen::MatrixXd::Zero(outputs, static_cast<Eigen::Index>(blocks.size()));
  Eigen::VectorXd residual(outputs), weight(outputs);
  Eigen::Index at = 0;
  for (const int m : sample.rows)
    for (const int n : sample.columns) {
      weight(at) = judge::kMaxZ / judge::allowed_error(output.expected, m, n);
      residual(at) = output.residual(m, n) * weight(at);
      ++at;
    }
  for_each_row_of_weights(output, [&](int k, const double* w) {
    const int block = block_of[static_cast<std::size_t>(k)];
    if (block < 0) return;
    Eigen::Index i = 0;
    for (const int m : sample.rows) {
      const double a = value_of(output.prepared.A(m, k), output.expected.dtype);
      for (const int n : sample.columns) products(i, block) += a * w[n] * weight(i), ++i;
    }
  });
  return {std::move(products), std::move(residual)};
}

std::vector<Block> all_blocks(int K) {
  int size = kSmallestBlock;
  while ((K + size - 1) / size > kMostUnknowns) size *= 2;
  std::vector<Block> blocks;
  for (int k = 0; k < K; ++k) {
    if (k % size == 0) blocks.emplace_back();
    blocks.back().push_back(k);
  }
  return blocks;
}

/// The blocks that count, those that do so in part as single rows; none: too many.
std::vector<Block> finer(const std::vector<Block>& blocks, const std::vector<double>& counts) {
  std::vector<Block> all;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (std::abs(counts[i]) < kCounts) continue;
    if (std::abs(counts[i] - std::round(counts[i])) < kCounts) {
      all.push_back(blocks[i]);
    } else {
      for (const int k : blocks[i]) all.push_back({k});
    }
  }
  return all.size() <= kMostUnknowns ? all : std::vector<Block>();
}

/// Rows of k with the same k % 64: what lane, slot or step of a loop they fall to.
std::vector<Block> all_residues(int K) {
  constexpr int kModulus = 64;
  std::vector<Block> blocks(static_cast<std::size_t>(std::min(K, kModulus)));
  for (int k = 0; k < K; ++k) blocks[static_cast<std::size_t>(k % kModulus)].push_back(k);
  return blocks;
}

/// How often each k counts, from how often its block counts beyond once.
std::vector<double> counts_of(int K, const std::vector<Block>& blocks, const std::vector<double>& more) {
  std::vector<double> of_k(static_cast<std::size_t>(K), 1);
  for (std::size_t i = 0; i < blocks.size(); ++i)
    for (const int k : blocks[i]) of_k[static_cast<std::size_t>(k)] += more[i];
  return of_k;
}

/// Whole numbers, or quarters, that the solution may mean; last, one common number for all that count at all.
std::vector<std::vector<double>> meanings_of(const std::vector<double>& solution) {
  constexpr double kLeast = 0.02, kHundred = 100;
  std::vector<std::vector<double>> all;
  for (const double step : {1.0, 0.25}) {
    all.push_back(solution);
    for (double& more : all.back()) more = std::abs(more) < kCounts ? 0 : std::round(more / step) * step;
  }
  double sum = 0;
  int count = 0;
  for (const double more : solution)
    if (std::abs(more) >= kLeast) sum += more, ++count;
  all.push_back(solution);
  for (double& more : all.back()) more = std::abs(more) < kLeast ? 0 : std::round(sum / count * kHundred) / kHundred;
  return all;
}

/// The same with one range of k in place of all that count otherwise than once: a row that meets zeros in A shows none.
std::vector<double> without_holes(std::vector<double> of_k) {
  const auto other = [](double count) { return count != 1; };
  const auto first = std::ranges::find_if(of_k, other);
  const auto last = std::find_if(of_k.rbegin(), of_k.rend(), other);
  if (first != of_k.end()) std::fill(first, last.base(), *first);
  return of_k;
}

std::string text_of_count(double count) {
  if (count == 0) return "left out";
  if (count == 2) return "counted twice";
  return fmt::format("counted {:.4g} times", count);
}

/// "k 64..95 are left out; k % 16 = 3 are counted twice"; empty: too many kinds to be a description.
std::string text_of_counts(const std::vector<double>& of_k) {
  constexpr std::size_t kMostKinds = 3;
  std::map<double, std::vector<bool>> kinds;
  for (std::size_t k = 0; k < of_k.size(); ++k)
    if (of_k[k] != 1) kinds.try_emplace(of_k[k], of_k.size()).first->second[k] = true;
  if (kinds.empty() || kinds.size() > kMostKinds) return "";
  std::vector<std::string> parts;
  for (const auto& [count, in] : kinds) parts.push_back(probe::text_of_indices(in, "k") + " " + text_of_count(count));
  return fmt::format("{}", fmt::join(parts, "; "));
}

std::optional<Guess> guess_of(const WrongOutput& output, const Part& part, const std::vector<double>& of_k) {
  Guess guess{text_of_counts(of_k), output.expected};
  if (guess.text.empty()) return {};
  const double most = *std::ranges::max_element(of_k);
  for (double& variance : guess.expected.variance) variance *= most * most;  // at least 1: most k count once
  for_each_row_of_weights(output, [&](int k, const double* w) {
    const double more = of_k[static_cast<std::size_t>(k)] - 1;
    if (more == 0) return;
    for (const int m : part.rows) {
      const double a = more * value_of(output.prepared.A(m, k), output.expected.dtype);
      for (const int n : part.columns)
        guess.expected.y[static_cast<std::size_t>(m) * output.expected.N + n] += a * w[n];
    }
  });
  return guess;
}

std::optional<Guess> guess_of_solution(const WrongOutput& output, const Part& part, const std::vector<Block>& blocks,
                                       const Equations& equations, const std::vector<double>& solution) {
  for (const std::vector<double>& more : meanings_of(solution)) {
    if (!equations.may_hold(more)) continue;
    const std::vector<double> of_k = counts_of(output.expected.K, blocks, more);
    for (const auto& tried : {without_holes(of_k), of_k})
      if (auto guess = guess_of(output, part, tried))
        if (judge::compare(output.C, guess->expected, kernel::Launch{}.fill).right()) return guess;
  }
  return {};
}

std::optional<Guess> guess_of_blocks(const WrongOutput& output, const Part& part, const std::vector<Block>& blocks) {
  const std::size_t outputs = part.rows.size() * part.columns.size();
  if (outputs < 2 * blocks.size()) return {};
  const Equations equations = equations_of(output, part, blocks);
  const std::vector<double> solution = equations.solution();
  if (auto guess = guess_of_solution(output, part, blocks, equations, solution)) return guess;
  const std::vector<Block> singles = finer(blocks, solution);
  if (singles.empty() || outputs < 2 * singles.size()) return {};
  const Equations finer_ones = equations_of(output, part, singles);
  return guess_of_solution(output, part, singles, finer_ones, finer_ones.solution());
}

}  // namespace

std::optional<Guess> guess_k_ranges(const WrongOutput& output, const Part& part) {
  if (auto guess = guess_of_blocks(output, part, all_blocks(output.expected.K))) return guess;
  return guess_of_blocks(output, part, all_residues(output.expected.K));
}

}  // namespace w4::cases::recorded
