// SPDX-License-Identifier: Apache-2.0
#include "kernel/child/plugin_kernel.h"

#include "fixtures/error.h"
#include "kernel/child/declines.h"
#include "kernel/lane_model/launch.h"

#include <algorithm>

namespace w4::kernel::child {
namespace {

using worker::Ask;
using worker::Request;

constexpr std::int64_t kMostBytes = 1 << 30;  // a larger answer is a mistake, and would exhaust this process's memory
constexpr std::byte kNaNByte{0xFF};           // NaN in every type

static_assert(kDeclines == W4_CANNOT_TAKE);

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
  call.extras =
      (packed.zeros.empty() ? 0 : W4_ZEROS) | (packed.perm.empty() ? 0 : W4_PERM) | (packed.bias.empty() ? 0 : W4_BIAS);
  call.number = task.launch.number;
  return call;
}

worker::Place place(SharedBuffers& buffers, const char* name, std::size_t bytes, const void* source) {
  if (bytes == 0) return {};
  return {.at = buffers.add(name, bytes, source), .bytes = bytes};
}

template <class T>
worker::Place input(SharedBuffers& buffers, const char* name, const Grid<T>& grid) {
  return place(buffers, name, grid.size() * sizeof(T), grid.data());
}

/// The memory of a run, and the request with its places.
class Memory {
 public:
  Memory(int fd, const Task& task, std::size_t locks, std::size_t scratch_bytes)
      : buffers_(fd), outputs_(outputs_of(task)), locks_(locks) {
    request_.ask = Ask::run;
    request_.call = call_of(task);
    worker::Places& places = request_.places;
    places.A = input(buffers_, "A", task.A);
    places.words = input(buffers_, "words", task.packed.words);
    places.scales = input(buffers_, "scales", task.packed.scales);
    places.zeros = input(buffers_, "zeros", task.packed.zeros);
    places.perm = input(buffers_, "perm", task.packed.perm);
    places.bias = input(buffers_, "bias", task.packed.bias);
    places.C = place(buffers_, "C", outputs_ * sizeof(std::uint16_t), nullptr);
    places.workspace = place(buffers_, "workspace", locks_ * sizeof(std::int32_t), nullptr);
    places.scratch = place(buffers_, "scratch", scratch_bytes, nullptr);
    request_.call.workspace_bytes = static_cast<std::int64_t>(places.workspace.bytes);
    request_.call.scratch_bytes = static_cast<std::int64_t>(places.scratch.bytes);
    request_.late_A = task.launch.late_A;
    buffers_.map();
    request_.memory_bytes = buffers_.total_bytes();
    std::ranges::fill(buffers_.at<std::byte>(places.scratch.at, scratch_bytes), kNaNByte);
    std::ranges::fill(C(), task.launch.fill);
    std::ranges::fill(workspace(), 0);
    const auto given = std::min(locks_, task.launch.workspace.size());
    std::copy_n(task.launch.workspace.begin(), given, workspace().begin());
  }

  /// Without guard zones on the device, for compute-sanitizer.
  void set_apart() { request_.apart = true; }
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
  std::span<std::uint16_t> C() { return buffers_.at<std::uint16_t>(request_.places.C.at, outputs_); }
  std::span<std::int32_t> workspace() {
    return buffers_.at<std::int32_t>(request_.places.workspace.at, locks_);  // empty without one
  }

  SharedBuffers buffers_;
  std::size_t outputs_;
  std::size_t locks_;
  Request request_ = {};
};

void take(const worker::Answer& answer, const std::string& name, RunResult& result) {
  if (answer.cannot_test[0] != '\0') throw ToolFailed("{}: {}", name, answer.cannot_test);
  const bool is_cuda_error = answer.value >= W4_CUDA_ERROR && answer.launch_error[0] != '\0';
  result.return_code = is_cuda_error ? W4_DONE : static_cast<int>(answer.value);
  result.launch_error = answer.launch_error;
  result.synchronise_error = answer.synchronise_error;
  result.seconds = answer.seconds;
  result.launches_watched = answer.watched;
  result.launch_count = answer.launch_count;
  for (int i = 0; i < std::min(answer.launch_count, worker::kMostLaunches); ++i) {
    const worker::SentLaunch& sent = answer.launches[i];
    result.kernel_launches.push_back({sent.numbers, sent.kernel, sent.error});
  }
  if (answer.value != W4_DONE) return;
  for (const KernelLaunch& launch : result.kernel_launches)
    if (result.unchecked_launch_error.empty()) result.unchecked_launch_error = launch.error;
}

}  // namespace

