// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/lane_model/lane_model.h"
#include "kernel/lane_model/lanes.h"

#include <span>

namespace w4::kernel::lane_model {

/// Codes to values: `reference`, or a known wrong way.
enum class DequantWay {
  reference,
  zp_double_bias8,  // the branch for many rows subtracts 8, as for a symmetric layer, and the zero point too
  zp_float_sign,    // the zero point is added
  zp_noninteger,    // a symmetric layer is centred at 7.5
};

/// The ways, in the order of DequantWay.
std::span<const Variant> dequant_variants();

// Tables: 8 scales of a lane times 16 codes, computed once.

/// Scales and zero points of a 64-column strip, as staged: by place in the kernel's order.
struct StagedScales {
  std::uint16_t scales[kStripN] = {};                 // by place; unused when one group is scaled in the epilogue
  std::uint32_t zeros[kStripN / kCodesPerWord] = {};  // by place, interleaved inside each 8
  bool grouped = true;
  bool symmetric = true;
};

/// The zero point of a place: slot i of a word holds place 0, 2, 4, 6, 1, 3, 5, 7 of its eight, so that dequantising
/// the word as if it held codes yields the eight in order.
constexpr int zero_of_place(const StagedScales& staged, int place) {
  if (staged.symmetric) return kSymmetricZero;
  return code_at(staged.zeros[place / kCodesPerWord], lop3_slot(place % kCodesPerWord));
}

/// Value of every code at every place, floats that fp16 or bf16 holds.
struct CodeValues {
  float at[kStripN][kCodeMask + 1];
  bool finite = true;  // all of them
};

/// The operand B of a warp for 16 rows of K.
struct WarpB {
  alignas(32) float at[repack::kTileK][kStripN];
  bool finite = true;  // all of it
};

/// The table for the staged scales. `rows`: of the problem.
CodeValues code_values(const StagedScales& staged, DType type, DequantWay way, int rows);

/// The 128 words of a tile, lane by lane, to the B fragments of the warp.
void dequant(const std::uint32_t* words, const CodeValues& values, WarpB& b);

}  // namespace w4::kernel::lane_model
