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
  bool comes_and_goes = false;  // launches differ by more than rounding: each trial is run several times
  Shrunk shrunk;
};

/// Makes the case smaller as long as it fails the same way; each trial is a run of bisect. Throws InputError for a path
/// that cannot be run (a recorded output, packed tensors), CannotTest when the case is a match or cannot be tested.
/// `stopped`: asked before each trial; true ends the search with the smallest case so far.
ShrunkCase shrink_case(
    const Options& options, int budget, const search::Progress& progress,
    const Shrinker::Stopped& stopped = [] { return false; });

/// The options of the shrunken case: the same kernel and planted faults, mode b and the fixture.
Options options_of(const ShrunkCase& shrunk, const std::filesystem::path& fixture);

/// The fixture. Its manifest has the original case, the failure, and the command that shows it in `folder`.
fixtures::files::Container container_of(const ShrunkCase& shrunk, const std::filesystem::path& folder);

/// Writes the case as a fixture (a new folder), reads it back, runs it and returns that report. Runs it several times
/// if it does not fail, since racing launches may be right by chance. Throws CannotTest and removes the folder when no
/// run fails the same way.
report::Report write_shrunk(const ShrunkCase& shrunk, const std::filesystem::path& folder,
                            const search::Progress& progress);

/// The text for the user: the failure, the steps, what is left, the launches (benign order or race, and the command of
/// racecheck), the folders, and the command as last line. `reproducer`: empty when there is none.
std::string text_of(const ShrunkCase& shrunk, const std::filesystem::path& fixture,
                    const std::filesystem::path& reproducer, const report::Report& report);

}  // namespace w4::cases::shrink
