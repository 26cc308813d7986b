// SPDX-License-Identifier: Apache-2.0
// Our kernel against cuBLAS in fp16 and against the floor. Launches are captured in a graph; weights rotate over copies
// that exceed the caches.
#include "fixtures/random/counter_random.h"
#include "kernel/cuda/device.h"
#include "kernel/cuda/marlin_args.h"

#include <cuda_runtime_api.h>
#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#ifdef W4_HAS_CUBLAS
#include <cublas_v2.h>
#endif

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <functional>
#include <vector>

namespace w4::kernel::cuda {
namespace {

constexpr std::size_t kBeyondCaches = std::size_t{400} << 20;
constexpr int kGroup = 128, kGroupShift = 7;
constexpr int kReplays = 9;

void check(int error, const char* what) {
  if (error != 0) throw CudaFailure(fmt::format("{}: {}", what, name_of_error(error)));
}

struct Shape {
  int M, K, N;
  double weights() const { return static_cast<double>(K) * N; }
  double packed_bytes() const { return weights() / 2 + weights() / kGroup * 2; }
  double activation_bytes() const { return 2.0 * M * K + 2.0 * M * N; }
  double operations() const { return 2.0 * M * weights(); }
};

/// Random fp16 numbers of magnitude 2^-6 to 1, or random codes: neither zeros nor a pattern.
enum class Bits { numbers, codes };
DeviceBuffer random_buffer(const char* name, std::size_t bytes, Bits kind) {
  constexpr std::size_t kBlock = std::size_t{16} << 20;
  std::vector<std::uint64_t> block(std::min(kBlock, (bytes + 7) / 8 * 8) / 8);
  for (std::size_t i = 0; i < block.size(); ++i) {
    block[i] = fixtures::random::mixed(i + 1);
    if (kind == Bits::numbers) block[i] = (block[i] & 0x97FF97FF97FF97FF) | 0x2400240024002400;
  }
  DeviceBuffer buffer(name, bytes);
  for (std::size_t at = 0; at < bytes; at += kBlock)
    check(cudaMemcpy(buffer.as<char>() + at, block.data(), std::min({kBlock, bytes - at, 8 * block.size()}),
                     cudaMemcpyHostToDevice),
          name);
  return buffer;
}

/// Microseconds of one launch: median over replays of a graph of `launches`, launch(i, stream).
double time_of(int launches, const std::function<void(int, cudaStream_t)>& launch) {
  cudaStream_t stream;
  cudaGraph_t graph;
  cudaGraphExec_t replay;
  cudaEvent_t begin, end;
  check(cudaStreamCreate(&stream), "cudaStreamCreate");
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
  for (int i = 0; i < launches; ++i) launch(i, stream);
  check(cudaStreamEndCapture(stream, &graph), "cudaStreamEndCapture");
  check(cudaGraphInstantiate(&replay, graph, 0), "cudaGraphInstantiate");
  check(cudaEventCreate(&begin), "cudaEventCreate");
  check(cudaEventCreate(&end), "cudaEventCreate");
  std::vector<float> times;
  for (int i = 0; i < kReplays + 2; ++i) {
    check(cudaEventRecord(begin, stream), "cudaEventRecord");
    check(cudaGraphLaunch(replay, stream), "cudaGraphLaunch");
    check(cudaEventRecord(end, stream), "cudaEventRecord");
    check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, begin, end), "cudaEventElapsedTime");
    if (i >= 2) times.push_back(milliseconds);  // the first two warm up
  }
  check(cudaEventDestroy(begin), "cudaEventDestroy");
  check(cudaEventDestroy(end), "cudaEventDestroy");
  check(cudaGraphExecDestroy(replay), "cudaGraphExecDestroy");
  check(cudaGraphDestroy(graph), "cudaGraphDestroy");
  check(cudaStreamDestroy(stream), "cudaStreamDestroy");
  std::sort(times.begin(), times.end());
  return 1000.0 * times[times.size() / 2] / launches;
}

int copies_of(double bytes) { return 2 + static_cast<int>(kBeyondCaches / bytes); }

