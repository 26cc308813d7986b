// SPDX-License-Identifier: Apache-2.0
#include "kernel/child/shared_buffers.h"

#include "kernel/child/errors.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>

namespace w4::kernel::child {
namespace {

constexpr std::size_t kAlignment = 256;  // that of cudaMalloc
constexpr off_t kEverything = 1LL << 40;

std::size_t rounded_up(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

/// The guard byte at a place. The pattern is aligned over all zones, so that an overread yields whole NaNs.
std::byte guard_at(std::size_t place) {
  return static_cast<std::byte>(place % 2 == 0 ? SharedBuffers::kGuard & 0xFF : SharedBuffers::kGuard >> 8);
}

struct Changed {
  std::size_t count = 0;
  std::size_t nearest = 0;  // bytes between the buffer and the nearest change
};

/// Checks a guard zone from the buffer outwards: `step` is 1 behind the buffer, -1 before it.
Changed changed(const std::byte* first, std::size_t begin, int step) {
  Changed out;
  for (std::size_t i = 0; i < SharedBuffers::kGuardBytes; ++i) {
    const std::size_t place = step > 0 ? begin + i : begin - 1 - i;
    if (first[place] == guard_at(place)) continue;
    if (out.count++ == 0) out.nearest = i;
  }
  return out;
}

}  // namespace

Descriptor shared_memory() {
  Descriptor memory(::memfd_create("w4_run", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (memory.get() < 0 || ::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL) != 0)
    throw ToolFailed("no shared memory can be made: {}", ::strerror(errno));
  return memory;
}

SharedBuffers::~SharedBuffers() {
  if (first_ != nullptr) ::munmap(first_, total_);
}

std::size_t SharedBuffers::add(std::string name, std::size_t bytes, const void* source) {
  const std::size_t place = rounded_up(total_ + kGuardBytes);
  buffers_.push_back({std::move(name), place, bytes, source});
  total_ = rounded_up(place + bytes + kGuardBytes);
  return place;
}

void SharedBuffers::map() {
  // a hole first: drops the pages of the previous run, so that none of its results can be read again
  const bool sized = ::fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, kEverything) == 0 &&
                     ::fallocate(fd_, 0, 0, static_cast<off_t>(total_)) == 0;
  void* memory = sized ? ::mmap(nullptr, total_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0) : MAP_FAILED;
  if (memory == MAP_FAILED) throw ToolFailed("a run needs {} bytes of shared memory: {}", total_, ::strerror(errno));
  first_ = static_cast<std::byte*>(memory);
  for (std::size_t i = 0; i < total_; ++i) first_[i] = guard_at(i);
  for (const Buffer& buffer : buffers_)
    if (buffer.source != nullptr) std::memcpy(first_ + buffer.place, buffer.source, buffer.bytes);
}

std::vector<std::string> SharedBuffers::trespasses() const {
  std::vector<std::string> lines;
  for (const Buffer& buffer : buffers_) {
    if (const Changed before = changed(first_, buffer.place, -1); before.count > 0)
      lines.push_back(fmt::format("{}: {} bytes changed before its begin, the nearest {} bytes away", buffer.name,
                                  before.count, before.nearest + 1));
    if (const Changed behind = changed(first_, buffer.place + buffer.bytes, 1); behind.count > 0)
      lines.push_back(fmt::format("{}: {} bytes changed behind its end, the first {} bytes away", buffer.name,
                                  behind.count, behind.nearest));
    if (buffer.source != nullptr && std::memcmp(buffer.source, first_ + buffer.place, buffer.bytes) != 0)
      lines.push_back(fmt::format("{}: the input itself was changed", buffer.name));
  }
  return lines;
}

}  // namespace w4::kernel::child
