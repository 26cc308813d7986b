// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/judge/compare.h"

#include <nlohmann/json_fwd.hpp>

#include <string_view>
#include <vector>

namespace w4::cases::judge {

inline constexpr int kPictureCells = 64;       // the most rows, and columns, of the picture of the output
inline constexpr int kPictureFirstWrong = 20;  // elements that are told one by one

/// What a report draws of an output C (M, N), bits of expected.dtype; `fill` is what C held before. Small, whatever the
/// shape: `errors` (the worst element of each cell over (m, n)), `tile` (the worst of the output columns that each code
/// of the Marlin tile feeds: lane x (word, slot)), `histogram` (of z, with the sign of the error) and `first_wrong`.
/// docs/matrix.md has the schema. Throws InputError for an output of another shape.
nlohmann::ordered_json pictures_of(const Grid<std::uint16_t>& C, const Expected& expected, std::uint16_t fill);

/// A permutation, drawn as points: place p holds what belongs to place source[p], -1 where that lies outside of the
/// picture or is unknown. `what` says what is moved: "places of 64 columns' scales".
nlohmann::ordered_json permutation_picture(std::string_view what, const std::vector<int>& source);

}  // namespace w4::cases::judge
