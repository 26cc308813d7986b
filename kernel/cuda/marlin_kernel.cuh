// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/cuda/marlin_pipe.cuh"
#include "kernel/cuda/marlin_write.cuh"

namespace w4::kernel::cuda {

/// The ring of stages of a team: loads its units of the stripe kStages - 1 ahead of the unit being multiplied.
template <class Shape>
class Ring {
 public:
  __device__ Ring(const MarlinArgs& args, const Who<Shape>& who, int begin, int end, char* shared,
                  std::uint32_t barriers)
      : who_(who),
        loader_(args, who, begin + who.team, begin),
        stages_(shared + who.team * kBytes),
        barriers_(barriers) {
    to_load_ = (end - begin - who.team + Shape::kTeams - 1) / Shape::kTeams;
#pragma unroll 1
    for (int stage = 0; stage < kAhead; ++stage) load_next(stage * Shape::kStageBytes);
  }

  /// The stage of the next unit. Starts loading into the stage of the previous one.
  __device__ const char* next() {
    if constexpr (Shape::kFault == MarlinFault::smem_race) return next_at_once();
    cp_async_wait<Shape::kStages - 2>();
    team_barrier<Shape>(
        who_, barriers_);  // the whole team's copies have arrived, and no warp reads the previous stage any more
    load_next(current_ == 0 ? kBytes - Shape::kStageBytes : current_ - Shape::kStageBytes);
    return advance();
  }

  /// The stage with the scales of `unit`, whose stage next() returned: the same. The scale_ring_refill fault: of a
  /// group's second unit the stage before, into which next() has just started to load the group after the next.
  __device__ const char* scales_stage(const char* stage, const MarlinArgs& args, int begin, int unit) const {
    if constexpr (Shape::kFault != MarlinFault::scale_ring_refill) return stage;
    if (unit == begin || UnitPlace::of(args.stripes, unit).k % kUnitsOfGroup128 == 0) return stage;
    return stage == stages_ ? stage + kBytes - Shape::kStageBytes : stage - Shape::kStageBytes;
  }

 private:
  static constexpr int kAhead = Shape::kFault == MarlinFault::smem_race ? 0 : Shape::kStages - 1;
  static constexpr int kBytes = Shape::kStages * Shape::kStageBytes;

  __device__ const char* advance() {
    const char* const stage = stages_ + current_;
    current_ = current_ == kBytes - Shape::kStageBytes ? 0 : current_ + Shape::kStageBytes;
    return stage;
  }

  /// The smem_race fault: returns a stage whose copies have just been issued.
  __device__ const char* next_at_once() {
    team_barrier<Shape>(who_, barriers_);
    load_next(current_);
    return advance();
  }

  __device__ void load_next(int stage) {
    if (to_load_-- > 0) loader_.load(shared_address(stages_) + stage, who_);
    cp_async_commit();  // also when empty: cp_async_wait counts groups
  }

