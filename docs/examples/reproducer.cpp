// SPDX-License-Identifier: Apache-2.0
// One case, one kernel: ./reproducer KERNEL.so compares its output with the right one. Written by w4bisect's shrink.
//
//   c++ -std=c++20 main.cpp -ldl -o reproducer           for a kernel that takes host pointers
//   nvcc -std=c++20 -x cu main.cpp -ldl -o reproducer    for any, marlin_cuda included
//
// Run it where data/ lies. Exit: 0 right, 1 wrong, 125 the kernel does not take the case, 129 something is missing.
#include "plugin.h"
// constants of the case, which name types of plugin.h
#include "case.h"

#include <dlfcn.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

[[noreturn]] void stop(int code, const std::string& line) {
  std::fprintf(stderr, "reproducer: %s\n", line.c_str());
  std::exit(code);
}

constexpr int kDoesNotTake = 125, kBroken = 129;
constexpr uint16_t kFill = 0x7E37;  // a NaN that no kernel writes, in fp16 and in bf16

// .npy version 1.0: magic, version, length of the header, header, cells. The case knows how many cells there are.
template <class T>
std::vector<T> read(const std::string& name, size_t count) {
  std::ifstream file("data/" + name + ".npy", std::ios::binary);
  if (!file) return {};
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  constexpr size_t kPreamble = 10;
  if (bytes.size() < kPreamble || bytes.compare(0, 8, std::string("\x93NUMPY\x01\x00", 8)) != 0)
    stop(kBroken, name + ".npy: not an .npy file of version 1.0");
  const size_t header = static_cast<unsigned char>(bytes[8]) + 256u * static_cast<unsigned char>(bytes[9]);
  if (bytes.size() != kPreamble + header + count * sizeof(T))
    stop(kBroken, name + ".npy: " + std::to_string(bytes.size()) + " bytes do not hold " + std::to_string(count) +
                      " cells of " + std::to_string(sizeof(T)) + " bytes");
  const std::string text = bytes.substr(kPreamble, header);
  if (text.find("'fortran_order': False") == std::string::npos || text.find("'descr': '<") == std::string::npos)
    stop(kBroken, name + ".npy: little-endian cells in C order are expected: " + text);
  std::vector<T> cells(count);
  std::memcpy(cells.data(), bytes.data() + kPreamble + header, count * sizeof(T));
  return cells;
}

template <class T>
std::vector<T> needed(const std::string& name, size_t count) {
  std::vector<T> cells = read<T>(name, count);
  if (cells.empty()) stop(kBroken, "data/" + name + ".npy: cannot be read");
  return cells;
}

float value_of(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16, magnitude = bits & 0x7FFF;
  uint32_t wide = static_cast<uint32_t>(bits) << 16;
  if (kType != W4_BF16) wide = sign | (magnitude >= 0x7C00 ? 0x7F800000u | (magnitude & 0x3FF) << 13 : magnitude << 13);
  float value;
  std::memcpy(&value, &wide, sizeof value);
  const bool finite_fp16 = kType != W4_BF16 && magnitude < 0x7C00;
  return finite_fp16 ? value * 0x1p112f : value;  // the exponents' biases are 112 apart
}

#ifdef __CUDACC__
void check(cudaError_t error, const char* what) {
  if (error != cudaSuccess) stop(1, std::string(what) + ": " + cudaGetErrorName(error));
}
#endif

// Memory where the kernel wants it, host or device.
class Buffer {
 public:
  template <class T>
  Buffer(const std::vector<T>& cells, bool on_device) : bytes_(cells.size() * sizeof(T)), on_device_(on_device) {
    if (bytes_ == 0) return;
    first_ = allocated();
    copy(first_, cells.data(), true);
  }
  Buffer(const Buffer&) = delete;
  template <class T>
  T* as() const {
    return static_cast<T*>(first_);
  }
  void bring_back(void* to) const { copy(to, first_, false); }

