// SPDX-License-Identifier: Apache-2.0
#include "kernel/cuda/marlin_run.h"

#include "kernel/cuda/gather.h"

#include <cuda_runtime_api.h>

#include <bit>

namespace w4::kernel::cuda {

namespace {

constexpr std::int64_t kAlignment = 256;
constexpr int kOneGroupShift = 31;  // every row of K shifts to group 0
constexpr std::int64_t kBits16Bytes = 2;

int ceil_div(int a, int b) { return (a + b - 1) / b; }

int device_value(cudaDeviceAttr attribute) {
  int device = 0, value = 0;
  if (cudaGetDevice(&device) != cudaSuccess || cudaDeviceGetAttribute(&value, attribute, device) != cudaSuccess)
    return 0;  // fits() is false then, and nothing is launched
  return value;
}

bool device_has_wgmma() {
  return marlin_has_wgmma(device_value(cudaDevAttrComputeCapabilityMajor),
                          device_value(cudaDevAttrComputeCapabilityMinor));
}

int blocks_of(const W4Call& call) {
  return call.thread_blocks > 0 ? call.thread_blocks : std::max(1, device_value(cudaDevAttrMultiProcessorCount));
}

cudaStream_t stream_of(const W4Call& call) { return static_cast<cudaStream_t>(call.stream); }

}  // namespace

MarlinRun::MarlinRun(const W4Call& call)
    : call_(call),
      sizes_(marlin_sizes(call.M, device_has_wgmma())),
      stripes_(stripes_of(call.padded_K / kUnitK, ceil_div(call.padded_N, sizes_.columns()),
                          ceil_div(call.M, sizes_.rows()), blocks_of(call))),
      partials_(room(std::int64_t{2} * stripes_.thread_blocks * sizes_.slot_floats() * sizeof(float))),
      ordered_(room(orders_A() ? kBits16Bytes * call.M * call.padded_K : 0)),
      padded_C_(room(pads_N() ? kBits16Bytes * call.M * call.padded_N : 0)),
      padded_bias_(room(pads_bias() ? kBits16Bytes * call.padded_N : 0)) {}

std::int64_t MarlinRun::room(std::int64_t bytes) {
  const std::int64_t at = end_;
  end_ = (end_ + bytes + kAlignment - 1) / kAlignment * kAlignment;
  return at;
}

std::int64_t MarlinRun::workspace_bytes() const {
  return static_cast<std::int64_t>(sizeof(int)) * stripes_.columns * stripes_.problems;
}

bool MarlinRun::fits() const {
  return marlin_shared_bytes(sizes_) <= device_value(cudaDevAttrMaxSharedMemoryPerBlockOptin) &&
         call_.workspace_bytes >= workspace_bytes();
}

MarlinChoice MarlinRun::choice() const {
  return {.sizes = sizes_, .bf16 = call_.type == W4_BF16, .grouped = call_.groups > 1, .zeros = call_.zeros != nullptr};
}

int MarlinRun::prepare() const {
  if (pads_bias()) {
    auto* const bias = scratch<std::uint16_t>(padded_bias_);
    const auto bytes = static_cast<std::size_t>(kBits16Bytes * call_.padded_N);
    if (const int error = cudaMemsetAsync(bias, 0, bytes, stream_of(call_)); error != cudaSuccess) return error;
    const int error = cudaMemcpyAsync(bias, call_.bias, static_cast<std::size_t>(kBits16Bytes * call_.N),
                                      cudaMemcpyDeviceToDevice, stream_of(call_));
    if (error != cudaSuccess) return error;
  }
  if (!orders_A()) return cudaSuccess;
  return launch_gather({.A = call_.A,
                        .perm = call_.perm,
                        .ordered = scratch<std::uint16_t>(ordered_),
                        .M = call_.M,
                        .K = call_.padded_K,
                        .stored_K = call_.K},
                       call_.stream);
}

MarlinArgs MarlinRun::args() const {
  return {.A = orders_A() ? scratch<std::uint16_t>(ordered_) : call_.A,
          .words = call_.words,
          .scales = call_.scales,
          .zeros = call_.zeros,
          .bias = pads_bias() ? scratch<std::uint16_t>(padded_bias_) : call_.bias,
          .C = pads_N() ? scratch<std::uint16_t>(padded_C_) : call_.C,
          .partials = scratch<float>(partials_),
          .locks = static_cast<int*>(call_.workspace),
          .M = call_.M,
          .N = call_.padded_N,
          .K = call_.padded_K,
          .group_shift = call_.groups > 1 ? std::countr_zero(static_cast<unsigned>(call_.group_size)) : kOneGroupShift,
          .reduce_16 = call_.reduce_bits == 16,
          .stripes = stripes_};
}

int MarlinRun::finish() const {
  if (!pads_N()) return cudaSuccess;
  const auto row = static_cast<std::size_t>(kBits16Bytes * call_.N);
  const auto padded_row = static_cast<std::size_t>(kBits16Bytes * call_.padded_N);
  return cudaMemcpy2DAsync(call_.C, row, scratch<std::uint16_t>(padded_C_), padded_row, row,
                           static_cast<std::size_t>(call_.M), cudaMemcpyDeviceToDevice, stream_of(call_));
}

int run_marlin(const W4Call* call) {
  const MarlinRun run(*call);
  if (!run.fits()) return W4_CANNOT_TAKE;
  int error = run.prepare();
  if (error == cudaSuccess) error = launch_marlin(run.args(), run.choice(), call->stream);
  if (error == cudaSuccess) error = run.finish();
  return error == cudaSuccess ? W4_DONE : W4_CUDA_ERROR + error;
}

W4Plugin marlin_plugin() {
  return {.version = W4_PLUGIN_VERSION,
          .name = "w4 marlin",
          .pointers = W4_DEVICE,
          .formats = W4_MARLIN,
          .types = W4_FP16 | W4_BF16,
          .groups = W4_GROUP_32 | W4_GROUP_64 | W4_GROUP_128 | W4_ONE_GROUP,
          .extras = W4_ZEROS | W4_PERM | W4_BIAS,
          .workspace_bytes = [](const W4Call* call) { return MarlinRun(*call).workspace_bytes(); },
          .scratch_bytes = [](const W4Call* call) { return MarlinRun(*call).scratch_bytes(); },
          .run = run_marlin};
}

}  // namespace w4::kernel::cuda
