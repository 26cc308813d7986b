// SPDX-License-Identifier: Apache-2.0
#include "cases/judge/pictures.h"

#include "fixtures/error.h"
#include "fixtures/half.h"
#include "repack/stages/fragments.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace w4::cases::judge {
namespace {

using nlohmann::ordered_json;

/// Level i is for z up to kUpTo[i]; what is larger has the last number, and what has no z a letter of its own. Worst
/// last.
constexpr double kUpTo[] = {2, 4, kMaxZ, 16, 64, 256, 4096};
constexpr std::string_view kLevels = "01234567INU";
constexpr int kInf = 8, kNan = 9, kUnwritten = 10;

/// One output: how far off, and whether it is a number at all.
struct Element {
  double got = 0, want = 0;
  double z = 0;  // with the sign of the error; NaN where there is no number
  int level = 0;
  bool judged() const { return level < kInf; }
  bool right() const { return judged() && std::abs(z) <= kMaxZ; }
};

int level_of(double z) {  // NaN, of an expected output that is none, is beyond all of them
  const auto within = [z](double limit) { return z <= limit; };
  return static_cast<int>(std::find_if(std::begin(kUpTo), std::end(kUpTo), within) - std::begin(kUpTo));
}

Element element_at(const Grid<std::uint16_t>& C, const Expected& expected, std::uint16_t fill, int m, int n) {
  Element out{.got = value_of(C(m, n), expected.dtype), .want = expected.at(m, n)};
  if (C(m, n) == fill) {
    out.level = kUnwritten;
  } else if (std::isnan(out.got)) {
    out.level = kNan;
  } else if (std::isinf(out.got)) {
    out.level = kInf;
  } else {
    const double z = element_error(out.got, expected, m, n).z;
    out.level = level_of(z);
    out.z = std::copysign(z, out.got - out.want);
  }
  return out;
}

/// A rectangle of levels, each the worst that was put there.
class Levels {
 public:
  Levels(int rows, int cols)
      : rows_(static_cast<std::size_t>(rows), std::string(static_cast<std::size_t>(cols), kLevels[0])) {}

  void worsen(int row, int col, int level) {
    char& cell = rows_[static_cast<std::size_t>(row)][static_cast<std::size_t>(col)];
    if (kLevels.find(cell) < static_cast<std::size_t>(level)) cell = kLevels[static_cast<std::size_t>(level)];
  }
  const std::vector<std::string>& rows() const { return rows_; }

 private:
  std::vector<std::string> rows_;
};

/// The output over (m, n), several elements a cell.
class ErrorPicture {
 public:
  ErrorPicture(int M, int N)
      : m_per_cell_(per_cell(M)), n_per_cell_(per_cell(N)), levels_(cells(M, m_per_cell_), cells(N, n_per_cell_)) {}

  void add(int m, int n, const Element& element) { levels_.worsen(m / m_per_cell_, n / n_per_cell_, element.level); }
  ordered_json json() const {
    return {{"rows", levels_.rows().size()},
            {"cols", levels_.rows().at(0).size()},
            {"m_per_cell", m_per_cell_},
            {"n_per_cell", n_per_cell_},
            {"levels", levels_.rows()}};
  }

 private:
  static int per_cell(int extent) { return std::max(1, (extent + kPictureCells - 1) / kPictureCells); }
  static int cells(int extent, int per_cell) { return (extent + per_cell - 1) / per_cell; }

  int m_per_cell_, n_per_cell_;
  Levels levels_;
};

/// The worst of the output columns that each code of the tile feeds. Only n of a code shows in an output: the rows k
/// are summed.
class TilePicture {
 public:
  void add(int n, const Element& element) {
    int& worst = worst_[static_cast<std::size_t>(n % repack::kTileN)];
    worst = std::max(worst, element.level);
  }
  ordered_json json() const {
    constexpr int kCols = repack::fragments::kFragments * kCodesPerWord;
    Levels levels(repack::fragments::kLanes, kCols);
    for (int lane = 0; lane < repack::fragments::kLanes; ++lane)
      for (int col = 0; col < kCols; ++col) {
        const int word = repack::fragments::kFragments * lane + col / kCodesPerWord;
        const repack::fragments::Coord code = repack::fragments::source_of({.word = word, .slot = col % kCodesPerWord});
        levels.worsen(lane, col, worst_[static_cast<std::size_t>(code.n)]);
      }
    return {{"rows", repack::fragments::kLanes}, {"cols", kCols}, {"levels", levels.rows()}};
  }

 private:
  std::array<int, repack::kTileN> worst_ = {};
};

/// Counts of z between -kMaxZ and kMaxZ. A z of 0 may be an error that is explained without rounding: it keeps its
/// sign.
class Histogram {
 public:
  void add(const Element& element) {
    if (!element.judged()) return;
    const bool negative = std::signbit(element.z);
    if (!element.right()) {
      ++(negative ? below_ : above_);
      return;
    }
    const auto bin = std::min(static_cast<std::size_t>(std::abs(element.z) / kWidth), kHalf - 1);
    ++counts_[negative ? kHalf - 1 - bin : kHalf + bin];
  }
  ordered_json json() const {
    return {{"from", -kMaxZ}, {"width", kWidth}, {"counts", counts_}, {"below", below_}, {"above", above_}};
  }

 private:
  static constexpr double kWidth = 0.5;
  static constexpr auto kHalf = static_cast<std::size_t>(kMaxZ / kWidth);
  std::array<std::size_t, 2 * kHalf> counts_ = {};
  std::size_t below_ = 0, above_ = 0;
};

ordered_json number(double value) { return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr); }

ordered_json json_of(int m, int n, const Element& element) {
  ordered_json out = {{"m", m}, {"n", n}, {"got", nullptr}, {"want", element.want}, {"z", nullptr}};
  if (element.judged()) {
    out["got"] = element.got;
    out["z"] = number(element.z);  // none where no error is allowed at all
  } else {
    out["is"] = element.level == kUnwritten ? "unwritten" : element.level == kNan ? "NaN" : "inf";
  }
  return out;
}

}  // namespace

ordered_json pictures_of(const Grid<std::uint16_t>& C, const Expected& expected, std::uint16_t fill) {
  if (C.rows() != expected.M || C.cols() != expected.N || C.empty())
    throw InputError("output is ({}, {}) where the case has M={} and N={}", C.rows(), C.cols(), expected.M, expected.N);
  ErrorPicture errors(C.rows(), C.cols());
  TilePicture tile;
  Histogram histogram;
  ordered_json first_wrong = ordered_json::array();
  for (int m = 0; m < C.rows(); ++m)
    for (int n = 0; n < C.cols(); ++n) {
      const Element element = element_at(C, expected, fill, m, n);
      errors.add(m, n, element);
      tile.add(n, element);
      histogram.add(element);
      if (!element.right() && first_wrong.size() < kPictureFirstWrong) first_wrong.push_back(json_of(m, n, element));
    }
  return {{"errors", errors.json()},
          {"tile", tile.json()},
          {"histogram", histogram.json()},
          {"first_wrong", std::move(first_wrong)}};
}

ordered_json permutation_picture(std::string_view what, const std::vector<int>& source) {
  return {{"what", what}, {"size", source.size()}, {"source", source}};
}

}  // namespace w4::cases::judge
