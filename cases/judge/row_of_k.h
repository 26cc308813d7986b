// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/judge/compare.h"

#include <string>

namespace w4::cases::judge {

/// Whether the errors hold a multiple of a single row of K's products, as where a row is left out or counts too much:
/// "row k = 17 of K counts 1-0.02 times". Empty: none. `expected`: under the class. A: (M, K).
std::string uneven_row_of_k(const Grid<std::uint16_t>& C, const Expected& expected, const fixtures::Layer& layer,
                            const Grid<std::uint16_t>& A);

}  // namespace w4::cases::judge
