// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "repack/packed.h"

namespace w4::repack {

/// The reference repack of every stage with the work on codes in one pass: the same bits as the chain, without the
/// arrays between. What repack() uses when the recipe asks for nothing else.
Packed repack_fused(const fixtures::Layer& layer);

}  // namespace w4::repack
