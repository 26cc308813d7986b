// SPDX-License-Identifier: Apache-2.0
#include "cases/tests/cases/packed/hostile.h"

#include "cases/case/prepare.h"

namespace w4::test {
namespace {

template <class T, class F>
Grid<T> sourced(const Grid<T>& grid, const F& source) {
  return Grid<T>::from(grid.rows(), grid.cols(), [&](int r, int c) {
    const auto [row, col] = source(r, c);
    return grid(row, col);
  });
}

Grid<std::uint8_t> nibbles_of(const Grid<std::uint32_t>& words) {
  return Grid<std::uint8_t>::from(words.rows(), words.cols() * 8,
                                  [&](int r, int p) { return code_at(words(r, p / 8), p % 8); });
}

Grid<std::uint32_t> words_of(const Grid<std::uint8_t>& nibbles) {
  return Grid<std::uint32_t>::from(nibbles.rows(), nibbles.cols() / 8, [&](int r, int w) {
    std::uint32_t word = 0;
    for (int slot = 0; slot < 8; ++slot) word |= std::uint32_t{nibbles(r, 8 * w + slot)} << (4 * slot);
    return word;
  });
}

std::vector<int> right_rows(const Weights& w) {
  std::vector<int> rows(w.column_order.cells().begin(), w.column_order.cells().end());
  if (rows.empty())
    for (int k = 0; k < w.K; ++k) rows.push_back(k);
  return rows;
}

}  // namespace

fixtures::Layer layer_of(const std::string& command) {
  const bool whole = command.starts_with("--case");
  return cases::prepare(options_of((whole ? "" : "b 128 ") + command).request).layer;
}

Packed packed_by(const Hostile& hostile, const fixtures::Layer& layer) {
  Weights value = repack::weights_of(layer);
  for (const repack::Stage& stage : repack::stages()) {
    value = stage.variants[0].apply(value);
    if (const auto change = hostile.changes.find(stage.id); change != hostile.changes.end()) change->second(value);
  }
  Packed packed = repack::packed_of(value);
  if (hostile.last) hostile.last(packed);
  return packed;
}

cases::packed::PackedFinding found_of(const fixtures::Layer& layer, const Packed& seen) {
  return cases::packed::find_packed(layer, seen, repack::repack(layer), options_of("b 128"));
}

Change codes_to(const std::function<int(int)>& f) {
  return [f](Weights& w) {
    w.codes = w.codes.mapped([&](std::uint8_t code) { return static_cast<std::uint8_t>(f(code)); });
  };
}

Change codes_from(const std::function<std::pair<int, int>(int, int)>& source) {
  return [source](Weights& w) { w.codes = sourced(w.codes, source); };
}

Change zeros_to(const std::function<int(int, int, int)>& f) {
  return [f](Weights& w) {
    const auto zeros = w.zeros.empty() ? Grid<std::uint8_t>::filled(w.groups(), w.N, 8) : w.zeros;
    w.zeros = Grid<std::uint8_t>::from(zeros.rows(), zeros.cols(), [&](int g, int n) { return f(g, n, zeros(g, n)); });
  };
}

Change zeros_from(const std::function<std::pair<int, int>(int, int)>& source) {
  return [source](Weights& w) { w.zeros = sourced(w.zeros, source); };
}

Change scales_to(const std::function<std::uint16_t(int, int, std::uint16_t)>& f) {
  return [f](Weights& w) {
    w.scales = Grid<std::uint16_t>::from(w.scales.rows(), w.scales.cols(),
                                         [&](int g, int n) { return n < w.N ? f(g, n, w.scales(g, n)) : 0; });
  };
}

Change scales_from(const std::function<std::pair<int, int>(int, int)>& source) {
  return [source](Weights& w) { w.scales = sourced(w.scales, source); };
}

Change scales_times(double gain) {
  return [gain](Weights& w) {
    w.scales = w.scales.mapped(
        [&](std::uint16_t bits) { return bits_of(static_cast<float>(gain * value_of(bits, w.dtype)), w.dtype); });
  };
}

Change scale_places_from(const std::function<int(int)>& source) {
  return [source](Weights& w) {
    w.ordered_scales =
        sourced(w.ordered_scales, [&](int g, int p) { return std::pair(g, p / 64 * 64 + source(p % 64)); });
  };
}

Change zero_places_from(const std::function<int(int)>& source) {
  return [source](Weights& w) {
    w.ordered_zeros = words_of(
        sourced(nibbles_of(w.ordered_zeros), [&](int g, int p) { return std::pair(g, p / 64 * 64 + source(p % 64)); }));
  };
}

Change blocks_from(const std::function<std::pair<int, int>(int, int)>& source) {
  return [source](Weights& w) {
    const int cols = w.padded_N() / 16;
    w.tiles = sourced(w.tiles, [&](int block, int cell) {
      const auto [row, col] = source(block / cols, block % cols);
      return std::pair(row * cols + col, cell);
    });
  };
}

Change places_from(const std::function<int(int)>& source) {
  return [source](Weights& w) {
    w.packed = words_of(
        sourced(nibbles_of(w.packed), [&](int r, int p) { return std::pair(r, p / 1024 * 1024 + source(p % 1024)); }));
  };
}

Change rows_to(const std::function<std::vector<int>(const std::vector<int>&)>& rows) {
  return [rows](Weights& w) {
    const auto right = right_rows(w), order = rows(right);
    std::vector<int> place(right.size());
    for (std::size_t i = 0; i < right.size(); ++i) place[static_cast<std::size_t>(right[i])] = static_cast<int>(i);
    w.codes = sourced(w.codes, [&](int k, int n) {
      return std::pair(place[static_cast<std::size_t>(order[static_cast<std::size_t>(k)])], n);
    });
  };
}

Change perm_to(const std::function<std::vector<int>(const std::vector<int>&)>& perm) {
  return [perm](Weights& w) {
    const auto order = perm(right_rows(w));
    w.column_order = Grid<std::int32_t>::from(1, w.K, [&](int, int i) { return order[static_cast<std::size_t>(i)]; });
  };
}

std::function<void(Packed&)> words_to(const std::function<std::uint32_t(int, int, std::uint32_t)>& f) {
  return [f](Packed& packed) {
    const auto words = packed.words;
    packed.words =
        Grid<std::uint32_t>::from(words.rows(), words.cols(), [&](int r, int w) { return f(r, w, words(r, w)); });
  };
}

std::string text_of(const cases::packed::PackedFinding& finding) {
  std::string text;
  for (const auto& culprit : finding.culprits) {
    text += culprit.stage + ": " + culprit.fault + "\n";
    for (const std::string& line : culprit.evidence) text += "    " + line + "\n";
  }
  return text;
}

}  // namespace w4::test
