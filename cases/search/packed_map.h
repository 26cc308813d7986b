// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "repack/packed.h"

#include <string>
#include <vector>

namespace w4::cases::search {

/// How packed tensors that no known way makes differ from ours, a line each: whether tiles hold the same codes in
/// another order, whether whole tiles are moved, whether every code is the same function of ours, how columns of scales
/// and zero points are permuted. Permutations are recovered from contents alone (a place is known by its contents over
/// all tiles) and left out where contents repeat; other differences are told by their region.
std::vector<std::string> packed_statements(const repack::Packed& got, const repack::Packed& want);

}  // namespace w4::cases::search
