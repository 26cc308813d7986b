// SPDX-License-Identifier: Apache-2.0
#include "cases/probe/readings.h"

#include "fixtures/half.h"
#include "fixtures/layer/codes.h"
#include "repack/plain_layer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>

namespace w4::cases::probe {
namespace {

using fixtures::Layer;
using fixtures::PlainLayer;

constexpr float kUnread = std::numeric_limits<float>::quiet_NaN();
constexpr int kCodeDigit = 16;    // values a code or a zero point can carry
constexpr int kScaleDigit = 256;  // values a scale can carry exactly in either type, from 1 up
constexpr std::uint8_t kCodeOfUnit = 9;
constexpr float kNearInteger = 0.05f;
constexpr int kLeastRows = 8;  // of K, whatever time is left

/// The digit of index i that `place` asks for, in base `base`.
int digit_of(int i, int place, int base) {
  for (; place > 0; --place) i /= base;
  return i % base;
}

int digits_for(int count, int base) {
  int digits = 1;
  for (long long reach = base; reach < count; reach *= base) ++digits;
  return digits;
}

/// A grid of value(index of the cell).
template <class T, class Value>
Grid<T> indexed(int rows, int cols, Value value) {
  return Grid<T>::from(rows, cols, [&](int r, int c) { return value(r * cols + c); });
}

/// The nearest integer in [low, high), or -1 when the value is not one.
int integer_in(float value, int low, int high) {
  const float nearest = std::round(value);
  const bool is_one = std::abs(value - nearest) <= kNearInteger * std::max(1.0f, std::abs(nearest) / kCodeDigit);
  return is_one && nearest >= static_cast<float>(low) && nearest < static_cast<float>(high) ? static_cast<int>(nearest)
                                                                                            : -1;
}

/// Rows of K that stand for all of them: a run at the beginning, one at the end, and some in between.
std::vector<int> chosen_rows(int K, int count) {
  std::vector<int> rows;
  if (count >= K) {
    rows.resize(static_cast<std::size_t>(K));
    std::iota(rows.begin(), rows.end(), 0);
    return rows;
  }
  const int first = (count + 1) / 2, last = count / 4, between = count - first - last;
  for (int k = 0; k < first; ++k) rows.push_back(k);
  for (int i = 0; i < between; ++i)
    rows.push_back(first + static_cast<int>(static_cast<long long>(K - last - first) * i / between));
  for (int k = K - last; k < K; ++k) rows.push_back(k);
  return rows;
}

/// One box, read by rows of the identity.
class Reader {
 public:
  Reader(const Prepared& prepared, Box& box, const kernel::Launch& launch, double seconds,
         const std::function<void(std::string_view)>& step)
      : layer_(prepared.layer),
        M_(prepared.A.rows()),
        box_(box),
        launch_(launch),
        seconds_(seconds),
        step_(step),
        plain_(repack::plain_layer_of(layer_)),
        groups_(groups_of(layer_)) {
    plain_.bias = Grid<std::uint16_t>::filled(plain_.bias.rows(), plain_.bias.cols(), 0);
    out_.K = layer_.K;
  }

  Readings read(const Prepared& prepared) {
    const auto begin = std::chrono::steady_clock::now();
    out_.outputs = check_outputs(prepared, box_, launch_, step_);
    out_.launches = out_.outputs.launches;
    out_.lost = out_.outputs.lost;
    if (out_.lost) return std::move(out_);
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
    out_.rows_of_A = out_.outputs.sound_rows();
    if (out_.rows_of_A.empty() || out_.outputs.silent || out_.outputs.stops_at || out_.outputs.never_negative)
      return std::move(out_);
    out_.ks = chosen_rows(layer_.K, count_of_rows(spent.count() / out_.launches));
    read_values();
    read_codes();
    read_scales();
    if (!layer_.symmetric) read_zero_points();
    return std::move(out_);
  }

 private:
  /// As many rows of K as the time allows, a whole number of launches.
  int count_of_rows(double launch_seconds) const {
    constexpr int kMostCells = 1 << 21;  // weights of one reading
    const int sound = static_cast<int>(out_.rows_of_A.size());
    const int groups = plain_.scales.rows();
    const int readings = 3 + digits_for(layer_.K * layer_.N, kCodeDigit) + digits_for(groups * layer_.N, kScaleDigit) +
                         (layer_.symmetric ? 0 : digits_for(groups * layer_.N, kCodeDigit));
    const long long whole = (layer_.K + sound - 1) / sound;
    const double affordable = seconds_ > 0 ? seconds_ / std::max(1e-6, launch_seconds) / readings : 1e9;
    long long launches = std::min<long long>(whole, std::max(1, kMostCells / layer_.N / sound));
    while (launches > 1 && static_cast<double>(launches) > affordable) launches /= 2;  // few sizes: the same again
    launches = std::max<long long>(launches, (kLeastRows + sound - 1) / sound);
    return static_cast<int>(std::min<long long>(layer_.K, launches * sound));
  }

