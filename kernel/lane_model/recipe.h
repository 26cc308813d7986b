// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/lane_model/dequant.h"
#include "kernel/lane_model/epilogue.h"
#include "kernel/lane_model/launch.h"
#include "kernel/lane_model/multiply.h"
#include "kernel/lane_model/pipeline.h"
#include "kernel/lane_model/reduce.h"

namespace w4::kernel::lane_model {

/// A recipe, resolved to the ways of each stage.
struct Ways {
  LaunchWay launch = LaunchWay::reference;
  PipelineWay pipeline = PipelineWay::reference;
  DequantWay dequant = DequantWay::reference;
  MultiplyWay multiply = MultiplyWay::reference;
  ReduceWay reduce = ReduceWay::reference;
  EpilogueWay epilogue = EpilogueWay::reference;
};

/// Ignores repacking stages. Throws InputError, with the nearest name, for an unknown stage and for an unknown variant
/// of a kernel stage.
Ways ways_of(const repack::Recipe& recipe);

}  // namespace w4::kernel::lane_model
