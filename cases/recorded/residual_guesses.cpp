// SPDX-License-Identifier: Apache-2.0
// Wrong outputs that factors explain: factor * base + rest, with one factor, or one for each row, column or both.
#include "cases/recorded/residual_guesses.h"

#include "cases/judge/compare.h"
#include "fixtures/half.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace w4::cases::recorded {
namespace {

/// What is multiplied by factors. The rest of the output is what the right one has beside it.
enum class Base { bias, output, product, one };

double base_at(const WrongOutput& output, Base base, int m, int n) {
  switch (base) {
    case Base::bias: return output.bias[static_cast<std::size_t>(n)];
    case Base::output: return output.expected.at(m, n);
    case Base::product: return output.expected.at(m, n) - output.bias[static_cast<std::size_t>(n)];
    case Base::one: return 1;
  }
  return 0;
}

double rest_at(const WrongOutput& output, Base base, int m, int n) {
  switch (base) {
    case Base::output: return 0;
    case Base::product: return output.bias[static_cast<std::size_t>(n)];
    default: return output.expected.at(m, n);  // the factors are of the residual
  }
}

struct Form {
  Base base;
  bool of_rows;     // a factor for each row
  bool of_columns;  // a factor for each column; with both, their product
  const char* text;
};

/// A sum of products over a sum of squares: the factor that fits best.
struct Ratio {
  double products = 0, squares = 0;
  void add(double base, double target) {
    products += base * target;
    squares += base * base;
  }
  double value() const { return squares > 0 ? products / squares : 1; }
};

/// A factor beside a simple one is that one: 0.4999 is 0.5.
double simple(double factor) {
  constexpr double kSimple = 1.0 / 16, kNear = 1e-3;
  const double nearest = std::round(factor / kSimple) * kSimple + 0.0;  // never -0
  return std::abs(factor - nearest) < kNear ? nearest : factor;
}

/// The factors that bring a part's base nearest to its target.
class Fit {
 public:
  Fit(const WrongOutput& output, const Part& part, const Form& form)
      : width_(part.columns.size()), of_rows_(part.rows.size(), 1), of_columns_(width_, 1) {
    for (const int m : part.rows)
      for (const int n : part.columns) {
        base_.push_back(base_at(output, form.base, m, n));
        target_.push_back(output.got(m, n) - rest_at(output, form.base, m, n));
      }
    if (!form.of_rows && !form.of_columns) fit_one();
    for (int round = 0; round < (form.of_rows && form.of_columns ? kRounds : 1); ++round) {
      if (form.of_columns) fit_columns();
      if (form.of_rows) fit_rows();
    }
  }

  double factor(std::size_t i) const { return of_rows_[i / width_] * of_columns_[i % width_]; }
  double value(std::size_t i) const { return factor(i) * base_[i]; }

  /// "0.5", or "from 0.5 to 2".
  std::string text() const {
    double least = factor(0), most = least;
    for (std::size_t i = 0; i < base_.size(); ++i) {
      least = std::min(least, factor(i));
      most = std::max(most, factor(i));
    }
    least = simple(least), most = simple(most);
    return least == most ? fmt::format("{:.4g}", least) : fmt::format("from {:.4g} to {:.4g}", least, most);
  }

 private:
  static constexpr int kRounds = 40;

  void fit_one() {
    Ratio all;
    for (std::size_t i = 0; i < base_.size(); ++i) all.add(base_[i], target_[i]);
    std::ranges::fill(of_rows_, simple(all.value()));
  }
  void fit_columns() {
    std::vector<Ratio> ratios(width_);
    for (std::size_t i = 0; i < base_.size(); ++i) ratios[i % width_].add(of_rows_[i / width_] * base_[i], target_[i]);
    std::ranges::transform(ratios, of_columns_.begin(), [](const Ratio& ratio) { return ratio.value(); });
  }
  void fit_rows() {
    std::vector<Ratio> ratios(of_rows_.size());
    for (std::size_t i = 0; i < base_.size(); ++i)
      ratios[i / width_].add(of_columns_[i % width_] * base_[i], target_[i]);
    std::ranges::transform(ratios, of_rows_.begin(), [](const Ratio& ratio) { return ratio.value(); });
  }