 private:
  void* allocated() const {
#ifdef __CUDACC__
    void* memory = nullptr;
    if (on_device_) check(cudaMalloc(&memory, bytes_), "cudaMalloc");
    if (on_device_) return memory;
#endif
    return std::malloc(bytes_);  // kept until the process ends
  }
  void copy(void* to, const void* from, [[maybe_unused]] bool upload) const {
#ifdef __CUDACC__
    const auto way = upload ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToHost;
    if (on_device_) return check(cudaMemcpy(to, from, bytes_, way), "cudaMemcpy");
#endif
    std::memcpy(to, from, bytes_);
  }

  void* first_ = nullptr;
  size_t bytes_;
  [[maybe_unused]] bool on_device_;
};

using MarlinCuda = int (*)(const void*, const void*, void*, void*, int, int, int, void*, int, int, void*, int, int, int,
                           int);
MarlinCuda marlin_cuda = nullptr;
constexpr int kMostParallel = 16;

int run_marlin(const W4Call* call) {
  if (call->K != call->padded_K || call->N != call->padded_N || call->extras != 0) return W4_CANNOT_TAKE;
  const auto given = [](int value) { return value == 0 ? -1 : value; };
  return marlin_cuda(call->A, call->words, call->C, const_cast<uint16_t*>(call->scales), call->M, call->N, call->K,
                     call->workspace, call->groups == 1 ? -1 : call->group_size, 0, call->stream, given(call->thread_k),
                     given(call->thread_n), given(call->thread_blocks), kMostParallel);
}
int64_t marlin_locks(const W4Call* call) { return 4LL * kMostParallel * (call->N / 64); }

const W4Plugin* load(const char* file) {
  void* const library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) stop(kBroken, std::string("cannot be loaded: ") + dlerror());
  if (void* const entry = dlsym(library, "w4_plugin")) return reinterpret_cast<const W4Plugin* (*)()>(entry)();
  void* const symbol = dlsym(library, "_Z11marlin_cudaPKvS0_PvS1_iiiS1_iiP11CUstream_stiiii");
  if (symbol == nullptr) stop(kBroken, std::string(file) + " exports neither w4_plugin nor marlin_cuda");
  marlin_cuda = reinterpret_cast<MarlinCuda>(symbol);
  static const W4Plugin plugin = {W4_PLUGIN_VERSION,
                                  "marlin_cuda",
                                  W4_DEVICE,
                                  W4_MARLIN,
                                  W4_FP16,
                                  W4_GROUP_32 | W4_GROUP_64 | W4_GROUP_128 | W4_ONE_GROUP,
                                  0,
                                  marlin_locks,
                                  nullptr,
                                  run_marlin};
  return &plugin;
}

uint32_t group_bit() {
  if (kGroups == 1) return W4_ONE_GROUP;
  return kGroupSize == 32 ? W4_GROUP_32 : kGroupSize == 64 ? W4_GROUP_64 : W4_GROUP_128;
}

void check_takes(const W4Plugin& plugin, uint32_t extras) {
  if (plugin.version != W4_PLUGIN_VERSION) stop(kBroken, "the kernel is built for another version of plugin.h");
  const auto lacks = [](uint32_t has, uint32_t needs) { return (needs & ~has) != 0; };
  if (lacks(plugin.types, kType) || lacks(plugin.groups, group_bit()) || lacks(plugin.extras, extras))
    stop(kDoesNotTake, std::string(plugin.name) + " does not take this type, group_size, zero points, order or bias");
#ifndef __CUDACC__
  if (plugin.pointers == W4_DEVICE)
    stop(kDoesNotTake, std::string(plugin.name) + " takes device pointers: build this with nvcc -std=c++20 -x cu");
#endif
}

// Prints the first wrong elements; how many there are.
int wrong_elements(const std::vector<uint16_t>& C, const std::vector<double>& expected,
                   const std::vector<double>& allowed) {
  constexpr int kShown = 5;
  int wrong = 0;
  for (size_t i = 0; i < C.size(); ++i) {
    const double got = value_of(C[i]);
    if (std::abs(got - expected[i]) <= allowed[i]) continue;
    if (++wrong <= kShown)
      std::printf("C(%zu, %zu) is %s%g where %g is right, give or take %.2g\n", i / kN, i % kN,
                  C[i] == kFill ? "never written: " : "", got, expected[i], allowed[i]);
  }
  return wrong;
}

