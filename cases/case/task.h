// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/prepare.h"
#include "cases/judge/oracle.h"
#include "kernel/lane_model/lane_model.h"

#include <vector>

namespace w4::cases {

/// Where the kernel rounds in this task; the oracle allows for it.
judge::Rounding rounding_of(const Prepared& prepared, const kernel::Task& task);
judge::Rounding rounding_of(const fixtures::Layer& layer, const kernel::Task& task);
/// The same, with the terms of all classes of rounding: for a kernel that is not ours.
judge::Rounding rounding_with_classes(const fixtures::Layer& layer, const kernel::Task& task);

/// Rows of K in the order in which a kernel sums them: by group, in stored order within a group. Empty: as stored.
std::vector<int> summed_order(const fixtures::Layer& layer);

/// The slices of every block_tile column of every 64-row problem, problem after problem.
std::vector<std::vector<kernel::Slice>> slices_by_column(const kernel::Task& task);

/// First rows of all slices but the first one, without those in the padding (from K on).
std::vector<int> slice_starts(const std::vector<kernel::Slice>& slices, int K);

/// The task of a case on packed tensors. A launch parameter that a kernel in its own process chooses itself is 0.
kernel::Task task_of(const Prepared& prepared, const repack::Packed& packed, const Options& options);

/// The same task for the lane model: launch parameters that are 0 become the lane model's defaults.
kernel::Task for_lane_model(kernel::Task task);

}  // namespace w4::cases