  std::size_t width_;
  std::vector<double> of_rows_, of_columns_;
  std::vector<double> base_, target_;  // of the part, row by row
};

/// A factor needs several outputs that agree on it. One wrong row or column is the product of two factors whatever it
/// holds.
bool can_tell(const Form& form, const Part& part) {
  constexpr std::size_t kLeast = 3;
  if (part.wrong_rows * part.wrong_columns < kLeast) return false;
  if (form.of_rows && form.of_columns && std::min(part.wrong_rows, part.wrong_columns) < kLeast) return false;
  return (!form.of_columns || part.rows.size() >= kLeast) && (!form.of_rows || part.columns.size() >= kLeast);
}

/// Whether the fitted outputs lie so far from those seen that there is no need to build what is expected of them.
bool is_hopeless(const WrongOutput& output, const Part& part, const Form& form, const Fit& fit) {
  std::size_t i = 0;
  for (const int m : part.rows)
    for (const int n : part.columns) {
      const double got = output.got(m, n), y = fit.value(i) + rest_at(output, form.base, m, n);
      const double allowed = judge::allowed_distance(output.expected, m, n, got, y);
      if (!(std::abs(got - y) <= allowed * std::max(1.0, std::abs(fit.factor(i))))) return true;
      ++i;
    }
  return false;
}

/// A gain makes the errors of the right product larger, and a larger output is rounded more.
Guess guess_of(const WrongOutput& output, const Part& part, const Form& form, const Fit& fit) {
  const bool gain = form.base == Base::output || form.base == Base::product;
  Guess guess{fmt::format(fmt::runtime(form.text), fit.text()), output.expected};
  std::size_t i = 0;
  for (const int m : part.rows)
    for (const int n : part.columns) {
      const std::size_t place = static_cast<std::size_t>(m) * output.expected.N + n;
      double& y = guess.expected.y[place];
      double& variance = guess.expected.variance[place];
      const double before = y;
      y = fit.value(i) + rest_at(output, form.base, m, n);
      if (gain) variance *= std::max(1.0, fit.factor(i) * fit.factor(i));
      variance += std::max(0.0, y * y - before * before);
      ++i;
    }
  return guess;
}

constexpr Form kForms[] = {
    {Base::bias, false, false, "the residual is {} x the bias, the same in every row"},
    {Base::output, false, false, "every output is {} x the right one"},
    {Base::product, false, false, "every output is {} x the right product, with the bias added to it"},
    {Base::one, false, false, "the residual is {} everywhere"},
    {Base::one, false, true, "the residual is the same in every row, whatever A holds: each column has {} added"},
    {Base::one, true, false, "the residual is the same in every column: each row has {} added"},
    {Base::output, false, true, "each column has a gain, the same in every row: {}"},
    {Base::product, false, true, "each column has a gain, the same in every row, before the bias is added: {}"},
    {Base::output, true, false, "each row has a gain, the same in every column: {}"},
    {Base::product, true, false, "each row has a gain, the same in every column, before the bias is added: {}"},
    {Base::output, true, true, "the gain is of rank 1, a factor of the row times a factor of the column: {}"},
    {Base::product, true, true,
     "the gain is of rank 1, a factor of the row times a factor of the column, before the bias is added: {}"},
    {Base::one, true, true, "the residual is of rank 1, a factor of the row times a factor of the column: {}"},
};

template <std::size_t form>
std::optional<Guess> guess_factors(const WrongOutput& output, const Part& part) {
  constexpr const Form& kForm = kForms[form];
  const bool no_bias = std::ranges::all_of(output.bias, [](double value) { return value == 0; });
  if ((no_bias && (kForm.base == Base::bias || kForm.base == Base::product)) || !can_tell(kForm, part)) return {};
  const Fit fit(output, part, kForm);
  if (is_hopeless(output, part, kForm, fit)) return {};
  return guess_of(output, part, kForm, fit);
}

}  // namespace

WrongOutput::WrongOutput(const Prepared& of, const judge::Expected& right, const Grid<std::uint16_t>& seen)
    : prepared(of), expected(right), C(seen), bias(static_cast<std::size_t>(right.N)) {
  if (!of.layer.bias) return;
  const auto stored = fixtures::files::grid_of<std::uint16_t>(*of.layer.bias);
  for (std::size_t n = 0; n < bias.size(); ++n) bias[n] = value_of(stored[n], of.layer.dtype);
}

double WrongOutput::got(int m, int n) const { return value_of(C(m, n), expected.dtype); }

const std::vector<Guessing>& all_guessings() {
  static const std::vector<Guessing> all = {
      guess_one_value,   guess_factors<0>,     guess_factors<1>, guess_factors<2>, guess_factors<3>,
      guess_no_negative, guess_no_sign,        guess_clipped,    guess_transposed, guess_moved_columns,
      guess_moved_rows,  guess_bias_of_others, guess_shifted,    guess_k_ranges,   guess_factors<4>,
      guess_factors<5>,  guess_factors<6>,     guess_factors<7>, guess_factors<8>, guess_factors<9>,
      guess_factors<10>, guess_factors<11>,    guess_factors<12>};
  return all;
}

}  // namespace w4::cases::recorded
