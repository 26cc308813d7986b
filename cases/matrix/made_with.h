// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/case_id.h"
#include "cases/matrix/record.h"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace w4::cases::matrix {

/// What the results of the cases are made with, by case, as Record::made_with: "program" (`program`, and for plug-ins
/// their worker), "kernel" (the plug-in, or the words of a command that are files) and "fixture" (the tensors of a case
/// that takes real ones). Each file is read once.
std::map<std::string, MadeWith> made_with(const std::vector<CaseId>& cases, const std::filesystem::path& program);

/// "kernel and program": what differs between the two; empty: nothing.
std::string difference(const MadeWith& a, const MadeWith& b);

/// Of results that are not all made with the same: "2 versions of the program, 3 of plugin:./k.so"; otherwise empty.
std::string versions_text(const std::vector<Record>& records);

}  // namespace w4::cases::matrix
