// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/child/process.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace w4::kernel::child {

/// A memfd that grows but never shrinks: whoever shares it cannot take pages away that are mapped here (SIGBUS).
/// Throws ToolFailed.
Descriptor shared_memory();

/// Buffers of one run in shared memory, each between two guard zones of 16 KiB filled with a NaN of either 16-bit type.
/// Afterwards trespasses() finds writes to guard zones and to inputs.
class SharedBuffers {
 public:
  static constexpr std::size_t kGuardBytes = 16384;
  static constexpr std::uint16_t kGuard = 0x7FE5;

  /// `fd`: of shared_memory(); map() sets its size. It must outlive this object.
  explicit SharedBuffers(int fd) : fd_(fd) {}
  ~SharedBuffers();
  SharedBuffers(const SharedBuffers&) = delete;
  SharedBuffers& operator=(const SharedBuffers&) = delete;

  /// Adds a buffer and returns its place. `source`: content of an input, which must not change; null: an output.
  std::size_t add(std::string name, std::size_t bytes, const void* source);

  /// Maps the memory, fills guard zones and inputs. Throws ToolFailed when there is too little memory.
  void map();

  /// The buffer at a place; after map() only. No buffer has place 0.
  template <class T>
  std::span<T> at(std::size_t place, std::size_t count) {
    return {reinterpret_cast<T*>(first_ + place), count};
  }
  std::size_t total_bytes() const { return total_; }

  /// "C: 64 bytes changed behind its end, the first 0 bytes away"; empty: nothing changed.
  std::vector<std::string> trespasses() const;

 private:
  struct Buffer {
    std::string name;
    std::size_t place = 0;
    std::size_t bytes = 0;
    const void* source = nullptr;
  };

  int fd_;
  std::byte* first_ = nullptr;
  std::size_t total_ = 0;
  std::vector<Buffer> buffers_;
};

}  // namespace w4::kernel::child
