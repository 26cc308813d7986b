// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/judge/class_variance.h"
#include "cases/judge/compare.h"
#include "cases/judge/rounding_class.h"

#include <string>
#include <vector>

namespace w4::cases::judge {

// Which class of rounding explains an output (numerics.md). `expected` is an oracle's with its terms kept: under its
// own class at first, which is the exact model of our own kernel.

/// The tightest class that explains an output which is right under `expected`'s own class: that one, or one inside it.
RoundingClass tightest_class(const Grid<std::uint16_t>& C, const Expected& expected, std::uint16_t fill);

/// The classes beyond `expected`'s own one whose gates the output passes and whose errors its errors look like, from
/// the tightest on: no other way to round predicts their distribution better by far, accumulating all of K in 16 bits
/// included, and they are spread evenly over rows and columns. None: no class explains the output.
/// By nothing: chains are no answer, and no other class that chains explain better, because accumulating all of K in 16
/// bits may leave the same errors; a probe of sums tells them apart. By sums, not on one thread block: a hand-over
/// every 64 rows of a long K is no answer, because one accumulator in 16 bits may add 64 rows at once.
enum class Confirmed { by_probes, by_sums, by_nothing };
std::vector<RoundingClass> wider_classes(const Grid<std::uint16_t>& C, const Expected& expected, std::uint16_t fill,
                                         Confirmed confirmed);

/// The first gate of a wider class that an output fails; empty: it is right. Beside those of compare(): errors are not
/// smaller than the class makes them, and spread evenly.
std::string failed_class_gate(const Grid<std::uint16_t>& C, const Expected& expected, std::uint16_t fill);

/// Whether a class is more than `own` allows, so that it has to be confirmed.
bool is_beyond(const RoundingClass& rounding, const RoundingClass& own);

}  // namespace w4::cases::judge
