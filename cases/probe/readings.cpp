// SPDX-License-Identifier: Apache-2.0
#include "cases/probe/readings.h"

#include "fixtures/half.h"
#include "fixtures/layer/codes.h"
#include "repack/plain_layer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace w4::cases::probe {
namespace {

using fixtures::Layer;
using fixtures::PlainLayer;

constexpr float kUnread = std::numeric_limits<float>::quiet_NaN();
constexpr int kCodeDigit = 16;    // values a code or a zero point can carry
constexpr int kScaleDigit = 256;  // values a scale can carry exactly in either type, from 1 up
constexpr std::uint8_t kCodeOfUnit = 9;
constexpr float kNearInteger = 0.05f;

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

/// One box, read by rows of the identity.
class Reader {
 public:
  Reader(const Prepared& prepared, Box& box, const kernel::Launch& launch, int rows,
         const std::function<void(std::string_view)>& step)
      : layer_(prepared.layer),
        box_(box),
        launch_(launch),
        rows_(rows),
        step_(step),
        plain_(repack::plain_layer_of(layer_)) {
    plain_.bias = Grid<std::uint16_t>::filled(plain_.bias.rows(), plain_.bias.cols(), 0);
  }

  Readings read() {
    read_at_rest();
    if (!out_.lost) read_negated();
    out_.weights = weights_of("W_eff", with([](PlainLayer&) {}));
    out_.at_0 = weights_of("codes of 0", with([&](PlainLayer& plain) { set(plain, 0); }));
    out_.at_15 = weights_of("codes of 15", with([&](PlainLayer& plain) { set(plain, 15); }));
    read_codes();
    read_scales();
    if (!layer_.symmetric) read_zero_points();
    return std::move(out_);
  }

 private:
  template <class Change>
  std::shared_ptr<const Layer> with(Change change) const {
    PlainLayer plain = plain_;
    change(plain);
    return std::make_shared<const Layer>(repack::stored_like(layer_, plain));
  }

  /// One code everywhere, scales of 1, zero points of 8.
  void set(PlainLayer& plain, int code) const {
    plain.codes = Grid<std::uint8_t>::filled(layer_.K, layer_.N, static_cast<std::uint8_t>(code));
    plain.zeros = Grid<std::uint8_t>::filled(plain.zeros.rows(), layer_.N, kSymmetricZero);
    plain.scales = Grid<std::uint16_t>::filled(plain.scales.rows(), layer_.N, bits_of(1.0f, layer_.dtype));
  }

  kernel::RunResult ask(const std::shared_ptr<const Layer>& layer, const Grid<std::uint16_t>& A) {
    const kernel::RunResult result = box_.ask({layer, A, launch_});
    ++out_.launches;
    out_.lost = !result.ran();
    return result;
  }

  Grid<std::uint16_t> rows_of(float value) const {  // of the identity, from the first on, times `value`
    return identity_rows(0, std::min(rows_, layer_.K), layer_.K, layer_.dtype).mapped([&](std::uint16_t bits) {
      return bits_of(value * value_of(bits, layer_.dtype), layer_.dtype);
    });
  }

  /// The output for activations of zero: it is subtracted from every reading.
  void read_at_rest() {
    step_("reading what is added to a product of zero");
    at_rest_ = ask(with([](PlainLayer&) {}), rows_of(0)).C;
    for (std::size_t i = 0; i < at_rest_.size(); ++i) out_.at_rest = std::max(out_.at_rest, std::abs(rest(i)));
  }

  float rest(std::size_t i) const {  // 0 for outputs that are unwritten or not finite
    const float value = at_rest_[i] == launch_.fill ? 0 : value_of(at_rest_[i], layer_.dtype);
    return std::isfinite(value) ? value : 0;
  }

  /// A sum of products changes its sign with A, whatever the weights are; if it does not, outputs are no weights.
  void read_negated() {
    step_("reading rows of the identity and their negatives");
    const auto layer = with([](PlainLayer&) {});
    const kernel::RunResult plus = ask(layer, rows_of(1));
    if (out_.lost) return;
    const kernel::RunResult minus = ask(layer, rows_of(-1));
    for (std::size_t i = 0; i < plus.C.size() && !out_.lost; ++i) {
      const float a = value_of(plus.C[i], layer_.dtype), b = value_of(minus.C[i], layer_.dtype);
      out_.uneven += rest(i) == 0 && std::isfinite(a) && std::isfinite(b) && a != -b;
    }
  }

  Effective weights_of(const std::string& what, const std::shared_ptr<const Layer>& layer) {
    Effective out{.K = layer_.K, .N = layer_.N, .weights = {}};
    out.weights.assign(static_cast<std::size_t>(layer_.K) * layer_.N, kUnread);
    for (int k = 0; k < layer_.K; k += rows_) {
      step_(fmt::format("reading {}, row {} of {}", what, k, layer_.K));
      if (out_.lost) return out;  // a box that hangs may hang every time
      const int rows = std::min(rows_, layer_.K - k);
      const kernel::RunResult result = ask(layer, identity_rows(k, rows, layer_.K, layer_.dtype));
      if (out_.lost) return out;
      for (std::size_t i = 0; i < result.C.size(); ++i)
        if (result.C[i] != launch_.fill)
          out.weights[static_cast<std::size_t>(k) * layer_.N + i] = value_of(result.C[i], layer_.dtype) - rest(i);
    }
    return out;
  }

