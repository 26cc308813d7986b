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

/// Whether every weight of the cut equals the layer's at the place it was cut from: code, scale and zero point, each
/// side by its own group indices. Where rows are cut, rank 0 alone has the bias. Written from the definitions of
/// design.md, section 3; calls nothing in repack/ or fixtures/layer/cut.h. A whole layer is right.
CutCheck check_cut(const repack::Weights& cut);

}  // namespace w4::cases::judge
