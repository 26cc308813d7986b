// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/prepare.h"
#include "cases/judge/oracle.h"

#include <optional>
#include <string>
#include <vector>

namespace w4::cases::recorded {

/// A wrong output of which nothing but its numbers is known. What it refers to outlives it.
struct WrongOutput {
  WrongOutput(const Prepared& prepared, const judge::Expected& expected, const Grid<std::uint16_t>& C);

  double got(int m, int n) const;
  double residual(int m, int n) const { return got(m, n) - expected.at(m, n); }

  const Prepared& prepared;
  const judge::Expected& expected;
  const Grid<std::uint16_t>& C;  // (M, N), bits of the layer's type
  std::vector<double> bias;      // (N); zeros where the layer has none
};

/// Some rows and columns of an output. Neither is empty.
struct Part {
  std::vector<int> rows, columns;
  std::size_t wrong_rows = 0, wrong_columns = 0;  // that hold a wrong output
};

/// A kind of wrong output in words, and what is expected of an output of that kind.
struct Guess {
  std::string text;
  judge::Expected expected;
};

/// The output of this kind that is nearest, or none: the part is too small to tell, or has nothing of this kind.
using Guessing = std::optional<Guess> (*)(const WrongOutput&, const Part&);

/// The kinds that describe_residual() tries, the more special ones first.
const std::vector<Guessing>& all_guessings();

/// Columns or rows that hold another column or row of the right output.
std::optional<Guess> guess_moved_columns(const WrongOutput& output, const Part& part);
std::optional<Guess> guess_moved_rows(const WrongOutput& output, const Part& part);

/// C written column by column, or all of it shifted by some outputs.
std::optional<Guess> guess_transposed(const WrongOutput& output, const Part& part);
std::optional<Guess> guess_shifted(const WrongOutput& output, const Part& part);

/// The bias of other columns: n ^ x, rotated, reversed, or one for all.
std::optional<Guess> guess_bias_of_others(const WrongOutput& output, const Part& part);

/// A function of the right output.
std::optional<Guess> guess_one_value(const WrongOutput& output, const Part& part);
std::optional<Guess> guess_no_negative(const WrongOutput& output, const Part& part);
std::optional<Guess> guess_no_sign(const WrongOutput& output, const Part& part);
std::optional<Guess> guess_clipped(const WrongOutput& output, const Part& part);

/// Ranges of k that count 0 times, or twice, or with another factor: the partial products of some rows of k are fitted
/// to the residual.
std::optional<Guess> guess_k_ranges(const WrongOutput& output, const Part& part);

}  // namespace w4::cases::recorded