PluginKernel::PluginKernel(const std::filesystem::path& file, std::chrono::milliseconds timeout,
                           std::vector<std::string> wrapper)
    : file_(std::filesystem::absolute(file)),  // dlopen searches a bare name in library folders
      apart_(!wrapper.empty()),
      child_(file_, timeout, std::move(wrapper)) {
  const W4Plugin& plugin = child_.greeting().plugin;
  if (plugin.pointers != W4_HOST && plugin.pointers != W4_DEVICE)
    throw InputError("{}: pointers is {}, it is one of W4_HOST ({}), W4_DEVICE ({})", file.string(), plugin.pointers,
                     static_cast<int>(W4_HOST), static_cast<int>(W4_DEVICE));
}

std::string PluginKernel::name() const {
  const std::string name = child_.greeting().text;
  return name.empty() ? file_.filename().string() : name;
}

bool PluginKernel::on_device() const { return child_.greeting().plugin.pointers == W4_DEVICE; }
bool PluginKernel::takes_bias() const { return (child_.greeting().plugin.extras & W4_BIAS) != 0; }
std::string PluginKernel::device() const { return child_.greeting().device; }
std::string PluginKernel::driver() const { return child_.greeting().driver; }
int PluginKernel::multiprocessors() const { return child_.greeting().multiprocessors; }
std::string PluginKernel::unwatched() const { return child_.greeting().unwatched; }
bool PluginKernel::finish() { return child_.finish(); }

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
  if (task.launch.thread_blocks < 0)
    throw CannotTest("thread_blocks={}: 0 (as many as the kernel likes) or more are needed", task.launch.thread_blocks);
  if (task.launch.reduce_bits != 16 && task.launch.reduce_bits != 32)
    throw CannotTest("reduce_bits={}: partial sums are handed over in 16 or 32 bits", task.launch.reduce_bits);
  if (!packed.perm.empty()) need(plugin.extras, W4_PERM, "a permutation, and this layer has act-order");
  if (!packed.bias.empty()) need(plugin.extras, W4_BIAS, "a bias, and this layer has one");
}

/// Bytes of workspace or scratch that the plug-in asks for; nothing: it ended before it answered.
std::optional<std::size_t> PluginKernel::bytes_asked(Ask what, const Task& task, RunResult& result) {
  const char* const function = what == Ask::workspace ? "workspace_bytes()" : "scratch_bytes()";
  Request request = {};
  request.ask = what;
  request.call = call_of(task);
  Child::Fault fault;
  const auto answer = child_.ask(request, fault);
  if (!answer) {
    note(fault, result);
    result.message = fmt::format("it happened in {}, before the launch", function);
    return {};
  }
  if (answer->value < 0 || answer->value > kMostBytes)
    throw InputError("{}: {} returned {}, it is at least 0 and at most {}", name(), function, answer->value,
                     kMostBytes);
  return static_cast<std::size_t>(answer->value);
}

RunResult PluginKernel::run(const Task& task) {
  lane_model::check_shapes(task);
  check_takes(task);
  RunResult result;
  result.C = Grid<std::uint16_t>::filled(task.A.rows(), task.packed.stored_N, task.launch.fill);
  std::size_t locks = task.launch.workspace.size();
  if (locks == 0) {
    const auto bytes = bytes_asked(Ask::workspace, task, result);
    if (!bytes) return result;
    locks = (*bytes + sizeof(std::int32_t) - 1) / sizeof(std::int32_t);
  }
  const auto scratch_bytes = bytes_asked(Ask::scratch, task, result);
  if (!scratch_bytes) return result;
  Memory memory(child_.memory(), task, locks, *scratch_bytes);
  if (apart_) memory.set_apart();
  Child::Fault fault;
  if (const auto answer = child_.ask(memory.request(), fault))
    take(*answer, name(), result);
  else
    note(fault, result);
  memory.read_back(task, result);
  check_refused(result, task, name());
  return result;
}

}  // namespace w4::kernel::child