  template <class Change>
  std::shared_ptr<const Layer> with(Change change) const {
    PlainLayer plain = plain_;
    change(plain);
    return std::make_shared<const Layer>(repack::stored_like(layer_, plain));
  }

  /// One code, one zero point and one scale everywhere.
  void set(PlainLayer& plain, int code, int zero = kSymmetricZero, float scale = 1.0f) const {
    plain.codes = Grid<std::uint8_t>::filled(layer_.K, layer_.N, static_cast<std::uint8_t>(code));
    plain.zeros = Grid<std::uint8_t>::filled(plain.zeros.rows(), layer_.N, static_cast<std::uint8_t>(zero));
    plain.scales = Grid<std::uint16_t>::filled(plain.scales.rows(), layer_.N, bits_of(scale, layer_.dtype));
  }

  float rest(std::size_t i) const {  // 0 for outputs that are unwritten or not finite
    const std::uint16_t bits = out_.outputs.at_rest[i];
    const float value = bits == launch_.fill ? 0 : value_of(bits, layer_.dtype);
    return std::isfinite(value) ? value : 0;
  }

  /// Weights of rows ks[first], ks[first + 1], ... in the rows of A that show them.
  void read_rows(const std::shared_ptr<const Layer>& layer, std::size_t first, Effective& out) {
    std::vector<int> k_of(static_cast<std::size_t>(M_), -1);
    for (std::size_t i = 0; i < out_.rows_of_A.size() && first + i < static_cast<std::size_t>(out.rows); ++i)
      k_of[static_cast<std::size_t>(out_.rows_of_A[i])] = out_.ks[first + i];
    const auto A = Grid<std::uint16_t>::from(M_, layer_.K, [&](int m, int k) {
      return k == k_of[static_cast<std::size_t>(m)] ? bits_of(1.0f, layer_.dtype) : 0;
    });
    const kernel::RunResult result = box_.ask({layer, A, launch_});
    ++out_.launches;
    out_.lost = !result.ran();
    if (out_.lost) return;
    for (std::size_t i = 0; i < out_.rows_of_A.size() && first + i < static_cast<std::size_t>(out.rows); ++i)
      for (int n = 0; n < layer_.N; ++n) {
        const auto at = static_cast<std::size_t>(out_.rows_of_A[i]) * layer_.N + n;
        if (result.C[at] != launch_.fill && out_.outputs.shows(out_.rows_of_A[i], n))
          out.weights[(first + i) * layer_.N + n] = value_of(result.C[at], layer_.dtype) - rest(at);
      }
  }

  /// The first `rows` of the chosen rows of K. A box that hangs may hang every time: nothing is asked after a loss.
  Effective weights_of(const std::string& what, const std::shared_ptr<const Layer>& layer, std::size_t rows) {
    Effective out{.rows = static_cast<int>(rows), .N = layer_.N, .weights = {}};
    out.weights.assign(rows * layer_.N, kUnread);
    for (std::size_t first = 0; first < rows && !out_.lost; first += out_.rows_of_A.size()) {
      step_(fmt::format("reading {}, row {} of {}", what, first, rows));
      read_rows(layer, first, out);
    }
    return out;
  }
  Effective weights_of(const std::string& what, const std::shared_ptr<const Layer>& layer) {
    return weights_of(what, layer, out_.ks.size());
  }

  void read_values() {
    out_.weights = weights_of("W_eff", with([](PlainLayer&) {}));
    out_.at_0 = weights_of("codes of 0", with([&](PlainLayer& plain) { set(plain, 0); }));
    out_.at_15 = weights_of("codes of 15", with([&](PlainLayer& plain) { set(plain, 15); }));
  }

