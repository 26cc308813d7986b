// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/layer/layer.h"

namespace w4::repack {

/// The same weights in smaller groups: each scale and zero point is written several times, and g_idx gives the rows of
/// a group, in stored order, to its parts in turn. Exact. Throws InputError unless group_size divides the layer's, and
/// CannotTest for g_idx with groups of unequal length.
fixtures::Layer split_groups(const fixtures::Layer& layer, int group_size);

}  // namespace w4::repack
