// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace w4::cases::probe {

/// A map of indices that is affine over the bits of the index: bit j of the image is the parity of index & masks[j],
/// flipped where constant says so. Layout permutations of tiles and fragments are of this kind.
struct BitMap {
  std::vector<std::uint32_t> masks;  // per bit of the image, which bits of the index it is made of
  std::uint32_t constant = 0;

  std::uint32_t operator()(std::uint32_t index) const;
  bool invertible() const;
  friend bool operator==(const BitMap&, const BitMap&) = default;
};

/// The bit map behind a table of 2^bits images, when there is one.
std::optional<BitMap> bit_map_of(const std::vector<std::uint32_t>& images);

/// "k0 = n3, n3 = k0 ^ n1 ^ 1", the bits that change; `names`: of the bits, from the lowest.
std::string text_of(const BitMap& map, const std::vector<std::string>& names);

}  // namespace w4::cases::probe