  /// The one value of all weights of a launch; none: they differ, or none can be read.
  std::optional<float> common_value(const std::string& what, const std::shared_ptr<const Layer>& layer) {
    const Effective read = weights_of(what, layer, std::min(out_.rows_of_A.size(), out_.ks.size()));
    std::optional<float> common;
    for (const float weight : read.weights) {
      if (std::isnan(weight)) continue;
      if (common && *common != weight) return std::nullopt;
      common = weight;
    }
    return common;
  }

  template <class Set>
  std::optional<Table> table_of(const std::string& what, Set set_value) {
    Table table{};
    for (int value = 0; value < kCodeDigit; ++value) {
      const auto common = common_value(fmt::format("what {} {} is worth", what, value),
                                       with([&](PlainLayer& plain) { set_value(plain, value); }));
      if (!common) return std::nullopt;
      table[static_cast<std::size_t>(value)] = *common;
    }
    return table;
  }

  void read_scale_values() {
    for (const float scale : {1.0f, 2.0f, 3.0f, 0.75f, 0x1p-7f, 96.0f}) {
      const auto common =
          common_value(fmt::format("what a scale of {:g} is used as", scale),
                       with([&](PlainLayer& plain) { set(plain, kCodeOfUnit, kSymmetricZero, scale); }));
      if (common) out_.scale_values.emplace_back(scale, *common);
    }
  }

  /// Layers in which the value at index i is digit `place` of i, a reading each.
  template <class SetDigits>
  std::vector<Effective> digits(const std::string& what, int count, int base, SetDigits set_digits) {
    std::vector<Effective> read;
    for (int place = 0; place < digits_for(count, base); ++place)
      read.push_back(weights_of(fmt::format("{}, digit {}", what, place), with([&](PlainLayer& plain) {
                                  set_digits(plain, [=](int i) { return digit_of(i, place, base); });
                                })));
    return read;
  }

  /// Puts the digits together that `digit(weight, cell)` reads; -1: it could not be read.
  template <class Digit>
  SourceMap sources(const std::vector<Effective>& read, int count, int base, Digit digit) const {
    const std::size_t cells = out_.at_0.weights.size();
    SourceMap map{.rows = out_.at_0.rows, .cols = layer_.N, .source = std::vector<int>(cells, 0)};
    long long worth = 1;
    for (const Effective& place : read) {
      for (std::size_t i = 0; i < cells; ++i) {
        const int value = std::isfinite(place.weights[i]) ? digit(place.weights[i], i) : -1;
        const long long sum = value < 0 ? -1 : map.source[i] + value * worth;
        if (map.source[i] >= 0) map.source[i] = sum < count ? static_cast<int>(sum) : -1;
      }
      worth *= base;
    }
    return map;
  }

  /// Whether every weight that shows uses the value of its own place: index `own(row of ks, n)`.
  template <class Own>
  bool in_place(const SourceMap& map, Own own) const {
    for (int r = 0; r < map.rows; ++r)
      for (int n = 0; n < map.cols; ++n)
        if (map.source[static_cast<std::size_t>(r) * map.cols + n] != own(r, n) &&
            out_.outputs.shows(out_.row_of_A(static_cast<std::size_t>(r)), n))
          return false;
    return true;
  }

  /// The place in a table whose entries all differ; otherwise -1.
  static int place_in(const Table& table, float value) {
    int found = -1;
    for (int i = 0; i < kCodeDigit; ++i)
      if (std::abs(table[static_cast<std::size_t>(i)] - value) <= kNearInteger) found = found < 0 ? i : kCodeDigit;
    return found == kCodeDigit ? -1 : found;
  }

  /// A weight goes from at_0 to at_15 as its code goes from 0 to 15, whatever it is multiplied by.
  int code_in(float weight, std::size_t i) const {
    const float low = out_.at_0.weights[i], high = out_.at_15.weights[i];
    if (out_.code_values) return low == high && low == 0 ? -1 : place_in(*out_.code_values, weight);
    return high == low ? -1 : integer_in(15 * (weight - low) / (high - low), 0, kCodeDigit);
  }

  /// A table of values that is no line looks like moves: it is read where codes are not in place.
  void read_codes() {
    const int count = layer_.K * layer_.N;
    const std::vector<Effective> read = digits("codes", count, kCodeDigit, [&](PlainLayer& plain, auto digit) {
      set(plain, 0);
      plain.codes = indexed<std::uint8_t>(layer_.K, layer_.N, digit);
    });
    const auto decode = [&] {
      out_.codes = sources(read, count, kCodeDigit, [&](float weight, std::size_t i) { return code_in(weight, i); });
    };
    decode();
    if (in_place(out_.codes, [&](int r, int n) { return out_.ks[static_cast<std::size_t>(r)] * layer_.N + n; })) return;
    out_.code_values = table_of("code", [&](PlainLayer& plain, int code) { set(plain, code); });
    if (out_.code_values) decode();
  }