  /// Puts the digits that `reading(place)` gives for each weight together. Its values are -1 where nothing was read.
  template <class Reading>
  SourceMap sources(int count, int base, Reading reading) {
    const std::size_t cells = out_.at_0.weights.size();
    SourceMap map{.rows = layer_.K, .cols = layer_.N, .source = std::vector<int>(cells, 0)};
    long long worth = 1;
    for (int place = 0; place < digits_for(count, base); ++place, worth *= base) {
      const std::vector<int> digits = reading(place);
      for (std::size_t i = 0; i < cells; ++i) {
        const long long sum = digits[i] < 0 ? -1 : map.source[i] + digits[i] * worth;
        if (map.source[i] >= 0) map.source[i] = sum < count ? static_cast<int>(sum) : -1;
      }
    }
    return map;
  }

  /// A weight goes from at_0 to at_15 as its code goes from 0 to 15, whatever it is multiplied by.
  int code_in(float weight, std::size_t i) const {
    const float low = out_.at_0.weights[i], high = out_.at_15.weights[i];
    return high == low ? -1 : integer_in(15 * (weight - low) / (high - low), 0, kCodeDigit);
  }

  void read_codes() {
    out_.codes = sources(layer_.K * layer_.N, kCodeDigit, [&](int place) {
      const Effective read = weights_of(fmt::format("codes, digit {}", place), with([&](PlainLayer& plain) {
                                          set(plain, 0);
                                          plain.codes = indexed<std::uint8_t>(layer_.K, layer_.N, [&](int i) {
                                            return digit_of(i, place, kCodeDigit);
                                          });
                                        }));
      return mapped(read, [&](float weight, std::size_t i) { return code_in(weight, i); });
    });
  }

  /// What a code of 9 weighs at a scale of 1: one, when all is right.
  float unit(std::size_t i) const {
    const float low = out_.at_0.weights[i];
    return low + (out_.at_15.weights[i] - low) * kCodeOfUnit / 15;
  }

  void read_scales() {
    const int groups = plain_.scales.rows();
    out_.scales = sources(groups * layer_.N, kScaleDigit, [&](int place) {
      const Effective read = weights_of(fmt::format("scales, digit {}", place), with([&](PlainLayer& plain) {
                                          set(plain, kCodeOfUnit);
                                          plain.scales = indexed<std::uint16_t>(groups, layer_.N, [&](int i) {
                                            const int digit = digit_of(i, place, kScaleDigit);
                                            return bits_of(static_cast<float>(digit + 1), layer_.dtype);
                                          });
                                        }));
      return mapped(read, [&](float weight, std::size_t i) {
        const float u = unit(i);
        if (u == 0) return -1;
        const int scale = integer_in(weight / u, 1, kScaleDigit + 1);
        return scale < 0 ? -1 : scale - 1;
      });
    });
  }

  void read_zero_points() {
    const int groups = plain_.zeros.rows();
    out_.zero_points = sources(groups * layer_.N, kCodeDigit, [&](int place) {
      const Effective read = weights_of(fmt::format("zero points, digit {}", place), with([&](PlainLayer& plain) {
                                          set(plain, kSymmetricZero);
                                          plain.zeros = indexed<std::uint8_t>(
                                              groups, layer_.N, [&](int i) { return digit_of(i, place, kCodeDigit); });
                                        }));
      return mapped(read, [&](float weight, std::size_t i) {
        const float gain = (out_.at_15.weights[i] - out_.at_0.weights[i]) / 15;
        const float at_8 = out_.at_0.weights[i] + gain * kSymmetricZero;  // nothing, when all is right
        return gain == 0 ? -1 : integer_in(static_cast<float>(kSymmetricZero) - (weight - at_8) / gain, 0, kCodeDigit);
      });
    });
  }

  template <class Value>
  static std::vector<int> mapped(const Effective& read, Value value) {
    std::vector<int> out(read.weights.size());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = value(read.weights[i], i);
    return out;
  }

  const Layer& layer_;
  Box& box_;
  const kernel::Launch& launch_;
  int rows_;
  const std::function<void(std::string_view)>& step_;
  PlainLayer plain_;
  Grid<std::uint16_t> at_rest_;  // (rows_, N), or (K, N) where that is less
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

Readings read_box(const Prepared& prepared, Box& box, const kernel::Launch& launch, int rows,
                  const std::function<void(std::string_view)>& step) {
  return Reader(prepared, box, launch, rows, step).read();
}

}  // namespace w4::cases::probe
