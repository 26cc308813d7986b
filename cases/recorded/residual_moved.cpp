// SPDX-License-Identifier: Apache-2.0
// Wrong outputs that hold other columns or rows of the right one.
#include "cases/probe/recovered_map.h"
#include "cases/probe/region.h"
#include "cases/recorded/residual_guesses.h"

#include "cases/judge/compare.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>

namespace w4::cases::recorded {
namespace {

/// The axis along which an output is taken apart into lines.
struct Axis {
  const char* name;
  bool columns;

  int lines(const judge::Expected& of) const { return columns ? of.N : of.M; }
  int length(const judge::Expected& of) const { return columns ? of.M : of.N; }
  int m(int line, int i) const { return columns ? i : line; }
  int n(int line, int i) const { return columns ? line : i; }
};

/// Whether a line of the output is `source` of the right output.
bool holds(const WrongOutput& output, const Axis& axis, int line, int source) {
  for (int i = 0; i < axis.length(output.expected); ++i) {
    const double got = output.got(axis.m(line, i), axis.n(line, i));
    if (!judge::element_error(got, output.expected, axis.m(source, i), axis.n(source, i)).right()) return false;
  }
  return true;
}

/// The line that stands at each place; -1: none does.
std::vector<int> sources_of(const WrongOutput& output, const Axis& axis, const std::vector<int>& moved) {
  const int lines = axis.lines(output.expected);
  std::vector<int> sources(static_cast<std::size_t>(lines));
  std::iota(sources.begin(), sources.end(), 0);
  for (const int line : moved) {
    int& source = sources[static_cast<std::size_t>(line)];
    if (holds(output, axis, line, line)) continue;
    source = 0;
    while (source < lines && !holds(output, axis, line, source)) ++source;
    if (source == lines) return {};
  }
  return sources;
}

/// What the moved lines hold: one line, n + d, s - n, n ^ x, (n + d) % N, or a list of the first ones.
std::string formula_of(const std::vector<int>& sources, const std::vector<int>& moved, const std::string& name) {
  const int count = static_cast<int>(sources.size());
  const auto source = [&](int line) { return sources[static_cast<std::size_t>(line)]; };
  const auto all = [&](auto of) { return std::ranges::all_of(moved, [&](int i) { return source(i) == of(i); }); };
  const int first = moved[0], to = source(first), shift = to - first;
  if (moved.size() > 1 && all([&](int) { return to; })) return fmt::format("{}={}", name, to);
  if (all([&](int i) { return i + shift; }))
    return fmt::format("{} {} {}", name, shift < 0 ? '-' : '+', std::abs(shift));
  if (all([&](int i) { return first + to - i; })) return fmt::format("{} - {}", first + to, name);
  if (all([&](int i) { return i ^ first ^ to; })) return fmt::format("{} ^ {}", name, first ^ to);
  if (all([&](int i) { return (i + shift + count) % count; }))
    return fmt::format("({} + {}) % {}", name, (shift + count) % count, count);
  constexpr std::size_t kShown = 6;
  std::vector<std::string> places;
  for (const int line : moved)
    if (places.size() < kShown) places.push_back(fmt::format("{}={} in place {}", name, source(line), line));
  return fmt::format("{}{}", fmt::join(places, ", "), moved.size() > kShown ? ", ..." : "");
}

/// "n 1024..1535 hold n - 1024"
std::string text_of_sources(const std::vector<int>& sources, const std::string& name) {
  std::vector<bool> in(sources.size());
  std::vector<int> moved;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    in[i] = sources[i] != static_cast<int>(i);
    if (in[i]) moved.push_back(static_cast<int>(i));
  }
  if (moved.empty()) return "";
  const probe::RecoveredMap map = probe::recover_map(sources, 1, static_cast<int>(sources.size()));
  const std::string formula = formula_of(sources, moved, name);
  const bool listed = formula.find(" in place ") != std::string::npos;
  return probe::text_of_indices(in, name) + " hold " +
         (listed && map.bits ? probe::text_of(map, sources, static_cast<int>(sources.size()), "", name) : formula);
}

std::optional<Guess> guess_moved(const WrongOutput& output, const Axis& axis, const std::vector<int>& moved) {
  constexpr int kLeast = 3;  // outputs in a line: fewer agree by chance
  const judge::Expected& right = output.expected;
  if (axis.length(right) < kLeast) return {};
  const std::vector<int> sources = sources_of(output, axis, moved);
  const std::string text = text_of_sources(sources, axis.name);
  if (text.empty()) return {};
  Guess guess{fmt::format("the {} of the right output stand elsewhere: {}", axis.columns ? "columns" : "rows", text),
              right};
  for (int line = 0; line < axis.lines(right); ++line)
    for (int i = 0; i < axis.length(right); ++i) {
      const int source = sources[static_cast<std::size_t>(line)];
      const auto to = static_cast<std::size_t>(axis.m(line, i)) * right.N + axis.n(line, i);
      const auto from = static_cast<std::size_t>(axis.m(source, i)) * right.N + axis.n(source, i);
      guess.expected.y[to] = right.y[from];
      guess.expected.norm[to] = right.norm[from];
      guess.expected.variance[to] = right.variance[from];
    }
  return guess;
}

}  // namespace

std::optional<Guess> guess_moved_columns(const WrongOutput& output, const Part& part) {
  return guess_moved(output, {.name = "n", .columns = true}, part.columns);
}

std::optional<Guess> guess_moved_rows(const WrongOutput& output, const Part& part) {
  return guess_moved(output, {.name = "m", .columns = false}, part.rows);
}

}  // namespace w4::cases::recorded
