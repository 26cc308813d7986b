// SPDX-License-Identifier: Apache-2.0
// Every fault that is planted on the GPU, as a launch that has it. All else is as in marlin_run.cpp.
#include "kernel/planted/planted.h"

#include "kernel/cuda/marlin_run.h"

#include <cuda_runtime_api.h>

#include <cstring>
#include <vector>

namespace w4::kernel::planted {

namespace {

/// run_marlin() with `launch(args, choice)` in place of launch_marlin().
template <class Launch>
int run_around(const W4Call* call, const Launch& launch) {
  const cuda::MarlinRun run(*call);
  int error = run.prepare();
  if (error == cudaSuccess) error = launch(run.args(), run.choice());
  if (error == cudaSuccess) error = run.finish();
  return error == cudaSuccess ? W4_DONE : W4_CUDA_ERROR + error;
}

template <cuda::MarlinFault kFault>
int run_fault(const W4Call* call) {
  return run_around(call, [&](const cuda::MarlinArgs& args, const cuda::MarlinChoice& choice) {
    return launch_with(kFault, args, choice, call->stream);
  });
}

/// The sound kernel with changed arguments.
template <class Change>
int run_changed(const W4Call* call, const Change& change) {
  return run_around(call, [&](cuda::MarlinArgs args, const cuda::MarlinChoice& choice) {
    change(args);
    return cuda::launch_marlin(args, choice, call->stream);
  });
}

/// A launch whose error is not checked.
template <class Launch>
int run_unchecked(const W4Call* call, const Launch& launch) {
  (void)run_around(call, [&](const cuda::MarlinArgs& args, const cuda::MarlinChoice&) { return launch(args); });
  return W4_DONE;
}

/// Appends unwritten tile rows to the words, so that the pointer that is too far stays inside the allocation.
int run_pointer_wrap(const W4Call* call) {
  constexpr std::uint32_t kUnwritten = 0xDEADBEEF;  // repack::kUnwrittenWord
  const std::size_t stored = static_cast<std::size_t>(call->padded_K / 16) * 2 * call->padded_N;
  const std::size_t behind = static_cast<std::size_t>((call->M + 63) / 64) * 2 * call->padded_N;
  const std::vector<std::uint32_t> unwritten(behind, kUnwritten);
  void* memory = nullptr;
  if (cudaMalloc(&memory, (stored + behind) * sizeof(std::uint32_t)) != cudaSuccess) return W4_CANNOT_TAKE;
  auto* const words = static_cast<std::uint32_t*>(memory);
  cudaMemcpy(words + stored, unwritten.data(), behind * sizeof *words, cudaMemcpyHostToDevice);
  cudaMemcpy(words, call->words, stored * sizeof *words, cudaMemcpyDeviceToDevice);
  const int code = run_around(call, [&](cuda::MarlinArgs args, const cuda::MarlinChoice& choice) {
    args.words = words;
    return launch_with(cuda::MarlinFault::tile_pointer_wrap, args, choice, call->stream);
  });
  cudaDeviceSynchronize();
  cudaFree(words);
  return code;
}

/// The faulty instantiation has columns of 256, so it gets its own stripes and slots.
int run_stale_scales(const W4Call* call) {
  constexpr int kColumns = 256;
  constexpr std::size_t kSlotBytes = sizeof(float) * 16 * kColumns;
  return run_around(call, [&](cuda::MarlinArgs args, const cuda::MarlinChoice& choice) -> int {
    const cuda::Stripes& all = args.stripes;
    args.stripes = cuda::stripes_of(all.k_units, (args.N + kColumns - 1) / kColumns, all.problems, all.thread_blocks);
    void* partials = nullptr;
    if (const int error = cudaMalloc(&partials, 2 * kSlotBytes * args.stripes.thread_blocks); error != cudaSuccess)
      return error;
    args.partials = static_cast<float*>(partials);
    const int error = launch_with(cuda::MarlinFault::stale_scales, args, choice, call->stream);
    cudaDeviceSynchronize();
    cudaFree(partials);
    return error;
  });
}

int run_loop_bound(const W4Call* call) {
  return run_changed(call, [](cuda::MarlinArgs& args) {
    const cuda::Stripes& all = args.stripes;
    const int columns = args.N / 128 * 128 / (args.M > 32 ? 128 : 64);
    args.stripes = cuda::stripes_of(all.k_units, columns, all.problems, all.thread_blocks);
  });
}

int run_k_tail(const W4Call* call) {
  return run_changed(call, [](cuda::MarlinArgs& args) {
    const cuda::Stripes& all = args.stripes;
    args.stripes = cuda::stripes_of(all.k_units - 1, all.columns, all.problems, all.thread_blocks);
  });
}

int run_without_partials(const W4Call* call) {
  return run_changed(call, [](cuda::MarlinArgs& args) { args.partials = nullptr; });
}

std::int64_t half_the_workspace(const W4Call* call) { return cuda::MarlinRun(*call).workspace_bytes() / 2; }

/// An entry point with the instantiation for one group only; run_missing() ignores its return code.
int entry_point(const W4Call* call) { return call->groups == 1 ? cuda::run_marlin(call) : 2; }
int run_missing(const W4Call* call) {
  (void)entry_point(call);
  return W4_DONE;
}

int run_on_other_stream(const W4Call* call) {
  W4Call other = *call;
  other.stream = nullptr;
  return cuda::run_marlin(&other);
}

int run_to_temporary(const W4Call* call) {
  W4Call other = *call;
  const std::size_t bytes = sizeof(std::uint16_t) * static_cast<std::size_t>(call->M) * call->N;
  void* temporary = nullptr;
  if (cudaMalloc(&temporary, bytes) != cudaSuccess) return W4_CANNOT_TAKE;
  other.C = static_cast<std::uint16_t*>(temporary);
  const int code = cuda::run_marlin(&other);
  cudaDeviceSynchronize();
  cudaFree(temporary);
  return code;
}

int run_and_write_behind(const W4Call* call) {
  const int code = cuda::run_marlin(call);
  if (code != W4_DONE) return code;
  const int error = launch_write_behind(cuda::MarlinRun(*call).args(), call->stream);
  return error == cudaSuccess ? W4_DONE : W4_CUDA_ERROR + error;
}

int run_out_of_memory(const W4Call*) {
  void* too_much = nullptr;
  const int error = cudaMalloc(&too_much, std::size_t{1} << 50);
  return error == cudaSuccess ? W4_DONE : W4_CUDA_ERROR + error;
}

/// Up to 16 rows take the miscompiled instantiation, others the sound one.
int run_illegal(const W4Call* call) {
  if (call->groups == 1 || call->M > 16) return cuda::run_marlin(call);
  return run_unchecked(call,
                       [&](const cuda::MarlinArgs& args) { return launch_with_broken_policy(args, call->stream); });
}

struct Planted {
  const char* name;
  int (*run)(const W4Call*);
  std::int64_t (*workspace_bytes)(const W4Call*) = nullptr;  // null: those of the sound kernel
};

constexpr Planted kPlanted[] = {
    {"none", cuda::run_marlin},
    {"writeout-race", run_fault<cuda::MarlinFault::writeout_race>},
    {"smem-race", run_fault<cuda::MarlinFault::smem_race>},
    {"scale-ring-refill", run_fault<cuda::MarlinFault::scale_ring_refill>},
    {"small-group-tile-stale", run_stale_scales},
    {"tile-pointer-wrap", run_pointer_wrap},
    {"tile-loop-bound", run_loop_bound},
    {"k-tail-dropped", run_k_tail},
    {"lock-workspace-dirty", run_fault<cuda::MarlinFault::lock_left_dirty>},
    {"lock-workspace-small", run_fault<cuda::MarlinFault::none>, half_the_workspace},
    {"ctmp-null-or-small", run_without_partials},
    {"output-not-zeroed-atomic", run_fault<cuda::MarlinFault::output_added_to>},
    {"fp16-accumulate-overflow", run_fault<cuda::MarlinFault::fp16_accumulate>},
    {"epilogue-cast-order", run_fault<cuda::MarlinFault::cast_before_scale>},
    {"smem-optin-fail",
     [](const W4Call* call) {
       return run_unchecked(call,
                            [&](const cuda::MarlinArgs& args) { return launch_without_opt_in(args, call->stream); });
     }},
    {"grid-or-sms-invalid",
     [](const W4Call* call) {
       return run_unchecked(call, [&](const cuda::MarlinArgs& args) { return launch_on_no_grid(args, call->stream); });
     }},
    {"instantiation-missing-rc-ignored", run_missing},
    {"arch-guard-empty-body",
     [](const W4Call* call) {
       return run_unchecked(call,
                            [&](const cuda::MarlinArgs& args) { return launch_for_other_chip(args, call->stream); });
     }},
    {"out-of-memory", run_out_of_memory},
    {"wrong-stream", run_on_other_stream},
    {"output-to-temporary", run_to_temporary},
    {"output-overrun", run_and_write_behind},
    {"endless-spin", [](const W4Call* call) { return launch_endless(call->stream); }},
    {"device-trap", [](const W4Call* call) { return launch_trap(call->stream); }},
    {"device-assert", [](const W4Call* call) { return launch_assert(call->groups - call->groups, call->stream); }},
    {"l2-hint-illegal", run_illegal},
};

}  // namespace

const W4Plugin* planted_plugin(const char* fault) {
  static W4Plugin plugin;
  for (const Planted& planted : kPlanted) {
    if (std::strcmp(planted.name, fault) != 0) continue;
    plugin = cuda::marlin_plugin();
    plugin.name = "w4 marlin, changed";  // must not give the fault away
    plugin.run = planted.run;
    if (planted.workspace_bytes != nullptr) plugin.workspace_bytes = planted.workspace_bytes;
    return &plugin;
  }
  return nullptr;
}

}  // namespace w4::kernel::planted
