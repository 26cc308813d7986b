// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "repack/stages/stage.h"

namespace w4::repack::checkpoint {

/// What the kernel is told for a layer's group_size: 32, 64 or 128 as it is, K when one group covers the column.
/// Throws CannotTest for any other.
int kernel_group_size(int K, int group_size);

/// Takes the config as it stands and sets kernel_group_size.
Weights reference(const Weights& stored);

Stage stage();

}  // namespace w4::repack::checkpoint
