// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/search/bisect.h"
#include "cases/shrink/failure.h"
#include "cases/shrink/shrink.h"

#include <filesystem>
#include <string>

namespace w4::cases::shrink {

inline constexpr int kDefaultBudget = 400;  // trials

/// A failing case of bisect, and the smallest one found that fails the same way.
struct ShrunkCase {
  Options asked;
  std::string case_id;
  Failure failure;
  bool comes_and_goes = false;  // launches differ by more than rounding: a trial is asked several times
  Shrunk shrunk;
};

/// Asks bisect, and makes the case smaller as long as it fails the same way: each trial is a run of bisect. Throws
/// InputError for what cannot be run again (a recorded output, packed tensors), CannotTest when there is nothing to
/// shrink: the case is a match, or cannot be tested.
ShrunkCase shrink_case(const Options& options, int budget, const search::Progress& progress);

/// What asks for the shrunken case: the same kernel and planted faults, mode b and the fixture.
Options options_of(const ShrunkCase& shrunk, const std::filesystem::path& fixture);

/// The fixture; its manifest says what was shrunk, what fails, and the command that shows it of `folder`.
fixtures::files::Container container_of(const ShrunkCase& shrunk, const std::filesystem::path& folder);

/// Writes the case as a fixture, a folder that does not exist yet, reads it back and runs it. Throws CannotTest, and
/// leaves nothing behind, when it does not fail the same way any more (launches that are right by luck: several are
/// tried). The report is of the fixture that was read.
report::Report write_shrunk(const ShrunkCase& shrunk, const std::filesystem::path& folder,
                            const search::Progress& progress);

/// What people read of it: the failure, what is left and how it was found, the launches (benign order or race, and how
/// to ask racecheck), where it was written, and the command as last line. `reproducer`: empty when there is none.
std::string text_of(const ShrunkCase& shrunk, const std::filesystem::path& fixture,
                    const std::filesystem::path& reproducer, const report::Report& report);

}  // namespace w4::cases::shrink
