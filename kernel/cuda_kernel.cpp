// SPDX-License-Identifier: Apache-2.0
// Host code, in a .cpp: what CUDA's compiler makes of Eigen and the JSON library is nobody's business here.
#include "kernel/cuda_kernel.h"

#include "kernel/cuda_task.h"
#include "kernel/gather.h"
#include "kernel/gpu_repack.h"
#include "kernel/marlin_args.h"
#include "kernel/naive_kernel.h"
#include "kernel/naive_launch.h"
#include "kernel/repack_launch.h"

#include <algorithm>
#include <bit>
#include <cstdint>

namespace w4::kernel {

namespace {

static_assert(kTileColumns == repack::kTileN && repack::kPadN % kTileColumns == 0 && repack::kPadK % kUnitK == 0);

constexpr int kOneGroupShift = 31;  // every row of K shifts to group 0

Stripes stripes_of_task(const Task& task, const MarlinFacts& facts) {
  const auto ceil_div = [](int a, int b) { return (a + b - 1) / b; };
  const int blocks = task.launch.thread_blocks == 0 ? device_facts().multiprocessors : task.launch.thread_blocks;
  return stripes_of(task.packed.K / kUnitK, ceil_div(task.packed.N, facts.columns), ceil_div(task.A.rows(), facts.rows),
                    blocks);
}

void check_shared_memory(const MarlinFacts& facts) {
  const DeviceFacts device = device_facts();
  if (facts.shared_bytes > device.shared_bytes)
    throw CannotTest("the kernel for {} rows takes {} bytes of shared memory, {} gives a thread block {}", facts.rows,
                     facts.shared_bytes, device.name, device.shared_bytes);
}

std::vector<std::int32_t> locks_before(const Task& task, const Stripes& stripes) {
  const auto needed = static_cast<std::size_t>(stripes.columns) * stripes.problems;
  const std::vector<std::int32_t>& given = task.launch.workspace;
  if (!given.empty() && given.size() < needed)
    throw CannotTest("the workspace has {} locks, {} are needed", given.size(), needed);
  return given.empty() ? std::vector<std::int32_t>(needed) : given;
}

/// A as the kernel reads it: its own order where it has one, and padded to K columns.
struct OrderedA {
  DeviceBuffer gathered;
  const std::uint16_t* A;
  std::string launch_error;

