// SPDX-License-Identifier: Apache-2.0
#include "kernel/cuda/device.h"

#include <cuda_runtime_api.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace w4::kernel::cuda {

namespace {

constexpr std::size_t kGuardBytes = 1024;  // keeps the alignment of cudaMalloc
constexpr int kGuardByte = 0xA5;

void check(cudaError_t error, const char* call, const char* name) {
  if (error == cudaSuccess) return;
  throw CudaFailure(std::string(call) + "(" + name + "): " + cudaGetErrorName(error));
}

bool is_guard(const char* zone, const char* name) {
  std::vector<unsigned char> bytes(kGuardBytes);
  check(cudaMemcpy(bytes.data(), zone, kGuardBytes, cudaMemcpyDeviceToHost), "cudaMemcpy", name);
  return std::all_of(bytes.begin(), bytes.end(), [](unsigned char byte) { return byte == kGuardByte; });
}

}  // namespace

std::string name_of_error(int error) {
  return error == cudaSuccess ? "" : cudaGetErrorName(static_cast<cudaError_t>(error));
}

bool cuda_available(std::string* why) {
  constexpr int kMajor = 8;  // mma.m16n8k16 and cp.async
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  std::string reason;
  if (error != cudaSuccess || count == 0)
    reason = "no CUDA device: " + (error != cudaSuccess ? name_of_error(error) : "none found");
  else if (const DeviceFacts device = device_facts(); device.major < kMajor)
    reason = device.name + " has compute capability " + std::to_string(device.major) + "." +
             std::to_string(device.minor) + ", the kernels need 8.0";
  if (why != nullptr) *why = reason;
  return reason.empty();
}

std::string synchronise() { return name_of_error(cudaDeviceSynchronize()); }

DeviceFacts device_facts() {
  int device = 0;
  cudaDeviceProp properties;
  check(cudaGetDevice(&device), "cudaGetDevice", "");
  check(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties", std::to_string(device).c_str());
  return {.name = properties.name,
          .major = properties.major,
          .minor = properties.minor,
          .multiprocessors = properties.multiProcessorCount,
          .shared_bytes = static_cast<int>(properties.sharedMemPerBlockOptin)};
}

DeviceBuffer::DeviceBuffer(const char* name, std::size_t bytes) : name_(name), bytes_(bytes) {
  if (bytes == 0) return;
  const std::size_t all = bytes + 2 * kGuardBytes;
  void* zone = nullptr;
  const cudaError_t error = cudaMalloc(&zone, all);
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // clears it: otherwise the next launch would report it
    throw CannotTest("{}: the device has no {} bytes left", name, all);
  }
  check(error, "cudaMalloc", name);
  zone_ = static_cast<char*>(zone);
  check(cudaMemset(zone_, kGuardByte, all), "cudaMemset", name);
}

DeviceBuffer::DeviceBuffer(const char* name, const void* from, std::size_t bytes) : DeviceBuffer(name, bytes) {
  if (bytes > 0) check(cudaMemcpy(data(), from, bytes, cudaMemcpyHostToDevice), "cudaMemcpy", name);
}

DeviceBuffer::DeviceBuffer(DeviceBuffer&& other) noexcept
    : name_(other.name_), zone_(std::exchange(other.zone_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

DeviceBuffer& DeviceBuffer::operator=(DeviceBuffer&& other) noexcept {
  std::swap(name_, other.name_);
  std::swap(zone_, other.zone_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

DeviceBuffer::~DeviceBuffer() { cudaFree(zone_); }  // fails after a kernel's fault, as every call does then

void* DeviceBuffer::data() const { return zone_ == nullptr ? nullptr : zone_ + kGuardBytes; }

void DeviceBuffer::fill(int byte) {
  if (bytes_ > 0) check(cudaMemset(data(), byte, bytes_), "cudaMemset", name_);
}

void DeviceBuffer::download(void* to) const {
  if (bytes_ > 0) check(cudaMemcpy(to, data(), bytes_, cudaMemcpyDeviceToHost), "cudaMemcpy", name_);
}

bool DeviceBuffer::guards_intact() const {
  return zone_ == nullptr || (is_guard(zone_, name_) && is_guard(zone_ + kGuardBytes + bytes_, name_));
}

}  // namespace w4::kernel::cuda
