// SPDX-License-Identifier: Apache-2.0
#include "kernel/planted/planted.h"

#include "kernel/cuda/marlin_dispatch.cuh"

namespace w4::kernel::planted {

using namespace cuda;

namespace {

/// A shape with a fault.
template <class Sound, MarlinFault kWhich>
struct With : Sound {
  static constexpr MarlinFault kFault = kWhich;
};

/// With one staging area in place of two: only then does write_slice() need the barrier that this fault leaves out.
template <class Sound>
struct WithOneArea : With<Sound, MarlinFault::writeout_race> {
  static constexpr int kReduceAreas = 1;
};

// One team takes every unit, so that a group of 128 lies in two stages next to each other; of four, so that what is
// loaded over the first of them begins a group too.
constexpr MarlinSizes kRows64OneTeam{.subrow_blocks = 8, .halves = 2, .strips = 2, .teams = 1, .stages = 4};
static_assert(kRows64OneTeam.columns() == kRows64.columns() && kRows64OneTeam.rows() == kRows64.rows());
constexpr MarlinSizes kRows16Wide{.subrow_blocks = 2, .halves = 1, .strips = 4, .teams = 2, .stages = 4};
using Few = MarlinShape<Fp16, kRows16, true, false>;
using FewOfOneGroup = MarlinShape<Fp16, kRows16, false, false>;
using Wide = MarlinShape<Fp16, kRows16Wide, true, false>;  // a block_tile of 64 x 256
using Many = MarlinShape<Fp16, kRows64, true, false>;
using OneTeam = MarlinShape<Fp16, kRows64OneTeam, true, false>;

/// As in the published kernel: only there does a group span two stages.
bool has_ring_of_scales(const MarlinArgs& args) {
  constexpr int kShiftOf128 = 7;
  return args.M >= OneTeam::kRows && args.group_shift == kShiftOf128;
}

}  // namespace

int launch_with(MarlinFault fault, const MarlinArgs& args, const MarlinChoice& choice, void* stream) {
  const bool many = choice.sizes.rows() > kRows32.rows();
  switch (fault) {
    case MarlinFault::none: return launch_marlin(args, choice, stream);
    case MarlinFault::writeout_race: return launch_shape<WithOneArea<Many>>(args, stream);
    case MarlinFault::smem_race: return launch_shape<With<Many, MarlinFault::smem_race>>(args, stream);
    case MarlinFault::scale_ring_refill:
      return has_ring_of_scales(args) ? launch_shape<With<OneTeam, MarlinFault::scale_ring_refill>>(args, stream)
                                      : launch_marlin(args, choice, stream);
    case MarlinFault::stale_scales: return launch_shape<With<Wide, MarlinFault::stale_scales>>(args, stream);
    case MarlinFault::tile_pointer_wrap: return launch_shape<With<Many, MarlinFault::tile_pointer_wrap>>(args, stream);
    case MarlinFault::fp16_accumulate: return launch_shape<With<Few, MarlinFault::fp16_accumulate>>(args, stream);
    case MarlinFault::lock_left_dirty:
      return many ? launch_shape<With<Many, MarlinFault::lock_left_dirty>>(args, stream)
                  : launch_shape<With<Few, MarlinFault::lock_left_dirty>>(args, stream);
    case MarlinFault::output_added_to: return launch_shape<With<Few, MarlinFault::output_added_to>>(args, stream);
    case MarlinFault::cast_before_scale:
      return launch_shape<With<FewOfOneGroup, MarlinFault::cast_before_scale>>(args, stream);
  }
  return cudaErrorInvalidValue;
}

int launch_without_opt_in(const MarlinArgs& args, void* stream) {
  using Shape =
      With<Many, MarlinFault::lock_left_dirty>;  // no other launch of this process has opted in for this instantiation
  marlin_kernel<Shape>
      <<<args.stripes.thread_blocks, Shape::kBlockThreads, Shape::kSharedBytes, static_cast<cudaStream_t>(stream)>>>(
          args);
  return cudaGetLastError();
}

int launch_on_no_grid(const MarlinArgs& args, void* stream) {
  constexpr auto kMultiprocessors = static_cast<unsigned>(-1);  // "ask the device", used as the count itself
  marlin_kernel<Few><<<kMultiprocessors, Few::kBlockThreads, 0, static_cast<cudaStream_t>(stream)>>>(args);
  return cudaGetLastError();
}

}  // namespace w4::kernel::planted
