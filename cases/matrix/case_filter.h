// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/case_id.h"

#include <functional>
#include <string_view>

namespace w4::cases::matrix {

/// "M <= 16 and group < K", "N % 128 == 64 and not (dtype == bf16 or act == yes)", "N/8 == K/group": an expression on
/// the axes of a case. Numbers know + - * / % and < <= == != >= >; words know == and !=; and, or, not and parentheses
/// join them. group is in rows (K for one group), sms 0 where the kernel chooses. Throws InputError with the position
/// of the error, also for a word that the axis cannot have.
std::function<bool(const CaseId&)> parse_where(std::string_view text);

}  // namespace w4::cases::matrix
