// SPDX-License-Identifier: Apache-2.0
#include "cases/packed/sources.h"

#include "cases/probe/index_formula.h"
#include "fixtures/parallel.h"
#include "repack/stages/codes.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>

namespace w4::cases::packed {
namespace {

using fixtures::Format;
using repack::Weights;
using Hashes = std::vector<std::uint64_t>;

Codes transposed(const Codes& codes) {
  return Codes::from(codes.cols(), codes.rows(), [&](int r, int c) { return codes(c, r); });
}

/// Words of (rows, cols / 8) or (rows / 8, cols) read along the other axis with their slots in an order.
Codes other_axis(const Weights& w, const std::function<int(int)>& slot) {
  const Codes natural = repack::codes::reference(w).codes;
  if (w.format == Format::gptq) {  // (K, N / 8)
    const auto words = repack::codes::with_shape(w.words, w.K, w.N / kCodesPerWord);
    return Codes::from(w.K, w.N, [&](int k, int n) { return code_at(words(k, n / 8), slot(n % 8)); });
  }
  const auto words = repack::codes::with_shape(w.words, w.K / kCodesPerWord, w.N);
  return Codes::from(w.K, w.N, [&](int k, int n) { return code_at(words(k / 8, n), slot(k % 8)); });
}

PackedWay codes_way(std::string fault, std::string variant = "") {
  return {.stage = StageId::codes, .fault = std::move(fault), .variant = std::move(variant)};
}

Codes sorted_codes(const Codes& codes, const RowOrder& rows) {
  return Codes::from(codes.rows(), codes.cols(),
                     [&](int k, int n) { return codes(rows[static_cast<std::size_t>(k)], n); });
}

}  // namespace

std::vector<CodesWay> likely_codes(const Weights& before, const RowOrder& rows) {
  const auto reference = [before] { return repack::codes::reference(before).codes; };
  std::vector<CodesWay> all = {{reference}};
  for (const repack::Variant& variant : repack::stage_of(StageId::codes).variants.subspan(1)) {
    const auto apply = variant.apply;
    all.push_back({[before, apply] { return apply(before).codes; },
                   codes_way(std::string(variant.fault), std::string(variant.id))});
  }
  // The matrix turned after the rows are sorted, as `tiles` does it in its known way.
  PackedWay turned{.stage = StageId::tiles, .fault = "repack-transpose", .variant = "repack-transpose"};
  all.push_back({[=] {
                   const Codes codes = sorted_codes(reference(), rows);
                   return Codes::from(codes.rows(), codes.cols(), [&](int k, int n) {
                     return codes[static_cast<std::size_t>(n) * static_cast<std::size_t>(codes.rows()) +
                                  static_cast<std::size_t>(k)];
                   });
                 },
                 turned, true});
  all.push_back(
      {[=] {
         const Codes codes = reference();
         return repack::codes::with_shape(transposed(codes), codes.rows(), codes.cols());
       },
       codes_way("like repack-transpose: the codes are transposed, and the buffer (N, K) is taken for (K, N)")});
  const bool whole_words = before.K % kCodesPerWord == 0 && before.N % kCodesPerWord == 0;
  if (whole_words && (before.format == Format::gptq || before.format == Format::awq)) {
    all.push_back({[=] { return other_axis(before, [](int i) { return 7 - i; }); },
                   codes_way("like pack-axis-kn: words are read along the other axis, slots in reverse order")});
    all.push_back({[=] { return other_axis(before, awq_slot); },
                   codes_way("like pack-axis-kn: words are read along the other axis, slots in AWQ's order")});
  }
  return all;
}

Codes read_codes(const WordsModel& model, const Grid<std::uint32_t>& words) {
  Codes blocks = Codes::made(model.padded_K, model.padded_N, [&](std::span<std::uint8_t> out) {
    for_each_index(model.tiles(), [&](int t) {
      TileCodes codes;
      read_tile(words, t, model.fragments, codes);
      const int k0 = t / model.tiles_n() * repack::kTileK, n0 = t % model.tiles_n() * repack::kTileN;
      for (std::size_t q = 0; q < codes.size(); ++q) {
        const int block = static_cast<int>(q) / 256, cell = static_cast<int>(q) % 256;
        out[static_cast<std::size_t>(k0 + cell / 16) * static_cast<std::size_t>(model.padded_N) +
            static_cast<std::size_t>(n0 + 16 * block + cell % 16)] = codes[q];
      }
    });
  });
  if (!model.padded()) return blocks;
  return Codes::from(model.K, model.N, [&](int k, int n) { return blocks(k, n); });
}

namespace {

Hashes row_hashes(const Codes& codes, const CodeTable& table) {
  Hashes hashes(static_cast<std::size_t>(codes.rows()));
  for (int k = 0; k < codes.rows(); ++k)
    for (const std::uint8_t code : codes.row(k)) {
      std::uint64_t& hash = hashes[static_cast<std::size_t>(k)];
      hash = (hash ^ table[code]) * 0x9E3779B97F4A7C15 + 1, hash ^= hash >> 29;
    }
  return hashes;
}

Hashes column_hashes(const Codes& codes, const CodeTable& table, const RowOrder& rows) {
  Hashes hashes(static_cast<std::size_t>(codes.cols()));
  for (int k = 0; k < codes.rows(); ++k) {
    const auto row = codes.row(rows.empty() ? k : rows[static_cast<std::size_t>(k)]);
    for (std::size_t n = 0; n < hashes.size(); ++n)
      hashes[n] = (hashes[n] ^ table[row[n]]) * 0x9E3779B97F4A7C15 + 1, hashes[n] ^= hashes[n] >> 29;
  }
  return hashes;
}

/// The source of each place; own places first, then the first that has the same contents. None: most have none.
std::optional<std::vector<int>> content_sources(const Hashes& got, const Hashes& want, const RowOrder& own) {
  std::unordered_map<std::uint64_t, int> places;
  for (std::size_t i = want.size(); i-- > 0;) places[want[i]] = static_cast<int>(i);
  std::vector<int> sources;
  std::size_t lost = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const int here = own.empty() ? static_cast<int>(i) : own[i];
    const auto found = places.find(got[i]);
    lost += found == places.end();
    const bool keeps = found == places.end() || want[static_cast<std::size_t>(here)] == got[i];
    sources.push_back(keeps ? here : found->second);
  }
  if (2 * lost >= got.size()) return std::nullopt;
  return sources;
}

}  // namespace

