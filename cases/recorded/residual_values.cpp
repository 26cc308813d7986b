// SPDX-License-Identifier: Apache-2.0
// Wrong outputs that are a function of the right ones, each by itself: clipped, without a sign, all one value.
#include "cases/recorded/residual_guesses.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace w4::cases::recorded {
namespace {

constexpr int kLeast = 3;  // outputs that a function has to change: fewer agree by chance

/// f(y) in the place of each right output y of a part; none where that changes fewer than kLeast.
template <class Function>
std::optional<Guess> guess_function(const WrongOutput& output, const Part& part, std::string text, Function f) {
  Guess guess{std::move(text), output.expected};
  int changed = 0;
  for (const int m : part.rows)
    for (const int n : part.columns) {
      double& y = guess.expected.y[static_cast<std::size_t>(m) * output.expected.N + n];
      const double right = y;
      y = f(right);
      changed += y != right;
    }
  if (changed < kLeast) return {};
  return guess;
}

/// The least and the greatest output of a part.
std::pair<double, double> range_of(const WrongOutput& output, const Part& part) {
  double least = output.got(part.rows[0], part.columns[0]), most = least;
  for (const int m : part.rows)
    for (const int n : part.columns) {
      least = std::min(least, output.got(m, n));
      most = std::max(most, output.got(m, n));
    }
  return {least, most};
}

template <class Is>
int count_right(const WrongOutput& output, const Part& part, Is is) {
  int count = 0;
  for (const int m : part.rows)
    for (const int n : part.columns) count += is(output.expected.at(m, n));
  return count;
}

}  // namespace

std::optional<Guess> guess_one_value(const WrongOutput& output, const Part& part) {
  const auto [least, most] = range_of(output, part);
  if (least != most || least == 0) return {};  // of zeros the gain is 0
  return guess_function(output, part, fmt::format("every output is {:g}, whatever is right", least),
                        [value = least](double) { return value; });
}

std::optional<Guess> guess_no_negative(const WrongOutput& output, const Part& part) {
  return guess_function(output, part, "every output is 0 where the right one is negative, as behind a ReLU",
                        [](double y) { return std::max(y, 0.0); });
}

std::optional<Guess> guess_no_sign(const WrongOutput& output, const Part& part) {
  return guess_function(output, part, "every output is the right one without its sign",
                        [](double y) { return std::abs(y); });
}

std::optional<Guess> guess_clipped(const WrongOutput& output, const Part& part) {
  constexpr double kNone = std::numeric_limits<double>::infinity();
  const auto [least, most] = range_of(output, part);
  const bool below = count_right(output, part, [low = least](double y) { return y < low; }) >= kLeast;
  const bool above = count_right(output, part, [high = most](double y) { return y > high; }) >= kLeast;
  if (least == most || (!below && !above)) return {};
  const std::string text = below && above ? fmt::format("outputs are clipped to {:g}..{:g}", least, most)
                           : above        ? fmt::format("outputs are clipped above {:g}", most)
                                          : fmt::format("outputs are clipped below {:g}", least);
  return guess_function(output, part, text, [low = below ? least : -kNone, high = above ? most : kNone](double y) {
    return std::clamp(y, low, high);
  });
}

}  // namespace w4::cases::recorded
