// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace w4::kernel::cuda {

/// What an instantiation of the CUDA kernel does wrong. Only instantiations of the tests have one: a shape that is
/// derived from a sound one and says so.
enum class MarlinFault {
  none,
  writeout_race,      // no barrier after the write-out: the next 8 rows overwrite what slower warps still read
  smem_race,          // nobody waits for the copies into the stage that is read next
  stale_scales,       // of the rows of scales in a unit, all but the first stay those of the stripe's first unit
  tile_pointer_wrap,  // the pointer to B goes on where a stripe goes on to the next problem
  fp16_accumulate,    // accumulators of 16 bits
  lock_left_dirty,    // the last slice does not set its lock back
  output_added_to,    // C is added to what was there
  cast_before_scale,  // the sum of one group is cast, and scaled then
};

}  // namespace w4::kernel::cuda
