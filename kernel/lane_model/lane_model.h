// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/lane_model/plan.h"
#include "repack/stages/stage.h"

#include <span>
#include <string_view>
#include <vector>

namespace w4::kernel::lane_model {

/// A known wrong way to do one of the kernel's stages (launch, pipeline, dequant, multiply, reduce, epilogue).
struct Variant {
  std::string_view id;     // "reference" or the catalogue's id
  std::string_view fault;  // the same, or empty for the reference
  std::string_view what;
  std::string_view cure;
  std::string_view visible;
  bool repeats_differ = false;  // a race: launches of the same task differ
};

struct Stage {
  StageId id;
  std::string_view does;
  std::span<const Variant> variants;  // the first is the reference
};

/// The six kernel stages of the lane model, in order.
std::span<const Stage> stages();

/// The data path of a Marlin kernel on the CPU, lane by lane: thread blocks, stripes, slices, warps, lanes; codes to 16
/// bits as the bit trick does, fp32 accumulation, block reduction, serial global reduction through locks, epilogue.
/// `recipe` names a variant per kernel stage (entries for repacking stages are ignored). Deterministic: the same task
/// gives the same bits; variants with repeats_differ vary with launch.number alone. Throws CannotTest for what the
/// kernel does not take, naming the values.
RunResult run_lane_model(const Task& task, const repack::Recipe& recipe = {});

/// A place in C.
struct Output {
  int m = 0;
  int n = 0;
};

/// The same launch, of which only the parts of C are worked on that hold these outputs: a 64-row problem by a
/// block_tile column each. All other elements of C keep the fill. What a race does depends on all of C, and is not to
/// be asked of parts.
RunResult run_lane_model_parts(const Task& task, const repack::Recipe& recipe, std::span<const Output> outputs);

/// The slices of one block_tile column and 64-row problem, from k = 0 up. Size 1: no global reduction in that column.
std::vector<Slice> slices_of(const Task& task, int problem, int column);

/// A slice and its own sum for one output, in fp32, before any handover; unscaled with one group.
struct SliceSum {
  PlannedSlice slice;
  float sum = 0;
};

/// The slices behind output (m, n), from k = 0 up, as the kernel of `recipe` sums them; empty: none runs there.
std::vector<SliceSum> slice_sums(const Task& task, const repack::Recipe& recipe, int m, int n);

}  // namespace w4::kernel::lane_model
