// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace w4::kernel::cuda {

/// Fault of an instantiation of the CUDA kernel. Shipped instantiations have `none`; tests derive a shape with a fault
/// (kernel/planted).
enum class MarlinFault {
  none,
  writeout_race,      // no barrier after the write-out: the next 8 rows overwrite sums that slower warps still read
  smem_race,          // no wait for the copies into the stage that is read next
  scale_ring_refill,  // scales are staged once a group of 128, and refilled while slower warps still read them
  stale_scales,       // the second row of scales of every unit is that of the stripe's first unit
  tile_pointer_wrap,  // the pointer to B does not return to row 0 when a stripe enters the next problem
  fp16_accumulate,    // mma accumulates in fp16
  lock_left_dirty,    // the last slice does not reset its lock
  output_added_to,    // the result is added to the old C
  cast_before_scale,  // one group: the sum is cast to 16 bits before it is scaled
};

}  // namespace w4::kernel::cuda
