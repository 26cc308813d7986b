// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/error.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace w4::kernel::cuda {

/// A CUDA call that had no reason to fail did: "cudaMemcpy(words): cudaErrorIllegalAddress".
class CudaFailure : public Error {
 public:
  explicit CudaFailure(const std::string& line) : Error(kBadInput, line) {}
};

/// CUDA's name of an error, empty for success. `error` is a cudaError_t.
std::string name_of_error(int error);

/// Whether there is a device that the kernels run on; otherwise `why` gets the reason.
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

/// Waits for the device; CUDA's name of what went wrong, or empty.
std::string synchronise();

/// Device memory between two guard zones, given back when it goes out of scope. Throws CannotTest when there is not
/// enough, naming the tensor and the bytes.
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
  void download(void* to) const;  // all of it
  bool guards_intact() const;     // true when empty

 private:
  const char* name_ = "";
  char* zone_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace w4::kernel::cuda