  /// What a code of 9 weighs at a scale of 1: one, when all is right.
  float unit(std::size_t i) const {
    const float low = out_.at_0.weights[i], slope = (out_.at_15.weights[i] - low) / 15;
    if (out_.code_values && low == out_.code_values->front()) return (*out_.code_values)[kCodeOfUnit];
    const float rounding = layer_.dtype == DType::bf16 ? 0x1p-6f : 0x1p-9f;
    const bool no_offset = std::abs(low + kSymmetricZero * slope) <= rounding * std::abs(low);
    return no_offset ? slope : low + slope * kCodeOfUnit;  // a sum of large numbers would round more than what it gives
  }

  bool in_own_group(const SourceMap& map) const {
    return in_place(map, [&](int r, int n) {
      return groups_[static_cast<std::size_t>(out_.ks[static_cast<std::size_t>(r)])] * layer_.N + n;
    });
  }

  void read_scales() {
    const int groups = plain_.scales.rows(), count = groups * layer_.N;
    const std::vector<Effective> read = digits("scales", count, kScaleDigit, [&](PlainLayer& plain, auto digit) {
      set(plain, kCodeOfUnit);
      plain.scales = indexed<std::uint16_t>(
          groups, layer_.N, [&](int i) { return bits_of(static_cast<float>(digit(i) + 1), layer_.dtype); });
    });
    out_.scales = sources(read, count, kScaleDigit, [&](float weight, std::size_t i) {
      const float u = unit(i);
      const int scale = u == 0 ? -1 : integer_in(weight / u, 1, kScaleDigit + 1);
      return scale < 0 ? -1 : scale - 1;
    });
    if (!in_own_group(out_.scales)) read_scale_values();
  }

  int zero_in(float weight, std::size_t i) const {
    const bool blank = out_.at_0.weights[i] == 0 && out_.at_15.weights[i] == 0;
    if (out_.zero_values) return blank ? -1 : place_in(*out_.zero_values, weight);
    const float gain = (out_.at_15.weights[i] - out_.at_0.weights[i]) / 15;
    const float at_8 = out_.at_0.weights[i] + gain * kSymmetricZero;  // nothing, when all is right
    return gain == 0 ? -1 : integer_in(static_cast<float>(kSymmetricZero) - (weight - at_8) / gain, 0, kCodeDigit);
  }

  void read_zero_points() {
    const int groups = plain_.zeros.rows(), count = groups * layer_.N;
    const std::vector<Effective> read = digits("zero points", count, kCodeDigit, [&](PlainLayer& plain, auto digit) {
      set(plain, kSymmetricZero);
      plain.zeros = indexed<std::uint8_t>(groups, layer_.N, digit);
    });
    const auto decode = [&] {
      out_.zero_points =
          sources(read, count, kCodeDigit, [&](float weight, std::size_t i) { return zero_in(weight, i); });
    };
    decode();
    if (in_own_group(out_.zero_points)) return;
    out_.zero_values = table_of("zero point", [&](PlainLayer& plain, int zero) { set(plain, kSymmetricZero, zero); });
    if (out_.zero_values) decode();
  }

  const Layer& layer_;
  int M_;
  Box& box_;
  const kernel::Launch& launch_;
  double seconds_;
  const std::function<void(std::string_view)>& step_;
  PlainLayer plain_;
  std::vector<int> groups_;
  Readings out_;
};

}  // namespace

std::vector<int> groups_of(const Layer& layer) {
  std::vector<int> groups(static_cast<std::size_t>(layer.K));
  for (int k = 0; k < layer.K; ++k) groups[static_cast<std::size_t>(k)] = k / layer.group_size;
  if (layer.g_idx) {
    const auto stored = fixtures::files::grid_of<std::int32_t>(*layer.g_idx);
    std::copy(stored.cells().begin(), stored.cells().end(), groups.begin());
  }
  return groups;
}

Readings read_box(const Prepared& prepared, Box& box, const kernel::Launch& launch, double seconds,
                  const std::function<void(std::string_view)>& step) {
  return Reader(prepared, box, launch, seconds, step).read(prepared);
}

}  // namespace w4::cases::probe
