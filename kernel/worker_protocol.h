// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/plugin.h"

#include <cstddef>
#include <cstdint>

/// What a Child and its worker say to each other: one packet each way, on descriptor 3 of the worker. Both are built
/// together; nothing here has to stay as it is.
namespace w4::kernel::worker {

inline constexpr int kChannel = 3;  // descriptors of the worker
inline constexpr int kMemory = 4;   // the memfd of the buffers
inline constexpr const char* kProgram = "w4_worker";
inline constexpr std::size_t kTextBytes = 512;

/// The mangled name of design.md, section 6: marlin_cuda(const void*, ..., cudaStream_t, ...).
inline constexpr const char* kMarlinSymbol = "_Z11marlin_cudaPKvS0_PvS1_iiiS1_iiP11CUstream_stiiii";

enum class Ask : std::int32_t { workspace, run };

/// Places of the buffers in the memory, in bytes; 0: there is none.
struct Places {
  std::uint64_t A, words, scales, zeros, perm, bias, C, workspace;
};

struct Request {
  Ask ask;
  W4Call call;  // its pointers are not set: the worker makes them from the places
  Places places;
  std::uint64_t memory_bytes;
};

enum class Opened : std::int32_t { ready, bad_plugin, cannot_test };

/// The worker's first packet: what it has loaded, or why it has not.
struct Greeting {
  Opened opened;
  W4Plugin plugin;        // its pointers mean nothing here
  char text[kTextBytes];  // the name, or the reason
};

struct Answer {
  std::int64_t value;  // bytes of workspace, or the return code
};

}  // namespace w4::kernel::worker