double time_ours(const Shape& shape, const DeviceFacts& device) {
  const MarlinSizes sizes = marlin_sizes(shape.M, marlin_has_wgmma(device.major, device.minor));
  const Stripes stripes = stripes_of(shape.K / kUnitK, (shape.N + sizes.columns() - 1) / sizes.columns(),
                                     (shape.M + sizes.rows() - 1) / sizes.rows(), device.multiprocessors);
  const int copies = copies_of(shape.packed_bytes());
  const auto weights = static_cast<std::size_t>(shape.weights());
  const DeviceBuffer words = random_buffer("words", weights / 2 * copies, Bits::codes);
  const DeviceBuffer scales = random_buffer("scales", weights / kGroup * 2 * copies, Bits::numbers);
  const DeviceBuffer A = random_buffer("A", std::size_t{2} * shape.M * shape.K, Bits::numbers);
  const DeviceBuffer C("C", std::size_t{2} * shape.M * shape.N);
  const DeviceBuffer partials("partials", std::size_t{2} * stripes.thread_blocks * sizes.slot_floats() * sizeof(float));
  DeviceBuffer locks("locks", sizeof(int) * static_cast<std::size_t>(stripes.columns) * stripes.problems);
  locks.fill(0);
  const MarlinArgs args{.A = A.as<std::uint16_t>(),
                        .words = nullptr,
                        .scales = nullptr,
                        .zeros = nullptr,
                        .bias = nullptr,
                        .C = C.as<std::uint16_t>(),
                        .partials = partials.as<float>(),
                        .locks = locks.as<int>(),
                        .M = shape.M,
                        .N = shape.N,
                        .K = shape.K,
                        .group_shift = kGroupShift,
                        .reduce_16 = false,
                        .stripes = stripes};
  return time_of(std::max(40, copies), [&](int i, cudaStream_t stream) {
    MarlinArgs copy = args;
    copy.words = words.as<std::uint32_t>() + weights / 8 * (i % copies);
    copy.scales = scales.as<std::uint16_t>() + weights / kGroup * (i % copies);
    check(launch_marlin(copy, {.sizes = sizes, .bf16 = false, .grouped = true, .zeros = false}, stream), "launch");
  });
}

#ifdef W4_HAS_CUBLAS
double time_cublas(const Shape& shape) {
  const int copies = copies_of(2 * shape.weights());
  const auto weights = static_cast<std::size_t>(shape.weights());
  const DeviceBuffer W = random_buffer("W", 2 * weights * copies, Bits::numbers);
  const DeviceBuffer A = random_buffer("A", std::size_t{2} * shape.M * shape.K, Bits::numbers);
  const DeviceBuffer C("C", std::size_t{2} * shape.M * shape.N);
  const DeviceBuffer workspace("workspace", std::size_t{64} << 20);
  cublasHandle_t cublas;
  check(cublasCreate(&cublas), "cublasCreate");
  check(cublasSetWorkspace(cublas, workspace.data(), std::size_t{64} << 20), "cublasSetWorkspace");
  const float one = 1, zero = 0;
  const double time = time_of(std::max(shape.M > 1024 ? 4 : 40, copies), [&](int i, cudaStream_t stream) {
    check(cublasSetStream(cublas, stream), "cublasSetStream");
    check(cublasSetWorkspace(cublas, workspace.data(), std::size_t{64} << 20), "cublasSetWorkspace");
    check(cublasGemmEx(cublas, CUBLAS_OP_N, CUBLAS_OP_N, shape.N, shape.M, shape.K, &one,
                       W.as<std::uint16_t>() + weights * (i % copies), CUDA_R_16F, shape.N, A.data(), CUDA_R_16F,
                       shape.K, &zero, C.data(), CUDA_R_16F, shape.N, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
          "cublasGemmEx");
  });
  check(cublasDestroy(cublas), "cublasDestroy");
  return time;
}
#else
double time_cublas(const Shape&) { return 0; }
#endif

/// Bytes a second, read and written, of a copy inside device memory. Not in a graph: a graph copies with another
/// engine.
double copy_rate() {
  constexpr std::size_t kBytes = std::size_t{4} << 30;
  const DeviceBuffer from = random_buffer("from", kBytes, Bits::codes), to("to", kBytes);
  std::vector<double> rates;
  cudaEvent_t begin, end;
  check(cudaEventCreate(&begin), "cudaEventCreate");
  check(cudaEventCreate(&end), "cudaEventCreate");
  for (int i = 0; i < kReplays; ++i) {
    check(cudaEventRecord(begin, nullptr), "cudaEventRecord");
    check(cudaMemcpyAsync(to.data(), from.data(), kBytes, cudaMemcpyDeviceToDevice, nullptr), "cudaMemcpyAsync");
    check(cudaEventRecord(end, nullptr), "cudaEventRecord");
    check(cudaEventSynchronize(end), "cudaEventSynchronize");
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, begin, end), "cudaEventElapsedTime");
    rates.push_back(2e3 * kBytes / milliseconds);
  }
  check(cudaEventDestroy(begin), "cudaEventDestroy");
  check(cudaEventDestroy(end), "cudaEventDestroy");
  std::sort(rates.begin(), rates.end());
  return rates[rates.size() / 2];
}

