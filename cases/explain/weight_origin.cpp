// SPDX-License-Identifier: Apache-2.0
#include "cases/explain/weight_origin.h"

#include "fixtures/half.h"
#include "fixtures/layer/encode.h"
#include "fixtures/parallel.h"

#include <algorithm>

namespace w4::cases::explain {
namespace {

using fixtures::Layer;

constexpr std::int64_t kMostCodes = std::int64_t{1} << 27;
constexpr int kCheckDigits = 2;

/// The encoding of a digit d as a number: `first + step * d`. Codes avoid 0 and 15, which known faults change; zero
/// points are two apart, because known faults shift them by one.
struct Alphabet {
  int base, first, step;
  int digit_of(int symbol) const {
    const int from_first = symbol - first;
    return from_first >= 0 && from_first % step == 0 && from_first / step < base ? from_first / step : -1;
  }
  int symbol(int digit) const { return first + step * digit; }
};
constexpr Alphabet kCodeDigits = {.base = 8, .first = 4, .step = 1};
constexpr Alphabet kZeroDigits = {.base = 4, .first = 4, .step = 2};
Alphabet scale_digits(DType dtype) { return {.base = 128, .first = bits_of(1.0f, dtype), .step = 1}; }

/// The digits of 0..count-1, the lowest first, then check digits.
class Spelling {
 public:
  Spelling(Alphabet alphabet, std::int64_t count) : alphabet_(alphabet), count_(count) {
    for (std::int64_t reach = 1; reach < count; reach *= alphabet.base) ++digits_;
  }
  int layers() const { return digits_ + kCheckDigits; }

  /// The digit of an index in a layer; layers beyond the last repeat it.
  int symbol(std::int64_t index, int layer) const { return alphabet_.symbol(digit(index, layer)); }

  /// The index with these digits in layers 0, 1, ...; none when there is none.
  std::optional<std::int64_t> index_of(const std::vector<int>& symbols) const {
    std::int64_t index = 0;
    for (int layer = digits_ - 1; layer >= 0; --layer)
      index = index * alphabet_.base + std::max(0, alphabet_.digit_of(symbols[static_cast<std::size_t>(layer)]));
    if (index >= count_) return std::nullopt;
    for (int layer = 0; layer < static_cast<int>(symbols.size()); ++layer)
      if (symbol(index, layer) != symbols[static_cast<std::size_t>(layer)]) return std::nullopt;
    return index;
  }

 private:
  /// Not linear: the mean of several check digits must not be the check digit of their mean.
  static std::uint64_t mixed(std::uint64_t index, int layer) {
    std::uint64_t bits = (index + 1) * 0x9E3779B97F4A7C15u + static_cast<std::uint64_t>(layer);
    bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9u;
    bits = (bits ^ bits >> 27) * 0x94D049BB133111EBu;
    return bits >> 33;
  }

  int digit(std::int64_t index, int layer) const {
    if (layer >= digits_)
      return static_cast<int>(mixed(static_cast<std::uint64_t>(index), layer) %
                              static_cast<std::uint64_t>(alphabet_.base));
    for (; layer > 0; --layer) index /= alphabet_.base;
    return static_cast<int>(index % alphabet_.base);
  }

  Alphabet alphabet_;
  std::int64_t count_;
  int digits_ = 0;
};

struct Spellings {
  Spelling codes, zeros, scales;
  int layers() const { return std::max({codes.layers(), zeros.layers(), scales.layers()}); }
};

Spellings spellings_of(const Layer& layer) {
  const std::int64_t columns = layer.N;
  return {.codes = Spelling(kCodeDigits, columns * layer.K),
          .zeros = Spelling(kZeroDigits, columns * layer.groups()),
          .scales = Spelling(scale_digits(layer.dtype), columns * layer.groups())};
}

template <class T>
Grid<T> spelt(int rows, int cols, const Spelling& spelling, int layer) {
  return Grid<T>::made(rows, cols, [&](std::span<T> out) {
    for_each_index(rows, [&](int r) {
      const std::int64_t first = static_cast<std::int64_t>(r) * cols;
      for (std::int64_t i = first; i < first + cols; ++i)
        out[static_cast<std::size_t>(i)] = static_cast<T>(spelling.symbol(i, layer));
    });
  });
}

/// The layer with digit `digit` of their index as codes, zero points and scales; all else is unchanged.
Layer tagged(const Layer& layer, const Spellings& spellings, int digit) {
  const fixtures::PlainLayer plain = {.name = layer.name,
                                      .group_size = layer.group_size,
                                      .symmetric = layer.symmetric,
                                      .dtype = layer.dtype,
                                      .codes = spelt<std::uint8_t>(layer.K, layer.N, spellings.codes, digit),
                                      .zeros = spelt<std::uint8_t>(layer.groups(), layer.N, spellings.zeros, digit),
                                      .scales = spelt<std::uint16_t>(layer.groups(), layer.N, spellings.scales, digit),
                                      .g_idx = {},
                                      .bias = {}};
  const Layer encoded = fixtures::encode(plain, layer.format, layer.zero_encoding);
  Layer out = layer;
  out.qweight = encoded.qweight;
  out.scales = encoded.scales;
  if (layer.qzeros && encoded.qzeros) out.qzeros = encoded.qzeros;
  return out;
}

/// The digits at a place, layer by layer.
struct Symbols {
  std::vector<int> code, zero, scale;
};

std::optional<Cell> source(const Spelling& spelling, const std::vector<int>& symbols, int cols) {
  const std::optional<std::int64_t> index = spelling.index_of(symbols);
  if (!index) return std::nullopt;
  return Cell{.row = static_cast<int>(*index / cols), .n = static_cast<int>(*index % cols)};
}

}  // namespace

std::vector<Origin> origins_of(const Layer& layer, const repack::Recipe& recipe, const std::vector<Place>& places) {
  const bool encodable = layer.K % kCodesPerWord == 0 && layer.N % kCodesPerWord == 0;
  if (places.empty() || !encodable || std::int64_t{layer.K} * layer.N > kMostCodes) return {};
  const Spellings spellings = spellings_of(layer);
  std::vector<Symbols> seen(places.size());
  for (int digit = 0; digit < spellings.layers(); ++digit) {
    const repack::Packed packed = repack::repack(tagged(layer, spellings, digit), recipe);
    for (std::size_t i = 0; i < places.size(); ++i) {
      const Used used = used_at(packed, places[i]);
      seen[i].code.push_back(used.code);
      seen[i].zero.push_back(used.zero);
      seen[i].scale.push_back(used.scale_bits);
    }
  }
  std::vector<Origin> origins;
  for (const Symbols& symbols : seen)
    origins.push_back({.code = source(spellings.codes, symbols.code, layer.N),
                       .zero = source(spellings.zeros, symbols.zero, layer.N),
                       .scale = source(spellings.scales, symbols.scale, layer.N)});
  return origins;
}

}  // namespace w4::cases::explain
