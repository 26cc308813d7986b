// SPDX-License-Identifier: Apache-2.0
// Host code in a .cpp, so that nvcc need not parse the C++ libraries.
#include "kernel/cuda/gpu_repack.h"

#include "kernel/cuda/device.h"
#include "kernel/cuda/repack_launch.h"

namespace w4::kernel::cuda {

Grid<std::uint32_t> gpu_repack(const repack::Weights& w) {
  std::string why;
  if (!cuda_available(&why)) throw CannotTest("{}", why);
  if (w.format != fixtures::Format::gptq) throw CannotTest("format {}: the GPU repacks gptq", name_of(w.format));
  const DeviceBuffer words("qweight", w.words.data(), w.words.size() * sizeof(std::uint32_t));
  const DeviceBuffer order("row_order", w.row_order.data(), w.row_order.size() * sizeof(std::int32_t));
  const DeviceBuffer zeros("zeros", w.kernel_zeros.data(), w.kernel_zeros.size());
  const int rows = w.padded_K() / repack::kTileK, columns = 2 * w.padded_N();
  const DeviceBuffer packed("packed", static_cast<std::size_t>(rows) * columns * sizeof(std::uint32_t));
  const std::string launch_error =
      name_of_error(launch_repack({.words = words.as<std::uint32_t>(),
                                   .row_order = order.as<std::int32_t>(),
                                   .zeros = zeros.as<std::uint8_t>(),
                                   .packed = packed.as<std::uint32_t>(),
                                   .K = w.K,
                                   .N = w.N,
                                   .padded_K = w.padded_K(),
                                   .padded_N = w.padded_N(),
                                   .group_size = w.one_group() ? w.padded_K() : w.kernel_group_size}));
  const std::string synchronise_error = synchronise();
  if (!launch_error.empty() || !synchronise_error.empty())
    throw CudaFailure("gpu_repack: " + launch_error + synchronise_error);
  if (!packed.guards_intact()) throw CudaFailure("gpu_repack: wrote outside its output");
  return Grid<std::uint32_t>::made(rows, columns, [&](std::span<std::uint32_t> out) { packed.download(out.data()); });
}

}  // namespace w4::kernel::cuda
