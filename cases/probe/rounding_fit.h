// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/judge/oracle.h"

namespace w4::cases::probe {

/// The value of an element that was never written. The buffer of a recorded output may have been fresh; ours begins
/// with the fill.
enum class Unwritten { reads_as_zero, keeps_fill };

/// Whether an output `seen` is what was `predicted`, as near as rounding allows: NaN where NaN, unwritten where nothing
/// is written. `right`: the oracle's of the same question. A prediction of nothing but NaN explains nothing.
bool near(const Grid<std::uint16_t>& seen, const Grid<std::uint16_t>& predicted, const judge::Expected& right,
          std::uint16_t fill, Unwritten unwritten);

/// Whether a wrong output `seen` lies nearer to what was `predicted` than to the right one: half as far, as root mean
/// square over what is wrong in it. A prediction that is wrong by as much, elsewhere, is near by chance and explains
/// nothing. near() judges elements that are not finite or not written.
bool nearer(const Grid<std::uint16_t>& seen, const Grid<std::uint16_t>& predicted, const judge::Expected& right,
            std::uint16_t fill);

}  // namespace w4::cases::probe
