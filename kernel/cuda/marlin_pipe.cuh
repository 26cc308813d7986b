// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/cuda/marlin_wgmma.cuh"

namespace w4::kernel::cuda {

// Warp specialisation for wgmma: one loading warp a strip, all others multiply. Each stage has a "full" and a "free"
// mbarrier, so no warp waits for the slowest one of a unit.

/// The barriers of a team.
template <class Shape>
struct PipeBarriers {
  std::uint32_t shared;
  static constexpr int kBytes = 2 * Shape::kStages * sizeof(std::uint64_t);

  __device__ void init() const {
    for (int stage = 0; stage < Shape::kStages; ++stage) {
      init_barrier(full(stage), Shape::Loads::kTeamThreads);
      init_barrier(free(stage), Shape::kTeamThreads);
    }
  }
  __device__ std::uint32_t full(int stage) const { return shared + stage * sizeof(std::uint64_t); }
  __device__ std::uint32_t free(int stage) const { return full(Shape::kStages + stage); }
};

/// A stage of the ring, and the number of full rounds before it (its parity is the barriers' phase).
template <class Shape>
struct PipePlace {
  int stage = 0;
  int round = 0;
  __device__ void advance() {
    if (++stage == Shape::kStages) stage = 0, ++round;
  }
};

/// Body of the loading warps of a team: copies the team's units of the stripe.
template <class Shape>
__device__ inline void load_stripe(const MarlinArgs& args, const Who<typename Shape::Loads>& who,
                                   const PipeBarriers<Shape>& barriers, int begin, int end, std::uint32_t stages) {
  using Loads = typename Shape::Loads;
  Loader<Loads> loader(args, who, begin + who.team, begin);
  PipePlace<Shape> place;
#pragma unroll 1
  for (int unit = begin + who.team; unit < end; unit += Shape::kTeams, place.advance()) {
    if (place.round > 0) wait_for_phase(barriers.free(place.stage), (place.round - 1) % 2);
    loader.load(stages + place.stage * Shape::kStageBytes, who);
    cp_async_arrive(barriers.full(place.stage));
  }
}

/// The units as the multiplying warps receive them.
template <class Shape>
class Pipe {
 public:
  __device__ Pipe(const PipeBarriers<Shape>& barriers, const char* stages) : barriers_(barriers), stages_(stages) {}

  /// sums += the next unit.
  __device__ void multiply(const Who<Shape>& who, bool two_groups, Sums<Shape>& sums) {
    wait_for_phase(barriers_.full(place_.stage), place_.round % 2);
    fence_for_wgmma();  // not in the loading warps: there the fence would wait for all copies in flight
    multiply_unit_wgmma<Shape>(stages_ + place_.stage * Shape::kStageBytes, who, two_groups, sums, [&] {
      if (before_ >= 0)
        arrive(
            barriers_.free(before_));  // every thread arrives: racecheck does not credit one lane's arrival to its warp
    });
    before_ = place_.stage;
    place_.advance();
  }

 private:
  PipeBarriers<Shape> barriers_;
  const char* stages_;
  int before_ = -1;  // stage of the previous unit
  PipePlace<Shape> place_;
};

}  // namespace w4::kernel::cuda