struct Machine {
  DeviceFacts device;
  double bytes_a_second;
  double operations_a_second;  // 0: no cuBLAS to measure it
};

double floor_of(const Shape& shape, const Machine& machine) {
  const double memory = (shape.packed_bytes() + shape.activation_bytes()) / machine.bytes_a_second;
  const double matrix = machine.operations_a_second > 0 ? shape.operations() / machine.operations_a_second : 0;
  return 1e6 * std::max(memory, matrix);
}

nlohmann::json measure(const std::vector<int>& rows, const std::vector<std::pair<int, int>>& shapes) {
  Machine machine{.device = device_facts(), .bytes_a_second = copy_rate(), .operations_a_second = 0};
  constexpr Shape kLarge{.M = 8192, .K = 8192, .N = 8192};
  if (const double time = time_cublas(kLarge); time > 0) machine.operations_a_second = 1e6 * kLarge.operations() / time;
  nlohmann::json report{{"schema", 1},
                        {"device", machine.device.name},
                        {"copy_bytes_a_second", machine.bytes_a_second},
                        {"matrix_operations_a_second", machine.operations_a_second},
                        {"group_size", kGroup},
                        {"microseconds", nlohmann::json::array()}};
  fmt::print("{}: copy {:.2f} TB/s, matrix {:.0f} TFLOP/s; fp16, group {}; microseconds\n", machine.device.name,
             machine.bytes_a_second / 1e12, machine.operations_a_second / 1e12, kGroup);
  fmt::print("{:>6} {:>6} {:>5} {:>9} {:>9} {:>9} {:>9}\n", "K", "N", "M", "ours", "cuBLAS", "floor", "ours/floor");
  for (const auto& [K, N] : shapes)
    for (const int M : rows) {
      const Shape shape{.M = M, .K = K, .N = N};
      const double ours = time_ours(shape, machine.device), cublas = time_cublas(shape);
      const double floor = floor_of(shape, machine);
      fmt::print("{:>6} {:>6} {:>5} {:>9.2f} {:>9} {:>9.2f} {:>9.2f}\n", K, N, M, ours,
                 cublas > 0 ? fmt::format("{:.2f}", cublas) : "-", floor, ours / floor);
      std::fflush(stdout);
      report["microseconds"].push_back(
          {{"K", K}, {"N", N}, {"M", M}, {"ours", ours}, {"cublas_fp16", cublas}, {"floor", floor}});
    }
  return report;
}

int run(int argc, char** argv) {
  CLI::App app{
      "Our CUDA kernel against cuBLAS fp16 and the floor: bytes once over the measured copy rate, or operations "
      "over the measured matrix rate, whichever takes longer."};
  std::vector<int> rows{1, 16, 64};
  std::vector<int> sizes{2048, 11008, 4096, 4096, 4096, 12288, 4096, 21504, 10752, 4096, 8192, 43520};
  std::string json;
  app.add_option("--m", rows, "rows of A")->delimiter(',')->check(CLI::Range(1, 65536));
  app.add_option("--shape", sizes, "K,N of a layer or several (K,N,K,N): multiples of 128 and 64")->delimiter(',');
  app.add_option("--json", json, "write the table there as well");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kBadInput;
  }
  if (sizes.size() % 2 != 0) throw InputError("--shape: {} numbers are not pairs K,N", sizes.size());
  std::vector<std::pair<int, int>> shapes;
  for (std::size_t i = 0; i < sizes.size(); i += 2) shapes.emplace_back(sizes[i], sizes[i + 1]);
  for (const auto& [K, N] : shapes)
    if (K < 1 || N < 1 || K % kGroup != 0 || N % kTileColumns != 0)
      throw CannotTest("K={} N={}: only multiples of {} and {} are measured", K, N, kGroup, kTileColumns);
  std::string why;
  if (!cuda_available(&why)) throw CannotTest("{}", why);
  const nlohmann::json report = measure(rows, shapes);
  if (!json.empty() && !(std::ofstream(json) << report.dump(2) << '\n')) throw InputError("cannot write {}", json);
  return 0;
}

}  // namespace
}  // namespace w4::kernel::cuda

int main(int argc, char** argv) {
  try {
    return w4::kernel::cuda::run(argc, argv);
  } catch (const w4::Error& error) {
    std::fprintf(stderr, "bench_cuda: %s\n", error.what());
    return error.exit_code();
  }
}
