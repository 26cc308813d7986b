// SPDX-License-Identifier: Apache-2.0
#include "cases/probe/output_checks.h"

#include "fixtures/half.h"
#include "repack/plain_layer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace w4::cases::probe {
namespace {

using fixtures::Layer;

constexpr std::uint8_t kOneWeight = 9;  // its weight is one scale
constexpr int kTerms = 4;  // columns of A that are not zero: a part of K that is left out hides few of them
constexpr float kLarge = 1024;
constexpr float kNear = 0.02f;  // of a factor: far above rounding, far below the next factor

std::shared_ptr<const Layer> one_weight(const Layer& layer) {
  fixtures::PlainLayer plain = repack::plain_layer_of(layer);
  plain.codes = Grid<std::uint8_t>::filled(layer.K, layer.N, kOneWeight);
  plain.zeros = Grid<std::uint8_t>::filled(plain.zeros.rows(), layer.N, kSymmetricZero);
  plain.scales = Grid<std::uint16_t>::filled(plain.scales.rows(), layer.N, bits_of(1.0f, layer.dtype));
  plain.bias = Grid<std::uint16_t>::filled(plain.bias.rows(), plain.bias.cols(), 0);
  return std::make_shared<const Layer>(repack::stored_like(layer, plain));
}

/// Rows of A are told apart by a factor of 2 and more, as large as a sum of kTerms of them stays near exact.
float id_of(int m, DType dtype) { return static_cast<float>(2 + m % (dtype == DType::bf16 ? 100 : 500)); }

bool is_near(float a, float b) { return std::abs(a - b) <= kNear * std::abs(b); }

float median(std::vector<float> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

class Checker {
 public:
  Checker(const Prepared& prepared, Box& box, const kernel::Launch& launch,
          const std::function<void(std::string_view)>& step)
      : layer_(prepared.layer), M_(prepared.A.rows()), box_(box), launch_(launch), step_(step) {
    one_weight_ = one_weight(layer_);
  }

  OutputChecks run() {
    step_("reading what is added to a product of zero");
    out_.at_rest = ask([](int) { return 0.0f; });
    if (out_.lost) return std::move(out_);
    for (std::size_t i = 0; i < out_.at_rest.size(); ++i)
      out_.largest_at_rest = std::max(out_.largest_at_rest, std::abs(rest(i)));
    step_("reading which row of A an output follows");
    const auto unit = follows([](int) { return 1.0f; });
    const auto by_row = follows([&](int m) { return id_of(m, layer_.dtype); });
    const auto negative = follows([&](int m) { return -id_of(m, layer_.dtype); });
    const auto large = follows([](int) { return kLarge; });
    if (out_.lost) return std::move(out_);
    out_.silent = std::ranges::none_of(unit, [](float value) { return std::isfinite(value) && value != 0; });
    find_rows(unit, by_row);
    find_signs(by_row, negative);
    find_limit(unit, large);
    return std::move(out_);
  }

 private:
  template <class Factor>
  Grid<std::uint16_t> ask(Factor factor) {
    if (out_.lost) return {};
    const int apart = std::max(1, layer_.K / kTerms);
    const auto A = Grid<std::uint16_t>::from(M_, layer_.K, [&](int m, int k) {
      return bits_of(k % apart == apart / 2 && k / apart < kTerms ? factor(m) : 0.0f, layer_.dtype);
    });
    const kernel::RunResult result = box_.ask({one_weight_, A, launch_});
    ++out_.launches;
    out_.lost = !result.ran();
    return result.C;
  }

  /// The outputs less what is added to a product of zero; NaN where nothing was written.
  template <class Factor>
  std::vector<float> follows(Factor factor) {
    const Grid<std::uint16_t> C = ask(factor);
    std::vector<float> values(C.size());
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] =
          C[i] == launch_.fill ? std::numeric_limits<float>::quiet_NaN() : value_of(C[i], layer_.dtype) - rest(i);
    return values;
  }

  float rest(std::size_t i) const {  // 0 for outputs that are unwritten or not finite
    const float value = out_.at_rest[i] == launch_.fill ? 0 : value_of(out_.at_rest[i], layer_.dtype);
    return std::isfinite(value) ? value : 0;
  }

  std::size_t at(int m, int n) const { return static_cast<std::size_t>(m) * layer_.N + n; }

  /// Each row by what most of its outputs do; outputs that do otherwise are off.
  void find_rows(const std::vector<float>& unit, const std::vector<float>& by_row) {
    std::vector<float> usual(static_cast<std::size_t>(layer_.N));  // of column n, over the rows
    for (int n = 0; n < layer_.N; ++n) {
      std::vector<float> column;
      for (int m = 0; m < M_; ++m)
        if (std::isfinite(unit[at(m, n)])) column.push_back(unit[at(m, n)]);
      usual[static_cast<std::size_t>(n)] = median(std::move(column));
    }
    out_.row_used.assign(static_cast<std::size_t>(M_), -1);
    out_.row_gain.assign(static_cast<std::size_t>(M_), 1.0f);
    out_.off.assign(unit.size(), false);
    out_.unchanged.assign(unit.size(), false);
    out_.zero.assign(unit.size(), false);
    for (int m = 0; m < M_; ++m) find_row(m, usual, unit, by_row);
  }

  void find_row(int m, const std::vector<float>& usual, const std::vector<float>& unit,
                const std::vector<float>& by_row) {
    std::map<int, int> ids;
    std::vector<float> gains;
    for (int n = 0; n < layer_.N; ++n) {
      const float u = usual[static_cast<std::size_t>(n)], one = unit[at(m, n)], many = by_row[at(m, n)];
      if (u == 0 || !std::isfinite(one) || !std::isfinite(many)) continue;
      gains.push_back(one / u);
      if (one != 0 && is_near(many / one, std::round(many / one))) ++ids[static_cast<int>(std::round(many / one))];
    }
    if (gains.empty()) return;
    const float gain = median(gains);
    const auto most = std::ranges::max_element(ids, {}, [](const auto& id) { return id.second; });
    const float factor = most == ids.end() ? 0.0f : static_cast<float>(most->first);
    if (most != ids.end() && 2 * most->second > static_cast<int>(gains.size())) {
      out_.row_used[static_cast<std::size_t>(m)] = row_of(factor, m);
      out_.row_gain[static_cast<std::size_t>(m)] = is_near(gain, 1.0f) ? 1.0f : gain;
    }
    for (int n = 0; n < layer_.N; ++n) {
      const float u = usual[static_cast<std::size_t>(n)], one = unit[at(m, n)], many = by_row[at(m, n)];
      const bool zero = one == 0 && many == 0 && rest(at(m, n)) == 0;
      if (!zero && (u == 0 || (is_near(one, gain * u) && is_near(many, factor * gain * u)))) continue;
      out_.off[at(m, n)] = true;
      out_.unchanged[at(m, n)] = one == many;
      out_.zero[at(m, n)] = zero;
    }
  }

  /// The row with this factor; of several, the one nearest to m.
  int row_of(float factor, int m) const {
    int found = -1;
    for (int row = 0; row < M_; ++row)
      if (id_of(row, layer_.dtype) == factor && (found < 0 || std::abs(row - m) < std::abs(found - m))) found = row;
    return found;
  }

  void find_signs(const std::vector<float>& plus, const std::vector<float>& minus) {
    std::size_t positive = 0, blank = 0;
    for (std::size_t i = 0; i < plus.size(); ++i) {
      if (out_.off[i] || rest(i) != 0 || !std::isfinite(plus[i]) || !std::isfinite(minus[i])) continue;
      positive += plus[i] > 0;
      blank += plus[i] > 0 && minus[i] == 0;
      out_.uneven += plus[i] != -minus[i];
    }
    out_.never_negative = positive > 0 && blank == positive;
  }

  void find_limit(const std::vector<float>& unit, const std::vector<float>& large) {
    std::map<float, std::size_t> reached;
    std::size_t below = 0, count = 0;
    for (std::size_t i = 0; i < unit.size(); ++i) {
      if (!std::isfinite(unit[i]) || !std::isfinite(large[i]) || unit[i] == 0) continue;
      ++count;
      const bool short_of_it = std::abs(large[i]) < (1 - kNear) * kLarge * std::abs(unit[i]);
      below += short_of_it;
      if (short_of_it) ++reached[std::abs(large[i] + rest(i))];
    }
    if (below == 0 || 2 * below < count) return;
    const auto most = std::ranges::max_element(reached, {}, [](const auto& value) { return value.second; });
    if (most->first > 0 && 2 * most->second > below) out_.stops_at = most->first;
  }

  const Layer& layer_;
  int M_;
  Box& box_;
  const kernel::Launch& launch_;
  const std::function<void(std::string_view)>& step_;
  std::shared_ptr<const Layer> one_weight_;
  OutputChecks out_;
};

}  // namespace

bool OutputChecks::shows(int m, int n) const {
  return row_used[static_cast<std::size_t>(m)] == m && !off[static_cast<std::size_t>(m) * at_rest.cols() + n];
}

std::vector<int> OutputChecks::sound_rows() const {
  std::vector<int> rows;
  for (std::size_t m = 0; m < row_used.size(); ++m)
    if (row_used[m] == static_cast<int>(m) && row_gain[m] == 1.0f) rows.push_back(static_cast<int>(m));
  return rows;
}

OutputChecks check_outputs(const Prepared& prepared, Box& box, const kernel::Launch& launch,
                           const std::function<void(std::string_view)>& step) {
  return Checker(prepared, box, launch, step).run();
}

}  // namespace w4::cases::probe