  OrderedA(const Task& task, const TaskOnDevice& on_device) : A(on_device.A.as<std::uint16_t>()) {
    const repack::Packed& packed = task.packed;
    if (packed.perm.empty() && packed.stored_K == packed.K) return;
    gathered = DeviceBuffer("ordered A", static_cast<std::size_t>(task.A.rows()) * packed.K * sizeof(std::uint16_t));
    A = gathered.as<std::uint16_t>();
    launch_error = name_of_error(launch_gather({.A = on_device.A.as<std::uint16_t>(),
                                                .perm = on_device.perm.as<std::int32_t>(),
                                                .ordered = gathered.as<std::uint16_t>(),
                                                .M = task.A.rows(),
                                                .K = packed.K,
                                                .stored_K = packed.stored_K}));
  }
};

MarlinArgs args_of(const Task& task, const TaskOnDevice& on_device, const Stripes& stripes) {
  const repack::Packed& packed = task.packed;
  return {
      .A = nullptr,
      .words = on_device.words.as<std::uint32_t>(),
      .scales = on_device.scales.as<std::uint16_t>(),
      .zeros = on_device.zeros.as<std::uint32_t>(),
      .bias = on_device.bias.as<std::uint16_t>(),
      .C = on_device.C.as<std::uint16_t>(),
      .partials = nullptr,
      .locks = nullptr,
      .M = task.A.rows(),
      .N = packed.N,
      .K = packed.K,
      .group_shift = packed.one_group() ? kOneGroupShift : std::countr_zero(static_cast<unsigned>(packed.group_size)),
      .reduce_16 = task.launch.reduce_bits == 16,
      .stripes = stripes};
}

}  // namespace

RunResult run_cuda(const Task& task) {
  check_for_device(task);
  const MarlinFacts facts = marlin_facts(task.A.rows());
  check_shared_memory(facts);
  const Stripes stripes = stripes_of_task(task, facts);
  RunResult result;
  result.C = filled_output(task);
  result.workspace = locks_before(task, stripes);

  const TaskOnDevice on_device(task);
  DeviceBuffer partials("partials", std::size_t{2} * stripes.thread_blocks * facts.slot_floats * sizeof(float));
  partials.fill(0xFF);  // NaN
  const DeviceBuffer locks("workspace", result.workspace.data(), result.workspace.size() * sizeof(std::int32_t));
  const OrderedA ordered(task, on_device);
  MarlinArgs args = args_of(task, on_device, stripes);
  args.A = ordered.A;
  args.partials = partials.as<float>();
  args.locks = locks.as<int>();
  result.launch_error = ordered.launch_error;
  if (result.launch_error.empty())
    result.launch_error = name_of_error(launch_marlin(args, {.M = args.M,
                                                             .bf16 = task.packed.dtype == DType::bf16,
                                                             .grouped = !task.packed.one_group(),
                                                             .zeros = !task.packed.zeros.empty()}));
  result.synchronise_error = synchronise();
  if (!result.synchronise_error.empty()) return result;  // nothing can be read from this context any more
  result.C = output_of(on_device, task);
  locks.download(result.workspace.data());
  result.guards_intact = on_device.guards_intact() && partials.guards_intact() && locks.guards_intact() &&
                         ordered.gathered.guards_intact();
  return result;
}

CudaPlan cuda_plan(const Task& task) {
  check_for_device(task);
  const MarlinFacts facts = marlin_facts(task.A.rows());
  const Stripes stripes = stripes_of_task(task, facts);
  CudaPlan plan{.problem_rows = facts.rows,
                .thread_n = facts.columns,
                .problems = stripes.problems,
                .columns = stripes.columns,
                .thread_blocks = stripes.thread_blocks,
                .slices = {}};
  plan.slices.resize(static_cast<std::size_t>(stripes.columns) * stripes.problems);
  for (int block = 0; block < stripes.thread_blocks; ++block)
    for (int unit = stripes.begin(block); unit < stripes.begin(block + 1);) {
      const int column = unit / stripes.k_units, first = column * stripes.k_units;
      const int end = std::min(stripes.begin(block + 1), first + stripes.k_units);
      plan.slices[static_cast<std::size_t>(column)].push_back(
          {.k_begin = kUnitK * (unit - first), .k_end = kUnitK * (end - first)});
      unit = end;
    }
  return plan;
}

RunResult run_naive(const Task& task) {
  check_for_device(task);
  RunResult result;
  result.C = filled_output(task);
  result.workspace = task.launch.workspace;  // not used
  const TaskOnDevice on_device(task);
  const repack::Packed& packed = task.packed;
  result.launch_error = name_of_error(launch_naive({.A = on_device.A.as<std::uint16_t>(),
                                                    .words = on_device.words.as<std::uint32_t>(),
                                                    .scales = on_device.scales.as<std::uint16_t>(),
                                                    .zeros = on_device.zeros.as<std::uint32_t>(),
                                                    .perm = on_device.perm.as<std::int32_t>(),
                                                    .bias = on_device.bias.as<std::uint16_t>(),
                                                    .C = on_device.C.as<std::uint16_t>(),
                                                    .M = task.A.rows(),
                                                    .N = packed.N,
                                                    .stored_N = packed.stored_N,
                                                    .stored_K = packed.stored_K,
                                                    .group_size = packed.group_size,
                                                    .one_group = packed.one_group(),
                                                    .bf16 = packed.dtype == DType::bf16}));
  result.synchronise_error = synchronise();
  if (!result.synchronise_error.empty()) return result;
  result.C = output_of(on_device, task);
  result.guards_intact = on_device.guards_intact();
  return result;
}

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
  if (!packed.guards_intact()) throw CudaFailure("gpu_repack: wrote beside its output");
  return Grid<std::uint32_t>::made(rows, columns, [&](std::span<std::uint32_t> out) { packed.download(out.data()); });
}

}  // namespace w4::kernel
