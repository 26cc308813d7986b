// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/case_id.h"
#include "cases/case/options.h"
#include "kernel/child/open_kernel.h"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace w4::cases {

/// What a report was made with, and where: of the run "version", "commit", "compiler" (of this program), "date" (UTC)
/// and "host"; on a GPU "gpu" and "driver"; "program", "kernel" and "fixture" are sums, the first 16 digits of a
/// SHA-256. docs/report.md describes them; a name is left out where there is nothing to say.
using MadeWith = std::map<std::string, std::string>;

/// Of this program, now and here. The date is $SOURCE_DATE_EPOCH where that is set. Throws InputError where it is no
/// number of seconds.
MadeWith made_here();

/// The GPU that the kernel runs on, and the driver; empty: it uses none.
MadeWith made_on(const kernel::child::ForeignKernel& kernel);

/// The sums "program" and "kernel" alone; `kernel` is a spec, empty for our own path.
MadeWith made_with(const std::string& kernel, const std::filesystem::path& program);

/// The sums of one question: "program" (`program`, and for plug-ins their worker), "kernel" (the plug-in, the words of
/// a command that are files, packed tensors or a recorded output) and "fixture" (the tensors, if they are real ones).
MadeWith made_with(const Options& options, const std::filesystem::path& program);

/// The same by case. Each file is read once.
std::map<std::string, MadeWith> made_with(const std::vector<CaseId>& cases, const std::filesystem::path& program);

/// "kernel and program": which of the sums differ between the two; empty: none.
std::string difference(const MadeWith& a, const MadeWith& b);

/// What several were made with, under each name all values, "; " between them; the latest of the dates.
MadeWith joined_made(const std::vector<MadeWith>& all);

}  // namespace w4::cases