// Says so when a buffer that must be left as it was is not; 1 then.
template <class T>
int changed(const char* name, const Buffer& buffer, const std::vector<T>& before) {
  std::vector<T> after(before.size());
  if (!after.empty()) buffer.bring_back(after.data());
  if (after == before) return 0;
  std::printf("%s is not left as it was\n", name);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) stop(kBroken, "usage: ./reproducer KERNEL.so");
  const size_t scales = size_t{kGroups} * kPaddedN, outputs = size_t{kM} * kN;
  const auto host_A = needed<uint16_t>("A", size_t{kM} * kK);
  const auto host_words = needed<uint32_t>("words", size_t{kPaddedK} / 8 * kPaddedN);
  const auto host_scales = needed<uint16_t>("scales", scales);
  const auto host_zeros = read<uint32_t>("zeros", scales / 8);  // the last three: where the layer has any
  const auto host_perm = read<int32_t>("perm", kK);
  const auto host_bias = read<uint16_t>("bias", kN);
  const auto expected = needed<double>("expected", outputs), allowed = needed<double>("allowed", outputs);

  const std::string file = std::strchr(argv[1], '/') == nullptr ? std::string("./") + argv[1] : argv[1];
  const W4Plugin& plugin = *load(file.c_str());
  W4Call call = {};
  call.size = sizeof call, call.type = kType, call.M = kM, call.N = kN, call.K = kK;
  call.padded_N = kPaddedN, call.padded_K = kPaddedK, call.group_size = kGroupSize, call.groups = kGroups;
  call.thread_k = kThreadK, call.thread_n = kThreadN, call.thread_blocks = kThreadBlocks;
  call.reduce_bits = kReduceBits;
  if (!host_zeros.empty()) call.extras |= W4_ZEROS;
  if (!host_perm.empty()) call.extras |= W4_PERM;
  if (!host_bias.empty()) call.extras |= W4_BIAS;
  check_takes(plugin, call.extras);
  if (plugin.workspace_bytes != nullptr) call.workspace_bytes = plugin.workspace_bytes(&call);
  if (plugin.scratch_bytes != nullptr) call.scratch_bytes = plugin.scratch_bytes(&call);

  const bool on_device = plugin.pointers == W4_DEVICE;
  const Buffer A(host_A, on_device), words(host_words, on_device), scale(host_scales, on_device);
  const Buffer zeros(host_zeros, on_device), perm(host_perm, on_device), bias(host_bias, on_device);
  call.A = A.as<uint16_t>(), call.words = words.as<uint32_t>(), call.scales = scale.as<uint16_t>();
  call.zeros = zeros.as<uint32_t>(), call.perm = perm.as<int32_t>(), call.bias = bias.as<uint16_t>();

  const std::vector<uint8_t> locks(static_cast<size_t>(call.workspace_bytes), 0);
  int wrong = 0, side_effects = 0;
  for (call.number = 0; call.number < kLaunches; ++call.number) {
    std::vector<uint16_t> result(outputs, kFill);
    const Buffer C(result, on_device);
    const Buffer workspace(locks, on_device);
    const Buffer scratch(std::vector<uint8_t>(static_cast<size_t>(call.scratch_bytes), 0xFF), on_device);
    call.C = C.as<uint16_t>(), call.workspace = workspace.as<void>(), call.scratch = scratch.as<void>();
    const int code = plugin.run(&call);
    if (code == W4_CANNOT_TAKE) stop(kDoesNotTake, std::string(plugin.name) + " does not take this call");
    if (code != W4_DONE) stop(1, std::string(plugin.name) + " returned " + std::to_string(code));
#ifdef __CUDACC__
    if (on_device) check(cudaGetLastError(), "launch");
    if (on_device) check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
#endif
    C.bring_back(result.data());
    wrong += wrong_elements(result, expected, allowed);
    side_effects +=
        changed("words", words, host_words) + changed("A", A, host_A) + changed("scales", scale, host_scales);
    side_effects += changed("workspace", workspace, locks);
  }
  std::printf("%s: %d of %zu outputs of %d launches are wrong\n", plugin.name, wrong, outputs * kLaunches, kLaunches);
  return wrong + side_effects == 0 ? 0 : 1;
}
