// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/options.h"
#include "cases/case/own_path.h"
#include "cases/case/prepare.h"
#include "cases/report/report.h"

#include <functional>
#include <string_view>

namespace w4::cases {

/// Told what is being done, for progress on stderr.
using Progress = std::function<void(std::string_view)>;

/// The bisection of design.md, section 5, on a path whose stages can be looked at: our repack and the lane model, doing
/// things as `subject` does them. Every repacking stage is compared bit for bit with its definition, the kernel with
/// the known-good one on the same packed tensors, the output with the oracle; culprits are confirmed from both sides.
/// verdict cannot_test: the known-good path itself fails here.
Report bisect(const Prepared& prepared, const Subject& subject, const Options& options, const Progress& progress);

/// The same question of somebody's recorded output (options.recorded) or packed tensors (options.packed): stages in
/// between cannot be seen; hypotheses are tried on what can.
Report bisect_recorded(const Prepared& prepared, const Options& options, const Progress& progress);
Report bisect_packed(const Prepared& prepared, const Options& options, const Progress& progress);

/// The same question of somebody's kernel (options.foreign), which is run on what our repack makes, in a process of its
/// own: how it ends, what it writes and leaves behind are looked at before its output is.
Report bisect_foreign(const Prepared& prepared, const Options& options, const Progress& progress);

/// Where this task rounds, for the oracle.
Rounding rounding_of(const Prepared& prepared, const kernel::Task& task);
Rounding rounding_of(const fixtures::Layer& layer, const kernel::Task& task);

/// The slices of every block_tile column of every 64-row problem, problem after problem.
std::vector<std::vector<kernel::Slice>> slices_by_column(const kernel::Task& task);

/// Where slices begin, but for the first; positions in the padding, from K on, are left out.
std::vector<int> cuts_of(const std::vector<kernel::Slice>& slices, int K);

/// The task of a case on packed tensors. What a foreign kernel may choose by itself is 0.
kernel::Task task_of(const Prepared& prepared, const repack::Packed& packed, const Options& options);

/// A foreign kernel's task for the lane model: what that kernel chooses by itself is the lane model's default.
kernel::Task for_lane_model(kernel::Task task);

/// Somebody's output, (M, N), in the type of the layer. Throws InputError.
Grid<std::uint16_t> recorded_output(const Prepared& prepared, const std::filesystem::path& path);

/// What every report begins with.
Report new_report(const Prepared& prepared, const Options& options);

/// Output, counts, error and audit of a run, and the first 20 numbers.
void describe_output(const kernel::RunResult& result, const Expected& expected, Report& report);

}  // namespace w4::cases
