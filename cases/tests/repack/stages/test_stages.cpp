// SPDX-License-Identifier: Apache-2.0
// Each stage of the reference against design.md section 3, spelled out here, on every kind of layer.

#include "cases/tests/repack/made_layer.h"

#include <doctest/doctest.h>

#include <vector>

namespace w4::repack_tests {
namespace {

using repack::Weights;

struct Walked {
  Spec spec;
  Made made;
  std::map<StageId, Weights> after;
  bool one_group() const { return spec.group_size == spec.K; }
  bool ordered() const { return spec.act_order && !one_group(); }
  int Kp() const { return (spec.K + 63) / 64 * 64; }
  int Np() const { return (spec.N + 63) / 64 * 64; }
  int kernel_groups() const { return one_group() ? 1 : Kp() / spec.group_size; }
};

template <class Check>
void on_every_layer(const Check& check) {
  for (const Spec& spec : all_specs()) {
    CAPTURE(text_of(spec));
    Walked walked{.spec = spec, .made = made(spec), .after = {}};
    walked.after = chain(walked.made.layer);
    check(walked);
  }
}

/// Stored rows in the order of their groups, by looking for each group in turn.
std::vector<int> rows_by_group(const fixtures::PlainLayer& plain) {
  std::vector<int> rows;
  for (int group = 0; group < plain.scales.rows(); ++group)
    for (int k = 0; k < plain.codes.rows(); ++k)
      if (plain.g_idx(0, k) == group) rows.push_back(k);
  return rows;
}

TEST_CASE("checkpoint: nothing stored changes and the kernel's group size is the layer's") {
  on_every_layer([](const Walked& w) {
    const Weights stored = repack::weights_of(w.made.layer);
    const Weights& after = w.after.at(StageId::checkpoint);
    CHECK(after.kernel_group_size == w.spec.group_size);
    CHECK(after.group_size == w.spec.group_size);
    CHECK(after.words == stored.words);
    CHECK(after.pairs == stored.pairs);
    CHECK(after.zero_words == stored.zero_words);
    CHECK(after.stored_scales == stored.stored_scales);
    CHECK(after.g_idx == stored.g_idx);
  });
}

TEST_CASE("codes: every format gives back the codes it was made of") {
  on_every_layer([](const Walked& w) { CHECK(w.after.at(StageId::codes).codes == w.made.plain.codes); });
}

TEST_CASE("zero_points: v1 and v2 and plain ones are decoded and symmetric layers have none") {
  on_every_layer([](const Walked& w) {
    if (w.spec.symmetric)
      CHECK(w.after.at(StageId::zero_points).zeros.empty());
    else
      CHECK(w.after.at(StageId::zero_points).zeros == w.made.plain.zeros);
  });
}

TEST_CASE("zero_points: what a symmetric layer stores is ignored") {
  for (const Format format : {Format::gptq, Format::awq, Format::compressed_tensors}) {
    const Made stray = made({.format = format, .K = 256, .N = 64, .group_size = 128, .stray_zeros = true});
    const Made sound = made({.format = format, .K = 256, .N = 64, .group_size = 128});
    CHECK(same(chained(stray.layer), chained(sound.layer)));
  }
}

TEST_CASE("zero_points: a pair-packed layer with 8 everywhere is symmetric") {
  Made m = made({.format = Format::pair_packed, .K = 128, .N = 64, .group_size = 32, .dtype = DType::bf16});
  m.layer.symmetric = false;
  CHECK(chain(m.layer).at(StageId::zero_points).zeros.empty());
}

TEST_CASE("act_order: rows are sorted by group and keep their order inside it") {
  on_every_layer([](const Walked& w) {
    const Weights& after = w.after.at(StageId::act_order);
    std::vector<int> rows(static_cast<std::size_t>(w.spec.K));
    for (int k = 0; k < w.spec.K; ++k) rows[static_cast<std::size_t>(k)] = k;
    if (w.ordered()) rows = rows_by_group(w.made.plain);
    CHECK(after.row_order.empty() == !w.ordered());
    CHECK(after.column_order == after.row_order);
    int wrong = 0;
    for (int i = 0; i < w.spec.K; ++i) {
      const int stored = rows[static_cast<std::size_t>(i)];
      if (w.ordered()) wrong += after.row_order(0, i) != stored;
      wrong += after.row_group(0, i) != (w.ordered() ? w.made.plain.g_idx(0, stored) : i / w.spec.group_size);
      for (int n = 0; n < w.spec.N; ++n) wrong += after.codes(i, n) != w.made.plain.codes(stored, n);
    }
    CHECK(wrong == 0);
  });
}

TEST_CASE("scales: each kernel group has its own and the padding has none") {
  on_every_layer([](const Walked& w) {
    const Weights& after = w.after.at(StageId::scales);
    CHECK(after.scales == Grid<std::uint16_t>::from(w.kernel_groups(), w.Np(), [&](int g, int n) {
            const bool real = g < w.made.plain.scales.rows() && n < w.spec.N;
            return real ? w.made.plain.scales(g, n) : std::uint16_t{0};
          }));
    CHECK(after.kernel_zeros.empty() == w.spec.symmetric);
    if (w.spec.symmetric) return;
    CHECK(after.kernel_zeros == Grid<std::uint8_t>::from(w.kernel_groups(), w.Np(), [&](int g, int n) {
            const bool real = g < w.made.plain.zeros.rows() && n < w.spec.N;
            return real ? w.made.plain.zeros(g, n) : std::uint8_t{8};
          }));
  });
}

TEST_CASE("scale_order: a group as large as K uses the per-column order") {
  const Made m = made({.K = 128, .N = 64, .group_size = 128});
  const Weights after = chain(m.layer).at(StageId::scale_order);
  const int first[] = {0, 1, 8, 9, 16, 17, 24, 25, 2, 3};  // as published
  for (int place = 0; place < 10; ++place) CHECK(after.ordered_scales(0, place) == m.plain.scales(0, first[place]));
}

TEST_CASE("scale_order: places hold the columns of the closed forms") {
  on_every_layer([](const Walked& w) {
    const Weights& before = w.after.at(StageId::scales);
    const Weights& after = w.after.at(StageId::scale_order);
    const auto grouped = [](int p) { return p / 64 * 64 + p % 64 / 8 + 8 * (p % 8); };
    const auto single = [](int p) { return p / 32 * 32 + 2 * (p % 32 / 8) + p % 2 + 8 * (p % 8 / 2); };
    CHECK(after.ordered_scales == Grid<std::uint16_t>::from(w.kernel_groups(), w.Np(), [&](int g, int p) {
            return before.scales(g, w.one_group() ? single(p) : grouped(p));
          }));
    CHECK(after.ordered_zeros.empty() == w.spec.symmetric);
    if (w.spec.symmetric) return;
    CHECK(after.ordered_zeros == Grid<std::uint32_t>::from(w.kernel_groups(), w.Np() / 8, [&](int g, int c) {
            const int order[] = {0, 2, 4, 6, 1, 3, 5, 7};
            std::uint32_t word = 0;
            for (int i = 0; i < 8; ++i)
              word |= static_cast<std::uint32_t>(before.kernel_zeros(g, grouped(8 * c + order[i]))) << 4 * i;
            return word;
          }));
  });
}

TEST_CASE("tiles: blocks of 16 rows lie one after another and padding holds its zero point") {
  on_every_layer([](const Walked& w) {
    const Weights& before = w.after.at(StageId::scale_order);
    const int blocks_n = w.Np() / 16;
    CHECK(w.after.at(StageId::tiles).tiles ==
          Grid<std::uint8_t>::from(w.Kp() / 16 * blocks_n, 256, [&](int block, int cell) {
            const int k = block / blocks_n * 16 + cell / 16;
            const int n = block % blocks_n * 16 + cell % 16;
            if (k < w.spec.K && n < w.spec.N) return int{before.codes(k, n)};
            return w.spec.symmetric ? 8 : int{before.kernel_zeros(w.one_group() ? 0 : k / w.spec.group_size, n)};
          }));
  });
}

TEST_CASE("fragments: lane and word and slot hold the code of the closed form") {
  on_every_layer([](const Walked& w) {
    const Grid<std::uint8_t>& tiles = w.after.at(StageId::tiles).tiles;
    CHECK(w.after.at(StageId::fragments).packed ==
          Grid<std::uint32_t>::from(w.Kp() / 16, 2 * w.Np(), [&](int row, int column) {
            const int lane = column % 128 / 4;
            const int j = column % 4;
            std::uint32_t word = 0;
            for (int b = 0; b < 8; ++b) {
              const int e = 2 * (b % 4) + b / 4;
              const int k = 2 * (lane % 4) + e % 2 + 8 * ((e / 2) % 2);
              const int n = column / 128 * 64 + 16 * j + lane / 4 + 8 * (e / 4);
              const auto code = tiles(row * (w.Np() / 16) + n / 16, k % 16 * 16 + n % 16);
              word |= static_cast<std::uint32_t>(code) << (4 * b);
            }
            return word;
          }));
  });
}

}  // namespace
}  // namespace w4::repack_tests
