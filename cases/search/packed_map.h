// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "repack/packed.h"

#include <string>
#include <vector>

namespace w4::cases::search {

/// What is to be said of packed tensors that no known way makes, held against ours, a line each: whether tiles hold the
/// same codes in another order, where whole tiles stand, whether every code is the same function of ours, how columns
/// of scales and zero points are permuted. Permutations are recovered from contents alone (a place is known by what it
/// holds over all tiles), and are left out where contents repeat; what is no permutation is told by where it differs.
std::vector<std::string> packed_statements(const repack::Packed& got, const repack::Packed& want);

}  // namespace w4::cases::search
