// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/matrix/record.h"

#include <string>
#include <string_view>

namespace w4::cases::matrix {

/// A baseline is a result file that later results are compared with (baseline_diff.h): its records hold no findings and
/// no pictures, and every red one says why it may fail and until when (Known).

/// The result without what a baseline does not need.
Results slim(Results results);

/// Marks the red cases whose text matches the glob (fnmatch; * also matches /) as known failures, over an earlier mark.
/// Throws InputError for a glob that no red case matches, an empty reason or an invalid date.
Results with_known(Results results, const std::string& glob, const std::string& reason, const std::string& expires);

/// Throws InputError, naming the case and `where`, for a red case that is not known, a known failure without a reason
/// or with an invalid date, and a known failure that is not red.
void check_baseline(const Results& baseline, std::string_view where);

/// A checked baseline from a file. Throws InputError.
Results read_baseline(const std::string& path);

/// Throws InputError unless `date` is a day of the calendar, written YYYY-MM-DD. Such dates sort as texts.
void check_date(std::string_view date, std::string_view where);

/// Today (UTC), written so.
std::string today();

}  // namespace w4::cases::matrix
