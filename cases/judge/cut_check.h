// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "repack/stages/weights.h"

#include <cstddef>
#include <string>

namespace w4::cases::judge {

/// A cut compared with the layer that it was cut out of.
struct CutCheck {
  std::size_t compared = 0;  // codes with their scale and zero point, and entries of bias
  std::size_t wrong = 0;
  std::string first;  // "(k=0, n=8) of the slice is (k=192, n=8) of the layer: scale 0x2895 where 0x256e is right"
};

/// Whether every weight of the cut is the layer's where it was cut: the same code, scale and zero point, group by
/// group as each of the two says which group a row is in; and the bias with rank 0 alone where rows are cut. By the
/// definitions of design.md, section 3, and calling nothing in repack/ or fixtures/layer/cut.h. A whole layer is right.
CutCheck check_cut(const repack::Weights& cut);

}  // namespace w4::cases::judge
