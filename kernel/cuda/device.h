// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/error.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace w4::kernel::cuda {

/// A CUDA call of this program failed: "cudaMemcpy(words): cudaErrorIllegalAddress".
class CudaFailure : public Error {
 public:
  explicit CudaFailure(const std::string& line) : Error(kBadInput, line) {}
};

/// CUDA's name of a cudaError_t; empty for success.
std::string name_of_error(int error);

/// Whether the kernels run on the current device; if not, `why` receives the reason.
bool cuda_available(std::string* why = nullptr);

/// The device in use.
struct DeviceFacts {
  std::string name;
  int major = 0;
  int minor = 0;
  int multiprocessors = 0;
  int shared_bytes = 0;  // that a thread block may ask for
};
DeviceFacts device_facts();

/// Waits for the device; CUDA's name of the error, or empty.
std::string synchronise();

/// Device memory between two guard zones. Throws CannotTest, with the tensor and the bytes, when the device has too
/// little.
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  DeviceBuffer(const char* name, std::size_t bytes);
  DeviceBuffer(const char* name, const void* from, std::size_t bytes);  // a copy of host memory
  DeviceBuffer(DeviceBuffer&& other) noexcept;
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept;
  ~DeviceBuffer();

  bool empty() const { return bytes_ == 0; }
  template <class T>
  T* as() const {
    return static_cast<T*>(data());
  }
  void* data() const;  // null when empty
  void fill(int byte);
  void download(void* to) const;  // bytes_ bytes
  bool guards_intact() const;     // true when empty

 private:
  const char* name_ = "";
  char* zone_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace w4::kernel::cuda
