// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace w4::kernel::child {

/// Buffers of one run in memory that another process maps too, each between two guard zones of 16 KiB that hold a NaN
/// of either 16-bit type. What is written round a buffer, or into one that is only to be read, is found afterwards.
class SharedBuffers {
 public:
  static constexpr std::size_t kGuardBytes = 16384;
  static constexpr std::uint16_t kGuard = 0x7FE5;

  /// `fd`: of memfd_create; it is cut to size here. It must outlive this object.
  explicit SharedBuffers(int fd) : fd_(fd) {}
  ~SharedBuffers();
  SharedBuffers(const SharedBuffers&) = delete;
  SharedBuffers& operator=(const SharedBuffers&) = delete;

  /// Room for a buffer; its place. `source`: what it holds from the start and must hold in the end; null: to be
  /// written.
  std::size_t add(std::string name, std::size_t bytes, const void* source);

  /// Maps the memory and fills guard zones and sources. Throws CannotTest when there is not enough of it.
  void map();

  /// Place 0 is where the memory begins: no buffer lies there. `at` only after map().
  template <class T>
  std::span<T> at(std::size_t place, std::size_t count) {
    return {reinterpret_cast<T*>(first_ + place), count};
  }
  std::size_t total_bytes() const { return total_; }

  /// "C: 64 bytes changed behind its end, the first 0 bytes away"; empty: all is as it was.
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
