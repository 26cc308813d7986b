// SPDX-License-Identifier: Apache-2.0
// Wrong outputs that hold other columns or rows of the right one.
#include "cases/probe/recovered_map.h"
#include "cases/search/residual_guesses.h"

#include "cases/judge/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace w4::cases::search {
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

/// "n uses N-1-n", "n uses n + 8", "all use n=3", a formula of bits, or the first places.
std::string text_of_sources(const std::vector<int>& sources, const std::string& name) {
  const int count = static_cast<int>(sources.size());
  const auto all = [&](auto source_of) {
    for (int i = 0; i < count; ++i)
      if (sources[static_cast<std::size_t>(i)] != source_of(i)) return false;
    return true;
  };
  const int shift = (sources[0] + count) % count;
  if (all([&](int i) { return count - 1 - i; })) return fmt::format("{0} holds {1} - {0}", name, count - 1);
  if (all([&](int) { return sources[0]; })) return fmt::format("every {0} holds {0}={1}", name, sources[0]);
  if (all([&](int i) { return (i + shift) % count; }))
    return fmt::format("{0} holds ({0} + {1}) % {2}", name, shift, count);
  const probe::RecoveredMap map = probe::recover_map(sources, 1, count);
  if (!map.bits) return probe::text_of(map, sources, count, "", name);
  return fmt::format("inside each {}, {}", map.block_cols, probe::text_of(map, sources, count, "", name));
}

std::optional<Guess> guess_moved(const WrongOutput& output, const Axis& axis, const std::vector<int>& moved) {
  constexpr int kLeast = 3;  // outputs in a line: fewer agree by chance
  const judge::Expected& right = output.expected;
  if (axis.length(right) < kLeast) return {};
  const std::vector<int> sources = sources_of(output, axis, moved);
  if (sources.empty()) return {};
  Guess guess{fmt::format("the {} of the right output stand elsewhere: {}", axis.columns ? "columns" : "rows",
                          text_of_sources(sources, axis.name)),
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

}  // namespace w4::cases::search
