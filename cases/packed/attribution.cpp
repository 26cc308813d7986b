// SPDX-License-Identifier: Apache-2.0
#include "cases/packed/attribution.h"

#include "cases/packed/sources.h"

#include <fmt/format.h>

namespace w4::cases::packed {
namespace {

/// Row and column in a tile of one of its 1024 codes, four blocks one after another.
std::pair<int, int> in_tile(int q) { return {q % 256 / 16, q / 256 * 16 + q % 16}; }

/// Which stored row stands where stored row k belongs.
RowOrder stored_rows(const RowOrder& rows, const RowsRight& right) {
  RowOrder out(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) out[static_cast<std::size_t>(right.rows[i])] = rows[i];
  return out;
}

std::string like_table(const std::string& text) {
  if (text.find('^') != std::string::npos) return "like code-twos-complement: " + text;
  if (text.starts_with("codes + ") || text.starts_with("codes - ") || text.find("clipped") != std::string::npos)
    return fmt::format("like nibble-spill: {}{}", text,
                       text.ends_with("+ 1, clipped at 15") ? " instead of wrapped" : "");
  return text;
}

}  // namespace

PackedWay table_way(const WordsModel& model) {
  const std::string text = text_of_table(model.table, "codes", counts_of(model.codes));
  PackedWay way{.stage = StageId::codes, .fault = like_table(text)};
  way.evidence.push_back("every code is the same function of ours: " + text);
  CodeTable flipped;
  for (std::size_t code = 0; code < flipped.size(); ++code) flipped[code] = static_cast<std::uint8_t>(code ^ 8);
  if (model.table == flipped) way.fault = way.variant = "code-twos-complement";
  const std::string back = undo_list(model.table);
  if (!back.empty() && !model.padded()) way.undo = fmt::format("{}B = word({}[nib(B)])", kNibbles, back);
  return way;
}

std::optional<PackedWay> slots_inside_tiles(const FragmentMap& map, const repack::Weights& before, bool ordered) {
  const bool columns = before.format == fixtures::Format::awq;
  if (!columns && ordered) return std::nullopt;
  RowOrder order(static_cast<std::size_t>(columns ? repack::kTileN : repack::kTileK), -1);
  const FragmentMap reference = reference_fragments();
  for (std::size_t p = 0; p < map.size(); ++p) {
    const auto [k, n] = in_tile(reference[p]);
    const auto [from_k, from_n] = in_tile(map[p]);
    int& from = order[static_cast<std::size_t>(columns ? n : k)];
    const int here = columns ? from_n : from_k;
    if ((columns ? from_k != k : from_n != n) || (from >= 0 && from != here)) return std::nullopt;
    from = here;
  }
  return slots_way(before, order);
}

RowsWay rows_way(const RowOrder& order, const RowOrder& perm, const RowsRight& right, const repack::Weights& before) {
  if (order == right.rows || order == perm) return {std::nullopt, order};
  if (is_permutation(order))
    if (const auto slots = slots_way(before, stored_rows(order, right))) return {slots, right.rows};
  if (right.ordered) return {std::nullopt, order};
  return {PackedWay{.stage = StageId::codes, .fault = "rows of the codes are " + text_of_rows(order, right)},
          right.rows};
}

}  // namespace w4::cases::packed
