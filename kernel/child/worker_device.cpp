// SPDX-License-Identifier: Apache-2.0
#include "kernel/child/worker_device.h"

#include "fixtures/stopwatch.h"
#include "kernel/child/launch_watch.h"

#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace w4::kernel::worker {

namespace {

constexpr int kNaNByte = 0xFF;  // NaN in either 16-bit type
constexpr auto kLate = std::chrono::milliseconds(20);

/// A failed call of this program itself. Faults of the kernel are not exceptions.
class Failure : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

void check(cudaError_t error, const char* what, std::size_t bytes = 0) {
  if (error == cudaSuccess) return;
  if (error == cudaErrorMemoryAllocation) throw Failure(fmt::format("the device has no {} bytes left", bytes));
  throw Failure(fmt::format("{}: {}", what, cudaGetErrorName(error)));
}

/// Device memory. After a lost context cudaFree fails, and the end of the process frees it.
class Allocation {
 public:
  explicit Allocation(std::size_t bytes) { check(cudaMalloc(&first_, bytes), "cudaMalloc", bytes); }
  Allocation(Allocation&& other) noexcept : first_(std::exchange(other.first_, nullptr)) {}
  ~Allocation() { cudaFree(first_); }
  std::byte* first() const { return static_cast<std::byte*>(first_); }

 private:
  void* first_ = nullptr;
};

class Stream {
 public:
  Stream() { check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags"); }
  Stream(const Stream&) = delete;
  ~Stream() { cudaStreamDestroy(stream_); }
  cudaStream_t get() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

/// The buffers on the device: one allocation with the layout of the shared memory, or one for each buffer.
class DeviceMemory {
 public:
  DeviceMemory(const Request& request, std::byte* host) : host_(host) {
    const Places& all = request.places;
    if (request.apart)
      for (const Place& place :
           {all.A, all.words, all.scales, all.zeros, all.perm, all.bias, all.C, all.workspace, all.scratch})
        add(place);
    else
      add({.at = 0, .bytes = request.memory_bytes});
    for (const Part& part : parts_)
      check(cudaMemcpy(part.memory.first(), host_ + part.place.at, part.place.bytes, cudaMemcpyHostToDevice), "upload");
  }

  std::byte* at(const Place& place) const {
    for (const Part& part : parts_)
      if (place.at >= part.place.at && place.at < part.place.at + part.place.bytes)
        return part.memory.first() + (place.at - part.place.at);
    return nullptr;
  }

  void bring_back() const {
    for (const Part& part : parts_)
      check(cudaMemcpy(host_ + part.place.at, part.memory.first(), part.place.bytes, cudaMemcpyDeviceToHost),
            "download");
  }

 private:
  struct Part {
    Place place;
    Allocation memory;
  };
  void add(const Place& place) {
    if (place.bytes > 0) parts_.push_back({place, Allocation(place.bytes)});
  }

  std::byte* host_;
  std::vector<Part> parts_;
};

/// A holds NaN until a copy on the given stream, queued behind a pause: a kernel on another stream reads the NaN.
class LateA {
 public:
  LateA(const Request& request, std::byte* A, cudaStream_t stream) : copy_(request.places.A.bytes) {
    const std::size_t bytes = request.places.A.bytes;
    check(cudaMemcpy(copy_.first(), A, bytes, cudaMemcpyDeviceToDevice), "copy of A");
    check(cudaMemset(A, kNaNByte, bytes), "cudaMemset");
    check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    check(cudaLaunchHostFunc(
              stream, [](void*) { std::this_thread::sleep_for(kLate); }, nullptr),
          "cudaLaunchHostFunc");
    check(cudaMemcpyAsync(A, copy_.first(), bytes, cudaMemcpyDeviceToDevice, stream), "cudaMemcpyAsync");
  }

 private:
  Allocation copy_;
};

void report_launches(const std::vector<KernelLaunch>& launches, Answer& answer) {
  answer.watched = LaunchWatch::why_not().empty();
  answer.launch_count = static_cast<int>(launches.size());
  for (int i = 0; i < std::min(answer.launch_count, kMostLaunches); ++i) {
    const KernelLaunch& launch = launches[static_cast<std::size_t>(i)];
    answer.launches[i].numbers = launch;
    put(answer.launches[i].kernel, launch.kernel.c_str());
    put(answer.launches[i].error, launch.error.c_str());
  }
}

void run(const Request& request, std::byte* host, const W4Plugin& plugin, Answer& answer) {
  const Stream stream;
  const DeviceMemory memory(request, host);
  W4Call call = placed_call(request, [&](const Place& place) { return memory.at(place); });
  call.stream = stream.get();
  check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");  // the inputs are complete for any stream
  std::vector<LateA> late;
  if (request.late_A) late.emplace_back(request, memory.at(request.places.A), stream.get());
  LaunchWatch::start(call.stream);
  const Stopwatch watch;
  answer.value = plugin.run(&call);
  report_launches(LaunchWatch::stop(), answer);
  if (answer.value >= W4_CUDA_ERROR)
    put(answer.launch_error, cudaGetErrorName(static_cast<cudaError_t>(answer.value - W4_CUDA_ERROR)));
  if (const cudaError_t error = cudaDeviceSynchronize(); error != cudaSuccess) {
    put(answer.synchronise_error, cudaGetErrorName(error));
    return;
  }
  answer.seconds = watch.seconds();
  memory.bring_back();
}

}  // namespace

std::string why_no_device() {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess) return fmt::format("there is no CUDA device: {}", cudaGetErrorName(error));
  if (count == 0) return "there is no CUDA device";
  if (const cudaError_t set = cudaSetDevice(0); set != cudaSuccess)
    return fmt::format("the CUDA device cannot be used: {}", cudaGetErrorName(set));
  return "";
}

int multiprocessors() {
  int count = 0;
  check(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, 0), "cudaDeviceGetAttribute");
  return count;
}

std::string device_name() {
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, 0), "cudaGetDeviceProperties");
  return fmt::format("{}, sm_{}{}, {} multiprocessors", properties.name, properties.major, properties.minor,
                     properties.multiProcessorCount);
}

std::string driver_version() {
  int version = 0;  // 12080 is 12.8
  check(cudaDriverGetVersion(&version), "cudaDriverGetVersion");
  return fmt::format("CUDA {}.{}", version / 1000, version % 1000 / 10);
}

void run_on_device(const Request& request, std::byte* memory, const W4Plugin& plugin, Answer& answer) {
  try {
    run(request, memory, plugin, answer);
  } catch (const Failure& failure) {
    put(answer.cannot_test, failure.what());
  }
}

}  // namespace w4::kernel::worker
