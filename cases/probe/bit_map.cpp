// SPDX-License-Identifier: Apache-2.0
#include "cases/probe/bit_map.h"

#include <fmt/format.h>

#include <bit>

namespace w4::cases::probe {

std::uint32_t BitMap::operator()(std::uint32_t index) const {
  std::uint32_t image = constant;
  for (std::size_t bit = 0; bit < masks.size(); ++bit)
    image ^= static_cast<std::uint32_t>(std::popcount(index & masks[bit]) % 2) << bit;
  return image;
}

bool BitMap::invertible() const {
  std::vector<std::uint32_t> rows = masks;
  for (std::size_t bit = 0; bit < rows.size(); ++bit) {  // Gauss, one column of bits after the other
    std::size_t pivot = bit;
    while (pivot < rows.size() && (rows[pivot] >> bit & 1u) == 0) ++pivot;
    if (pivot == rows.size()) return false;
    std::swap(rows[bit], rows[pivot]);
    for (std::size_t other = 0; other < rows.size(); ++other)
      if (other != bit && (rows[other] >> bit & 1u) != 0) rows[other] ^= rows[bit];
  }
  return true;
}

std::optional<BitMap> bit_map_of(const std::vector<std::uint32_t>& images) {
  if (images.empty() || !std::has_single_bit(images.size())) return std::nullopt;
  const int bits = std::countr_zero(images.size());
  BitMap map{.masks = std::vector<std::uint32_t>(static_cast<std::size_t>(bits)), .constant = images[0]};
  for (int from = 0; from < bits; ++from) {
    const std::uint32_t changed = images[std::size_t{1} << from] ^ images[0];
    for (int to = 0; to < bits; ++to) map.masks[static_cast<std::size_t>(to)] |= (changed >> to & 1u) << from;
  }
  for (std::size_t i = 0; i < images.size(); ++i)
    if (map(static_cast<std::uint32_t>(i)) != images[i]) return std::nullopt;
  return map;
}

std::string text_of(const BitMap& map, const std::vector<std::string>& names) {
  std::vector<std::string> changes;
  for (std::size_t to = 0; to < map.masks.size(); ++to) {
    const bool flipped = (map.constant >> to & 1u) != 0;
    if (map.masks[to] == std::uint32_t{1} << to && !flipped) continue;
    std::vector<std::string> terms;
    for (std::size_t from = 0; from < names.size(); ++from)
      if ((map.masks[to] >> from & 1u) != 0) terms.push_back(names[from]);
    if (flipped || terms.empty()) terms.push_back(flipped ? "1" : "0");
    changes.push_back(fmt::format("{} = {}", names[to], fmt::join(terms, " ^ ")));
  }
  return fmt::format("{}", fmt::join(changes, ", "));
}

}  // namespace w4::cases::probe