std::optional<RowOrder> solved_rows(const WordsModel& model, const Codes& read) {
  return content_sources(row_hashes(read, identity_table()), row_hashes(model.codes, model.table), model.rows);
}

std::optional<CodesWay> solved_columns(const WordsModel& model, const Codes& read) {
  const auto sources = content_sources(column_hashes(read, identity_table(), {}),
                                       column_hashes(model.codes, model.table, model.rows), {});
  if (!sources || *sources == identity_order(model.N)) return std::nullopt;
  std::string text = probe::formula_of(*sources, model.N, "n");
  if (text.empty()) {
    std::size_t first = 0;
    while ((*sources)[first] == static_cast<int>(first)) ++first;
    text = fmt::format("other columns, first column {} at {}", (*sources)[first], first);
  }
  const Codes codes = model.codes;
  return CodesWay{[codes, from = *sources] {
                    return Codes::from(codes.rows(), codes.cols(),
                                       [&](int k, int n) { return codes(k, from[static_cast<std::size_t>(n)]); });
                  },
                  codes_way("column n of the codes is column " + text)};
}

namespace {

/// Codes (K, N), rows as stored, as words in the shape of the checkpoint.
Grid<std::uint32_t> words_of(const Weights& like, const Codes& codes) {
  return Grid<std::uint32_t>::from(like.words.rows(), like.words.cols(), [&](int r, int c) {
    std::uint32_t word = 0;
    for (int slot = 0; slot < kCodesPerWord; ++slot) {
      const int inside = like.format == Format::awq ? awq_column(slot) : slot;
      const int k = like.format == Format::gptq ? 8 * r + inside : like.format == Format::awq ? r : 8 * c + inside;
      const int n = like.format == Format::gptq ? c : like.format == Format::awq ? 8 * c + inside : r;
      word |= std::uint32_t{codes(k, n)} << (kBitsPerCode * slot);
    }
    return word;
  });
}

std::uint32_t changed(std::uint32_t word, const CodeTable& table) {
  std::uint32_t out = 0;
  for (int slot = 0; slot < kCodesPerWord; ++slot)
    out |= std::uint32_t{table[static_cast<std::size_t>(code_at(word, slot))]} << (kBitsPerCode * slot);
  return out;
}

constexpr int kSampledWords = 512;  // whose addresses are looked up

/// Addresses in `stored` of some words of `read`: -1 where a word occurs nowhere, or more than once.
std::map<int, int> addresses(const Grid<std::uint32_t>& read, const Grid<std::uint32_t>& stored) {
  std::unordered_map<std::uint32_t, int> wanted;
  const std::size_t step = std::max<std::size_t>(1, read.size() / kSampledWords);
  for (std::size_t i = 0; i < read.size(); i += step) wanted.emplace(read[i], -1);
  for (std::size_t c = 0; c < std::min<std::size_t>(read.size(), kSampledWords); ++c) wanted.emplace(read[c], -1);
  for (std::size_t i = 0; i < stored.size(); ++i)
    if (const auto found = wanted.find(stored[i]); found != wanted.end())
      found->second = found->second == -1 ? static_cast<int>(i) : -2;
  std::map<int, int> known;
  for (std::size_t i = 0; i < read.size(); ++i)
    if (const auto found = wanted.find(read[i]); found != wanted.end() && found->second >= 0)
      known[static_cast<int>(i)] = found->second;
  return known;
}

/// address = row * a + col * b + c for all known addresses of a matrix of that many columns.
struct Stride {
  long long a = 0, b = 0, c = 0;
  long long at(long long index, int cols) const { return index / cols * a + index % cols * b + c; }
};

std::optional<Stride> word_stride(const std::map<int, int>& known, int cols) {
  for (auto i = known.begin(); i != known.end(); ++i) {
    const auto beside = known.find(i->first + 1);
    if (beside == known.end() || beside->first % cols == 0) continue;
    Stride stride{.b = beside->second - i->second};
    for (const auto& [place, address] : known) {  // any other row gives the step between rows
      const int rows = place / cols - i->first / cols;
      if (rows == 0) continue;
      const long long step = address - i->second - stride.b * (place % cols - i->first % cols);
      if (step % rows != 0) return std::nullopt;
      stride.a = step / rows;
      stride.c = i->second - stride.at(i->first, cols);
      const auto wrong =
          std::ranges::count_if(known, [&](const auto& one) { return stride.at(one.first, cols) != one.second; });
      if (4 * static_cast<std::size_t>(wrong) > known.size()) return std::nullopt;
      return stride;
    }
    return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

std::optional<CodesWay> solved_words(const Weights& before, const WordsModel& model, const Codes& read) {
  if (before.words.empty()) return std::nullopt;
  const Codes stored_rows = model.rows.empty() ? read : sorted_codes(read, inverse_of(model.rows));
  const Grid<std::uint32_t> got = words_of(before, stored_rows);
  const CodeTable table = model.table;
  const Grid<std::uint32_t> stored = before.words.mapped([&](std::uint32_t word) { return changed(word, table); });
  const int cols = got.cols();
  const auto stride = word_stride(addresses(got, stored), cols);
  if (!stride || (stride->a == cols && stride->b == 1 && stride->c == 0)) return std::nullopt;
  const auto size = static_cast<long long>(stored.size());
  std::size_t outside = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const long long at = stride->at(static_cast<long long>(i), cols);
    outside += at < 0 || at >= size;
  }
  const std::string text = fmt::format("word (r, c) of qweight is read at r * {}{}{} where r * {} + c is right",
                                       stride->a, stride->b == 1 ? " + c" : fmt::format(" + c * {}", stride->b),
                                       stride->c == 0 ? "" : fmt::format(" + {}", stride->c), cols);
  Weights moved = before;
  const Grid<std::uint32_t> words = before.words;
  moved.words = Grid<std::uint32_t>::from(words.rows(), cols, [&](int r, int c) {
    const long long at = stride->at(1LL * r * cols + c, cols);
    return words[static_cast<std::size_t>((at % size + size) % size)];
  });
  PackedWay way = codes_way(text);
  if (outside > 0) way.evidence.push_back(fmt::format("{} words lie outside qweight", outside));
  return CodesWay{[moved] { return repack::codes::reference(moved).codes; }, way};
}

std::optional<PackedWay> slots_way(const Weights& before, const RowOrder& order) {
  const int slots = before.format == Format::pair_packed ? 2 : kCodesPerWord;
  if (order.size() % static_cast<std::size_t>(slots) != 0) return std::nullopt;
  std::vector<int> first(order.begin(), order.begin() + slots);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto inside = i % static_cast<std::size_t>(slots);
    if (first[inside] >= slots || order[i] != static_cast<int>(i - inside) + first[inside]) return std::nullopt;
  }
  return codes_way(
      fmt::format("like nibble-order-awq-gptq: slots of a word are read in the order {}", fmt::join(first, " ")));
}

}  // namespace w4::cases::packed
