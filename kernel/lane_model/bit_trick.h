// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/layer/codes.h"
#include "kernel/lane_model/rounding.h"

namespace w4::kernel::lane_model {

// A code in the low bits of a mantissa is a number already, plus the number that the other bits stand for.

inline constexpr std::uint16_t kFp16At1024 = 0x6400;  // 1024 + code: fp16 near 1024 is 1 apart
inline constexpr std::uint16_t kBf16At128 = 0x4300;   // 128 + code: bf16 near 128 is 1 apart

/// Bits of the code in the lower nibble of a byte: 1024 + code, or 128 + code in bf16.
constexpr std::uint16_t low_nibble_bits(int code, DType type) {
  return static_cast<std::uint16_t>((type == DType::bf16 ? kBf16At128 : kFp16At1024) | code);
}

/// Bits of the code in the upper nibble, left where it is: 1024 + 16 * code. fp16 only: bf16 has too few bits, and
/// shifts.
constexpr std::uint16_t high_nibble_bits(int code) {
  return static_cast<std::uint16_t>(kFp16At1024 | code << kBitsPerCode);
}

/// code - zero, as a lane computes it: exact, a small integer in either type.
constexpr float code_less_zero(int code, int zero, bool high_nibble, DType type) {
  if (type == DType::bf16) return loaded_value(low_nibble_bits(code, type), type) - static_cast<float>(128 + zero);
  if (!high_nibble) return fp16_value(low_nibble_bits(code, type)) - static_cast<float>(1024 + zero);
  return fp16_value(high_nibble_bits(code)) * 0.0625f - static_cast<float>(64 + zero);
}

static_assert([] {  // every code and zero point, either nibble, either type
  for (int code = 0; code < 16; ++code)
    for (int zero = 0; zero < 16; ++zero)
      for (const DType type : {DType::fp16, DType::bf16})
        for (const bool high : {false, true})
          if (code_less_zero(code, zero, high, type) != static_cast<float>(code - zero)) return false;
  return true;
}());

}  // namespace w4::kernel::lane_model
