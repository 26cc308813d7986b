// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace w4::cases::judge {

// How stored words hold 4-bit numbers, from the formats' definitions (design.md, section 3) and not from repack.

/// Bits 4 * position .. 4 * position + 3.
inline int nibble(std::uint32_t word, int position) { return static_cast<int>((word >> (4 * position)) & 15u); }

/// AWQ's eight columns stand in the order 0 2 4 6 1 3 5 7: even columns in the low half, odd ones in the high half.
inline int awq_position(int column) { return column % 8 / 2 + (column % 2 == 0 ? 0 : 4); }

}  // namespace w4::cases::judge