  const Who<Shape>& who_;
  Loader<Shape> loader_;
  char* stages_;
  std::uint32_t barriers_;
  int to_load_;
  int current_ = 0;  // byte offset of the next unit's stage
};

template <class Shape>
__device__ inline void clear(Sums<Shape>& sums) {
#pragma unroll
  for (int block = 0; block < Shape::kBlocks; ++block)
#pragma unroll
    for (int rows = 0; rows < Shape::kSubrowBlocks; ++rows)
#pragma unroll
      for (int i = 0; i < 4; ++i) sums[block][rows][i] = 0.0f;
}

/// Multiplies the stripe slice by slice. `units`: a Ring or a Pipe; `staging`: floats or TeamSums.
template <class Shape, class Units, class Staging>
__device__ inline void multiply_stripe(const MarlinArgs& args, const Who<Shape>& who, int begin, int end, Units& units,
                                       Staging& staging, Column (&ends)[2]) {
  const bool two_groups = kUnitK >> args.group_shift > 1;
  int round = 0, mine = begin + who.team;  // `mine`: next unit of the team
  for (int unit = begin; unit < end;) {
    const Column column = Column::at(args.stripes, static_cast<int>(blockIdx.x), unit);
    const int slice_end = min(end, column.end);
    const bool inside = column.place.column * Shape::kColumns + who.strip * kTileColumns < args.N;
    Sums<Shape> sums;
    clear<Shape>(sums);
    for (; mine < slice_end; mine += Shape::kTeams) {
      if constexpr (Shape::kWgmma) {
        units.multiply(who, two_groups,
                       sums);  // a warpgroup spans two strips: all four warps issue wgmma, inside N or not
      } else {
        const char* const stage = units.next();
        const char* const scales = units.scales_stage(stage, args, begin, mine);
        if (inside) multiply_unit<Shape>(stage, scales, who, two_groups, sums);
      }
    }
    if (who.thread == 0) ends[unit != begin] = column;
    if constexpr (Shape::kWgmma) {
      wgmma_wait<0>();
      staging.exchange(sums, who);
      write_fragments<Shape>(args, column, sums, who);
    } else {
      write_slice<Shape>(args, column, sums, who, staging, round);
    }
    unit = slice_end;
  }
}

/// Warp-specialised body of a block: warps from kThreads on load, the others multiply.
template <class Shape>
__device__ inline void multiply_with_wgmma(const MarlinArgs& args, const Who<Shape>& who, int begin, int end,
                                           char* shared, std::uint32_t barriers, Column (&ends)[2]) {
  constexpr int kTeamBytes = Shape::kStages * Shape::kStageBytes;
  const auto of_team = [&](int team) { return PipeBarriers<Shape>{barriers + team * PipeBarriers<Shape>::kBytes}; };
  const std::uint32_t sum_barriers = of_team(Shape::kTeams).shared;
  if (who.thread == 0) {
    for (int team = 0; team < Shape::kTeams; ++team) of_team(team).init();
    TeamSums<Shape>::init(sum_barriers);
  }
  __syncthreads();
  if (who.thread >= Shape::kThreads) {
    const Who<typename Shape::Loads> loading{.thread = who.thread - Shape::kThreads};
    load_stripe<Shape>(args, loading, of_team(loading.team), begin, end,
                       shared_address(shared) + loading.team * kTeamBytes);
    return;
  }
  Pipe<Shape> pipe(of_team(who.team), shared + who.team * kTeamBytes);
  TeamSums<Shape> teams(reinterpret_cast<float*>(shared + Shape::kTeams * kTeamBytes), sum_barriers);
  multiply_stripe<Shape>(args, who, begin, end, pipe, teams, ends);
}

/// C = A W + bias on Marlin-format weights; see MarlinArgs, MarlinShape and Stripes. Grid: stripes.thread_blocks.
template <class Shape>
__global__ void __launch_bounds__(Shape::kBlockThreads, 1) marlin_kernel(const __grid_constant__ MarlinArgs args) {
  extern __shared__ __align__(1024) char shared[];
  __shared__ std::uint64_t barriers[Shape::kBarriers];
  __shared__ int flags[2];
  __shared__ Column ends[2];  // first and last column of the stripe
  const Who<Shape> who;
  const int block = static_cast<int>(blockIdx.x);
  const int begin = args.stripes.begin(block), end = args.stripes.begin(block + 1);
  if (who.thread == 0) ends[1] = {};
  if constexpr (Shape::kWgmma) {
    multiply_with_wgmma<Shape>(args, who, begin, end, shared, shared_address(barriers), ends);
  } else {
    if constexpr (Shape::kTeamThreads > 32) {
      if (who.in_team == 0) init_barrier(shared_address(&barriers[who.team]), Shape::kTeamThreads);
      __syncthreads();
    }
    Ring<Shape> ring(args, who, begin, end, shared, shared_address(barriers));
    auto* const staging = reinterpret_cast<float*>(shared + Shape::kTeams * Shape::kStages * Shape::kStageBytes);
    multiply_stripe<Shape>(args, who, begin, end, ring, staging, ends);
  }
  finish_columns<Shape>(args, ends, who.thread, flags);
}

}  // namespace w4::kernel::cuda
