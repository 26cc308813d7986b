// SPDX-License-Identifier: Apache-2.0
#include "cases/recorded/residual.h"

#include "cases/probe/region.h"
#include "cases/recorded/residual_guesses.h"
#include "fixtures/half.h"
#include "kernel/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace w4::cases::recorded {
namespace {

/// Elements (M, N), row-major.
using Elements = std::vector<bool>;

template <class Is>
Elements elements_that(const WrongOutput& output, Is is) {
  Elements elements;
  for (int m = 0; m < output.expected.M; ++m)
    for (int n = 0; n < output.expected.N; ++n) elements.push_back(is(m, n));
  return elements;
}

Part whole(const WrongOutput& output) {
  Part part{std::vector<int>(static_cast<std::size_t>(output.expected.M)),
            std::vector<int>(static_cast<std::size_t>(output.expected.N))};
  std::iota(part.rows.begin(), part.rows.end(), 0);
  std::iota(part.columns.begin(), part.columns.end(), 0);
  part.wrong_rows = part.rows.size();
  part.wrong_columns = part.columns.size();
  return part;
}

/// The rows and columns that hold these elements.
Part part_of(const WrongOutput& output, const Elements& elements) {
  const auto width = static_cast<std::size_t>(output.expected.N);
  std::vector<bool> rows(static_cast<std::size_t>(output.expected.M)), columns(width);
  for (std::size_t i = 0; i < elements.size(); ++i)
    if (elements[i]) rows[i / width] = columns[i % width] = true;
  Part part = whole(output);
  std::erase_if(part.rows, [&](int m) { return !rows[static_cast<std::size_t>(m)]; });
  std::erase_if(part.columns, [&](int n) { return !columns[static_cast<std::size_t>(n)]; });
  part.wrong_rows = part.rows.size();
  part.wrong_columns = part.columns.size();
  return part;
}

std::string text_of(const WrongOutput& output, const Elements& elements) {
  return probe::text_of_region(elements, output.expected.N, "m", "n", "outputs");
}

/// The first kind that gives the output, everywhere or in the wrong part alone.
std::optional<std::string> form_of(const WrongOutput& output, const Part& all, const Part& wrong) {
  const bool smaller = !wrong.rows.empty() && wrong.rows.size() * wrong.columns.size() < output.C.size();
  const auto fits = [&](const std::optional<Guess>& guess) {
    return guess && judge::compare(output.C, guess->expected, kernel::Launch{}.fill).right();
  };
  for (const Guessing guessing : all_guessings()) {
    if (const auto guess = guessing(output, all); fits(guess)) return guess->text;
    if (!smaller) continue;
    if (const auto guess = guessing(output, wrong); fits(guess)) return "there, " + guess->text;
  }
  return {};
}

/// C, but right in every row that holds a lost output, or in every such column, whichever changes fewer outputs. What
/// is wrong in the rest may have a form.
Grid<std::uint16_t> without_lost(const WrongOutput& output, const Elements& lost) {
  const Part lost_part = part_of(output, lost);
  const int M = output.expected.M, N = output.expected.N;
  std::vector<bool> rows(static_cast<std::size_t>(M)), columns(static_cast<std::size_t>(N));
  if (lost_part.wrong_rows * static_cast<std::size_t>(N) < lost_part.wrong_columns * static_cast<std::size_t>(M))
    for (const int m : lost_part.rows) rows[static_cast<std::size_t>(m)] = true;
  else
    for (const int n : lost_part.columns) columns[static_cast<std::size_t>(n)] = true;
  return Grid<std::uint16_t>::from(M, N, [&](int m, int n) {
    const bool right = rows[static_cast<std::size_t>(m)] || columns[static_cast<std::size_t>(n)];
    return right ? bits_of(static_cast<float>(output.expected.at(m, n)), output.expected.dtype) : output.C(m, n);
  });
}

Elements wrong_elements(const WrongOutput& output) {
  return elements_that(output, [&](int m, int n) {
    return std::isfinite(output.got(m, n)) && !judge::element_error(output.got(m, n), output.expected, m, n).right();
  });
}

bool any(const Elements& elements) { return std::ranges::find(elements, true) != elements.end(); }

/// The form of an output whose numbers are all finite; none if nothing fits.
std::optional<std::string> form_of(const WrongOutput& output) {
  const Elements wrong = wrong_elements(output);
  Part all = whole(output);
  const Part part = any(wrong) ? part_of(output, wrong) : all;  // errors may be too large together, and none by itself
  all.wrong_rows = part.wrong_rows;
  all.wrong_columns = part.wrong_columns;
  return form_of(output, all, part);
}

}  // namespace

Residual describe_residual(const Prepared& prepared, const judge::Expected& expected, const Grid<std::uint16_t>& C) {
  const WrongOutput output(prepared, expected, C);
  const Elements lost = elements_that(output, [&](int m, int n) { return !std::isfinite(output.got(m, n)); });
  const Elements wrong = wrong_elements(output);
  Residual residual;
  if (any(lost)) residual.lines.push_back("no finite number: " + text_of(output, lost));
  if (any(wrong)) residual.lines.push_back("wrong: " + text_of(output, wrong));
  if (any(lost) && !any(wrong)) return residual;
  const Grid<std::uint16_t> rest = any(lost) ? without_lost(output, lost) : C;
  const WrongOutput rest_output(prepared, expected, rest);
  if (any(lost) && !any(wrong_elements(rest_output))) return residual;
  const auto form = form_of(rest_output);
  residual.found = form.has_value();
  residual.lines.push_back(
      form ? *form
           : fmt::format("the residual is {}no gain, no constant of a row or column, not of rank 1, no other rows or "
                         "columns, no function of the right output, no few ranges of k",
                         prepared.layer.bias ? "no multiple of the bias, " : ""));
  return residual;
}

}  // namespace w4::cases::recorded
