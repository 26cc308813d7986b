// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/kernel_launch.h"
#include "kernel/plugin.h"

#include <cstddef>
#include <cstdint>
#include <type_traits>

/// The packets between a Child and its worker, one each way a run, on descriptor 3 of the worker. Both ends are built
/// together, so the format may change from build to build.
namespace w4::kernel::worker {

inline constexpr int kChannel = 3;  // descriptors of the worker
inline constexpr int kMemory = 4;   // the memfd of the buffers
inline constexpr const char* kProgram = "w4_worker";
inline constexpr std::size_t kTextBytes = 512;
inline constexpr std::size_t kErrorBytes = 64;
inline constexpr int kMostLaunches = 16;  // described in an answer; the rest is only counted

/// The mangled name of design.md, section 6: marlin_cuda(const void*, ..., cudaStream_t, ...).
inline constexpr const char* kMarlinSymbol = "_Z11marlin_cudaPKvS0_PvS1_iiiS1_iiP11CUstream_stiiii";

enum class Ask : std::int32_t { workspace, scratch, run };

/// A buffer in the memory; place 0: there is none.
struct Place {
  std::uint64_t at, bytes;
};
struct Places {
  Place A, words, scales, zeros, perm, bias, C, workspace, scratch;
};

struct Request {
  Ask ask;
  W4Call call;  // pointers unset: the worker sets them from the places
  Places places;
  std::uint64_t memory_bytes;
  bool late_A;  // on a GPU: see Launch
  bool apart;   // on a GPU: one allocation a buffer, for compute-sanitizer, in place of guard zones
};

enum class Opened : std::int32_t { ready, bad_plugin, cannot_test };

/// The worker's first packet: the plug-in's code for loading has run, well or not.
struct LoadingDone {
  std::int32_t done;
};

/// The second one: what it loaded, or why it could not.
struct Greeting {
  Opened opened;
  W4Plugin plugin;               // pointers are invalid here
  char text[kTextBytes];         // the name, or the reason
  char device[kErrorBytes * 2];  // "NVIDIA H200, sm_90, 132 multiprocessors", or empty
  char driver[kErrorBytes];      // "CUDA 12.8", or empty
  int multiprocessors;
  char unwatched[kErrorBytes];  // why launches are not watched; empty: they are
};

/// A KernelLaunch in a packet.
struct SentLaunch {
  LaunchNumbers numbers;
  char kernel[kTextBytes];
  char error[kErrorBytes];
};

struct Answer {
  std::int64_t value;                   // bytes, or the return code
  char cannot_test[kTextBytes];         // why the run could not be made (no memory), or empty
  char launch_error[kErrorBytes];       // CUDA's names
  char synchronise_error[kErrorBytes];  // the context is lost then, and the worker ends
  double seconds;                       // from the call until the kernel is done
  bool watched;
  int launch_count;
  SentLaunch launches[kMostLaunches];
};

/// The call of a request with its pointers set: `at` maps a place to an address.
template <class At>
W4Call placed_call(const Request& request, const At& at) {
  W4Call call = request.call;
  const auto point = [&](auto*& pointer, const Place& place) {
    using Pointer = std::remove_reference_t<decltype(pointer)>;
    pointer = place.at == 0 ? nullptr : reinterpret_cast<Pointer>(at(place));
  };
  const Places& places = request.places;
  point(call.A, places.A);
  point(call.words, places.words);
  point(call.scales, places.scales);
  point(call.zeros, places.zeros);
  point(call.perm, places.perm);
  point(call.bias, places.bias);
  point(call.C, places.C);
  point(call.workspace, places.workspace);
  point(call.scratch, places.scratch);
  return call;
}

/// Copies text into a field of a packet, truncated to fit.
template <std::size_t kBytes>
void put(char (&field)[kBytes], const char* text) {
  std::size_t i = 0;
  for (; i + 1 < kBytes && text[i] != '\0'; ++i) field[i] = text[i];
  field[i] = '\0';
}

}  // namespace w4::kernel::worker
