// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/lane_model/dequant.h"
#include "kernel/lane_model/epilogue.h"
#include "kernel/lane_model/launch.h"
#include "kernel/lane_model/multiply.h"
#include "kernel/lane_model/pipeline.h"
#include "kernel/lane_model/reduce.h"

namespace w4::kernel::lane_model {

/// A recipe as the stages take it.
struct Ways {
  LaunchWay launch = LaunchWay::reference;
  PipelineWay pipeline = PipelineWay::reference;
  DequantWay dequant = DequantWay::reference;
  MultiplyWay multiply = MultiplyWay::reference;
  ReduceWay reduce = ReduceWay::reference;
  EpilogueWay epilogue = EpilogueWay::reference;
};

/// Throws InputError, with the nearest name, for a stage that is neither the kernel's nor the repack's and for a
/// variant that the kernel's stage does not have. What a recipe says of repacking stages is not the kernel's business.
Ways ways_of(const repack::Recipe& recipe);

}  // namespace w4::kernel::lane_model
