// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/dtype.h"

#include <bit>
#include <cstdint>

namespace w4::kernel::lane_model {

/// The NaN that GPU conversions to either type write; it differs from every fill and guard.
inline constexpr std::uint16_t kCanonicalNan = 0x7FFF;

/// fp16 bits to their value.
constexpr float fp16_value(std::uint16_t bits) {
  const std::uint32_t sign = std::uint32_t{bits} << 16 & 0x80000000u;
  const std::uint32_t magnitude = bits & 0x7FFFu;
  if (magnitude < 0x0400) {  // subnormal: a multiple of 2^-24
    const float value = static_cast<float>(magnitude) * 0x1p-24f;
    return sign != 0 ? -value : value;
  }
  const std::uint32_t rebias = magnitude < 0x7C00 ? 112u << 23 : 224u << 23;
  return std::bit_cast<float>(sign | ((magnitude << 13) + rebias));
}

/// `value` rounded to nearest even as fp16, still a float. Overflow gives an infinity.
constexpr float round_to_fp16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits & 0x80000000u;
  const std::uint32_t magnitude = bits ^ sign;
  if (magnitude >= 0x7F800000u) return value;
  if (magnitude < 0x38800000u) {  // below 2^-14: floats near 0.75 are 2^-24 apart, as fp16's subnormals are
    const float rounded = (std::bit_cast<float>(magnitude) + 0.75f) - 0.75f;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(rounded) | sign);
  }
  const std::uint32_t rounded = (magnitude + 0x0FFFu + (magnitude >> 13 & 1)) & ~0x1FFFu;
  return std::bit_cast<float>(sign | (rounded >= 0x47800000u ? 0x7F800000u : rounded));
}

/// `value` rounded to nearest even as bf16, still a float.
constexpr float round_to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7FFFFFFFu) >= 0x7F800000u) return value;
  return std::bit_cast<float>((bits + 0x7FFFu + (bits >> 16 & 1)) & 0xFFFF0000u);
}

/// One rounding to the 16-bit type of a layer, fp16 or bf16.
constexpr float rounded(float value, DType type) {
  return type == DType::bf16 ? round_to_bf16(value) : round_to_fp16(value);
}

/// The bits of rounded(value, type) as a GPU stores them: every NaN is the canonical one.
constexpr std::uint16_t stored_bits(float value, DType type) {
  if (value != value) return kCanonicalNan;
  const auto bits = std::bit_cast<std::uint32_t>(rounded(value, type));
  if (type == DType::bf16) return static_cast<std::uint16_t>(bits >> 16);
  const std::uint32_t sign = bits >> 16 & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude >= 0x7F800000u) return static_cast<std::uint16_t>(sign | 0x7C00u);
  if (magnitude < 0x38800000u)
    return static_cast<std::uint16_t>(sign | static_cast<std::uint32_t>(std::bit_cast<float>(magnitude) * 0x1p24f));
  return static_cast<std::uint16_t>(sign | (magnitude - (112u << 23)) >> 13);
}

/// The value of 16 bits of a layer's type.
constexpr float loaded_value(std::uint16_t bits, DType type) {
  return type == DType::bf16 ? std::bit_cast<float>(std::uint32_t{bits} << 16) : fp16_value(bits);
}

}  // namespace w4::kernel::lane_model
