// SPDX-License-Identifier: Apache-2.0
#include "kernel/plugin_kernel.h"

#include "fixtures/error.h"

#include <algorithm>

namespace w4::kernel {
namespace {

using worker::Ask;
using worker::Request;

constexpr std::int64_t kMostWorkspaceBytes = 1 << 30;  // more is a mistake, and would cost this process its memory

std::uint32_t type_bit(DType type) { return type == DType::bf16 ? W4_BF16 : W4_FP16; }

std::uint32_t group_bit(const repack::Packed& packed) {
  if (packed.one_group()) return W4_ONE_GROUP;
  return packed.group_size == 32 ? W4_GROUP_32 : packed.group_size == 64 ? W4_GROUP_64 : W4_GROUP_128;
}

W4Call call_of(const Task& task) {
  const repack::Packed& packed = task.packed;
  W4Call call = {};
  call.size = sizeof call;
  call.type = static_cast<std::int32_t>(type_bit(packed.dtype));
  call.M = task.A.rows();
  call.N = packed.stored_N;
  call.K = packed.stored_K;
  call.padded_N = packed.N;
  call.padded_K = packed.K;
  call.group_size = packed.group_size;
  call.groups = packed.groups();
  call.thread_k = task.launch.block_tile.thread_k;
  call.thread_n = task.launch.block_tile.thread_n;
  call.thread_blocks = task.launch.thread_blocks;
  call.reduce_bits = task.launch.reduce_bits;
  call.number = task.launch.number;
  return call;
}

template <class T>
std::uint64_t input(SharedBuffers& buffers, const char* name, const Grid<T>& grid) {
  return grid.empty() ? 0 : buffers.add(name, grid.size() * sizeof(T), grid.data());
}

/// The memory of a run, and the request that names its places.
class Memory {
 public:
  Memory(int fd, const Task& task, std::size_t locks) : buffers_(fd), outputs_(outputs_of(task)), locks_(locks) {
    request_.ask = Ask::run;
    request_.call = call_of(task);
    worker::Places& places = request_.places;
    places.A = input(buffers_, "A", task.A);
    places.words = input(buffers_, "words", task.packed.words);
    places.scales = input(buffers_, "scales", task.packed.scales);
    places.zeros = input(buffers_, "zeros", task.packed.zeros);
    places.perm = input(buffers_, "perm", task.packed.perm);
    places.bias = input(buffers_, "bias", task.packed.bias);
    places.C = buffers_.add("C", outputs_ * sizeof(std::uint16_t), nullptr);
    if (locks_ > 0) places.workspace = buffers_.add("workspace", locks_ * sizeof(std::int32_t), nullptr);
    request_.call.workspace_bytes = static_cast<std::int64_t>(locks_ * sizeof(std::int32_t));
    buffers_.map();
    request_.memory_bytes = buffers_.total_bytes();
    std::ranges::fill(C(), task.launch.fill);
    std::ranges::fill(workspace(), 0);
    const auto given = std::min(locks_, task.launch.workspace.size());
    std::copy_n(task.launch.workspace.begin(), given, workspace().begin());
  }

  const Request& request() const { return request_; }

  void read_back(const Task& task, RunResult& result) {
    result.C = Grid<std::uint16_t>::made(task.A.rows(), task.packed.stored_N,
                                         [&](std::span<std::uint16_t> out) { std::ranges::copy(C(), out.begin()); });
    result.workspace.assign(workspace().begin(), workspace().end());
    result.trespasses = buffers_.trespasses();
    result.guards_intact = result.trespasses.empty();
  }

 private:
  static std::size_t outputs_of(const Task& task) {
    return static_cast<std::size_t>(task.A.rows()) * static_cast<std::size_t>(task.packed.stored_N);
  }
  std::span<std::uint16_t> C() { return buffers_.at<std::uint16_t>(request_.places.C, outputs_); }
  std::span<std::int32_t> workspace() {
    return buffers_.at<std::int32_t>(request_.places.workspace, locks_);  // empty without one
  }

  SharedBuffers buffers_;
  std::size_t outputs_;
  std::size_t locks_;
  Request request_ = {};
};

RunResult nothing_written(const Task& task) {
  RunResult result;
  result.C = Grid<std::uint16_t>::made(task.A.rows(), task.packed.stored_N,
                                       [&](std::span<std::uint16_t> out) { std::ranges::fill(out, task.launch.fill); });
  return result;
}

}  // namespace

PluginKernel::PluginKernel(const std::filesystem::path& file, std::chrono::milliseconds timeout)
    : file_(std::filesystem::absolute(file)), child_(file_, timeout) {  // a bare name is searched in library folders
  const W4Plugin& plugin = child_.greeting().plugin;
  if (plugin.pointers == W4_DEVICE)
    throw CannotTest("{}: takes device pointers and needs a GPU: this build has no CUDA runs yet", file.string());
  if (plugin.pointers != W4_HOST)
    throw InputError("{}: pointers is {}, it is one of W4_HOST ({}), W4_DEVICE ({})", file.string(), plugin.pointers,
                     static_cast<int>(W4_HOST), static_cast<int>(W4_DEVICE));
}

std::string PluginKernel::name() const {
  const std::string name = child_.greeting().text;
  return name.empty() ? file_.filename().string() : name;
}

void PluginKernel::check_takes(const Task& task) const {
  const W4Plugin& plugin = child_.greeting().plugin;
  const repack::Packed& packed = task.packed;
  const auto need = [&](std::uint32_t takes, std::uint32_t bit, const std::string& what) {
    if ((takes & bit) == 0) throw CannotTest("{} does not take {}", name(), what);
  };
  need(plugin.formats, W4_MARLIN, "the Marlin format, and nothing else is handed over");
  need(plugin.types, type_bit(packed.dtype), std::string(name_of(packed.dtype)));
  need(plugin.groups, group_bit(packed),
       packed.one_group() ? "one group (-1)" : fmt::format("group_size {}", packed.group_size));
  if (!packed.zeros.empty()) need(plugin.extras, W4_ZEROS, "zero points, and this layer is asymmetric");
  if (!packed.perm.empty()) need(plugin.extras, W4_PERM, "a permutation, and this layer has act-order");
  if (!packed.bias.empty()) need(plugin.extras, W4_BIAS, "a bias, and this layer has one");
}

RunResult PluginKernel::run(const Task& task) {
  check_takes(task);
  RunResult result = nothing_written(task);
  Child::Fault fault;
  std::size_t locks = task.launch.workspace.size();
  if (locks == 0) {
    const auto bytes =
        child_.ask({.ask = Ask::workspace, .call = call_of(task), .places = {}, .memory_bytes = 0}, fault);
    if (!bytes) {
      note(fault, result);
      result.message = "it happened in workspace_bytes(), before the launch";
      return result;
    }
    if (*bytes < 0 || *bytes > kMostWorkspaceBytes)
      throw InputError("{}: workspace_bytes() returned {}, it is at least 0 and at most {}", name(), *bytes,
                       kMostWorkspaceBytes);
    locks = (static_cast<std::size_t>(*bytes) + sizeof(std::int32_t) - 1) / sizeof(std::int32_t);
  }
  Memory memory(child_.memory(), task, locks);
  if (const auto code = child_.ask(memory.request(), fault))
    result.return_code = static_cast<int>(*code);
  else
    note(fault, result);
  memory.read_back(task, result);
  return result;
}

}  // namespace w4::kernel
