// SPDX-License-Identifier: Apache-2.0
// Wrong outputs whose values come from another place: C written in another order or shifted, the bias of other columns.
#include "cases/judge/compare.h"
#include "cases/recorded/residual_guesses.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

namespace w4::cases::recorded {
namespace {

bool is_whole(const WrongOutput& output, const Part& part) {
  return part.rows.size() * part.columns.size() == output.C.size();
}

/// Place i of C, counted row by row, holds place source(i) of the right output.
using Source = std::function<std::size_t(std::size_t i)>;

/// Whether the first outputs are right so; no more is needed to refuse most.
bool may_hold(const WrongOutput& output, const Source& source) {
  constexpr std::size_t kTried = 64;
  const auto N = static_cast<std::size_t>(output.expected.N);
  const auto right = [&](std::size_t i) {
    const std::size_t from = source(i);
    return judge::element_error(output.got(static_cast<int>(i / N), static_cast<int>(i % N)), output.expected,
                                static_cast<int>(from / N), static_cast<int>(from % N))
        .right();
  };
  for (std::size_t i = 0; i < std::min(kTried, output.C.size()); ++i)
    if (!right(i)) return false;
  return true;
}

Guess from_places(const WrongOutput& output, std::string text, const Source& source) {
  const judge::Expected& right = output.expected;
  Guess guess{std::move(text), right};
  for (std::size_t i = 0; i < right.y.size(); ++i) {
    guess.expected.y[i] = right.y[source(i)];
    guess.expected.norm[i] = right.norm[source(i)];
    guess.expected.variance[i] = right.variance[source(i)];
  }
  return guess;
}

/// Column n gets the bias of column source(n).
struct BiasSource {
  std::string text;
  std::function<int(int n)> source;
};

/// Within blocks of 2 to 64 columns, as permutations of an epilogue are, or shifted by whole words of columns.
std::vector<BiasSource> bias_sources(int N) {
  constexpr int kMostXor = 63, kMostShift = 64;
  std::vector<BiasSource> all;
  for (int x = 1; x <= kMostXor; ++x)
    all.push_back({fmt::format("n ^ {}", x), [x, N](int n) { return (n ^ x) < N ? n ^ x : n; }});
  for (int shift = 1; shift <= std::min(kMostShift, N - 1); ++shift)
    for (const int by : {shift, N - shift})
      all.push_back(
          {fmt::format("(n {} {}) % {}", by == shift ? '+' : '-', shift, N), [by, N](int n) { return (n + by) % N; }});
  all.push_back({fmt::format("{} - n", N - 1), [N](int n) { return N - 1 - n; }});
  all.push_back({"0", [](int) { return 0; }});
  return all;
}

/// The bias that each column of a part got, from the mean of its residuals.
std::vector<double> added_bias(const WrongOutput& output, const Part& part) {
  std::vector<double> added;
  for (const int n : part.columns) {
    double sum = 0;
    for (const int m : part.rows) sum += output.residual(m, n);
    added.push_back(output.bias[static_cast<std::size_t>(n)] + sum / static_cast<double>(part.rows.size()));
  }
  return added;
}

}  // namespace

std::optional<Guess> guess_transposed(const WrongOutput& output, const Part& part) {
  const auto M = static_cast<std::size_t>(output.expected.M), N = static_cast<std::size_t>(output.expected.N);
  const Source source = [=](std::size_t i) { return i % M * N + i / M; };
  if (M == 1 || !is_whole(output, part) || !may_hold(output, source)) return {};
  return from_places(output, fmt::format("C is written column by column: output (m, n) lies at n * {} + m", M), source);
}

std::optional<Guess> guess_shifted(const WrongOutput& output, const Part& part) {
  const std::size_t count = output.C.size();
  if (!is_whole(output, part)) return {};
  for (std::size_t shift = 1; shift < count; ++shift) {
    const Source source = [=](std::size_t i) { return (i + shift) % count; };
    if (!may_hold(output, source)) continue;
    const bool back = shift > count / 2;
    return from_places(output,
                       fmt::format("C is shifted by {} outputs, row by row: place i holds i {} {} of the right one",
                                   back ? count - shift : shift, back ? '-' : '+', back ? count - shift : shift),
                       source);
  }
  return {};
}

std::optional<Guess> guess_bias_of_others(const WrongOutput& output, const Part& part) {
  if (std::ranges::all_of(output.bias, [&](double value) { return value == output.bias[0]; })) return {};
  const std::vector<double> added = added_bias(output, part);
  const auto distance = [&](const BiasSource& of) {
    double sum = 0;
    for (std::size_t i = 0; i < added.size(); ++i)
      sum += std::abs(added[i] - output.bias[static_cast<std::size_t>(of.source(part.columns[i]))]);
    return sum;
  };
  const std::vector<BiasSource> sources = bias_sources(output.expected.N);
  const BiasSource& best = *std::ranges::min_element(sources, {}, distance);
  Guess guess{fmt::format("column n has the bias of column {}", best.text), output.expected};
  for (const int m : part.rows)
    for (const int n : part.columns)
      guess.expected.y[static_cast<std::size_t>(m) * output.expected.N + n] +=
          output.bias[static_cast<std::size_t>(best.source(n))] - output.bias[static_cast<std::size_t>(n)];
  return guess;
}

}  // namespace w4::cases::recorded
