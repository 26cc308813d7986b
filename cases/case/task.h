// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/prepare.h"
#include "cases/judge/oracle.h"
#include "kernel/lane_model/lane_model.h"

#include <vector>

namespace w4::cases {

/// Where this task rounds, for the oracle.
judge::Rounding rounding_of(const Prepared& prepared, const kernel::Task& task);
judge::Rounding rounding_of(const fixtures::Layer& layer, const kernel::Task& task);

/// The slices of every block_tile column of every 64-row problem, problem after problem.
std::vector<std::vector<kernel::Slice>> slices_by_column(const kernel::Task& task);

/// Where slices begin, but for the first; positions in the padding, from K on, are left out.
std::vector<int> slice_starts(const std::vector<kernel::Slice>& slices, int K);

/// The task of a case on packed tensors. What a foreign kernel may choose by itself is 0.
kernel::Task task_of(const Prepared& prepared, const repack::Packed& packed, const Options& options);

/// A foreign kernel's task for the lane model: what that kernel chooses by itself is the lane model's default.
kernel::Task for_lane_model(kernel::Task task);

}  // namespace w4::cases
