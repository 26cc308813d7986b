// SPDX-License-Identifier: Apache-2.0
// The test list of the published kernel, none left out, and what our kernel takes beyond it.
#include "cases/tests/kernel/cuda/gpu_case.h"
#include "cases/tests/kernel/lane_model/known_layer.h"
#include "fixtures/half.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>

namespace {

using namespace w4;
using namespace w4::tests;
using cases::CaseId;

constexpr int kGroups[] = {-1, 32, 64, 128};

void print_worst(double worst) { std::printf("worst z %.2f\n", worst); }

void check_all_rows(DType dtype, bool symmetric) {
  double worst = 0;
  for (const int M : {1, 2, 3, 4, 8, 12, 16, 24, 32, 48, 64, 118, 128, 152, 768, 1024})
    for (const int group : kGroups) {
      const CaseId id{.M = M, .K = 1024, .N = 512, .group = group, .symmetric = symmetric, .dtype = dtype};
      worst = std::max(worst, check_cuda(id));
    }
  print_worst(worst);
}

}  // namespace

TEST_CASE("cuda: rows 1 to 1024 in fp16 with symmetric layers") {
  if (on_gpu()) check_all_rows(DType::fp16, true);
}

TEST_CASE("cuda: rows 1 to 1024 in fp16 with zero points") {
  if (on_gpu()) check_all_rows(DType::fp16, false);
}

TEST_CASE("cuda: rows 1 to 1024 in bf16 with symmetric layers") {
  if (on_gpu()) check_all_rows(DType::bf16, true);
}

TEST_CASE("cuda: rows 1 to 1024 in bf16 with zero points") {
  if (on_gpu()) check_all_rows(DType::bf16, false);
}

TEST_CASE("cuda: K of few and of odd numbers of units") {
  if (!on_gpu()) return;
  double worst = 0;
  for (const int K : {64, 128, 192, 768, 832, 896})
    for (const int group : {-1, 32, 64})
      for (const int M : {1, 16, 64}) worst = std::max(worst, check_cuda({.M = M, .K = K, .N = 512, .group = group}));
  print_worst(worst);
}

TEST_CASE("cuda: groups on narrow and on very wide layers") {
  if (!on_gpu()) return;
  double worst = 0;
  constexpr int kShapes[][2] = {{512, 256}, {1024, 256}, {1024, 32768}};
  for (const auto& [K, N] : kShapes)
    for (const int group : kGroups)
      for (const int M : {1, 16, 64}) worst = std::max(worst, check_cuda({.M = M, .K = K, .N = N, .group = group}));
  print_worst(worst);
}

TEST_CASE("cuda: the Llama shapes at 1 and 16 rows") {
  if (!on_gpu()) return;
  double worst = 0;
  constexpr int kShapes[][2] = {{4096, 12288}, {4096, 4096},  {4096, 21504}, {10752, 4096}, {5120, 15360},
                                {5120, 27136}, {13568, 5120}, {8192, 24576}, {8192, 43520}, {21760, 8192}};
  for (const auto& [K, N] : kShapes)
    for (const int group : {-1, 128})
      for (const int M : {1, 16}) worst = std::max(worst, check_cuda({.M = M, .K = K, .N = N, .group = group}));
  print_worst(worst);
}

TEST_CASE("cuda: the seed case") {
  if (!on_gpu()) return;
  for (const int group : kGroups)
    for (const int M : {1, 8, 17, 65}) check_cuda({.M = M, .K = 2048, .N = 11008, .group = group});
}

TEST_CASE("cuda: 4096 rows") {
  if (on_gpu()) print_worst(check_cuda({.M = 4096, .K = 512, .N = 384, .group = 128}));
}

TEST_CASE("cuda: act-order and bias in either type") {
  if (!on_gpu()) return;
  double worst = 0;
  for (const DType dtype : {DType::fp16, DType::bf16})
    for (const int group : {32, 64, 128})
      for (const bool symmetric : {true, false})
        for (const int M : {1, 9, 24, 70}) {
          const CaseId id{.M = M,
                          .K = 1152,
                          .N = 320,
                          .group = group,
                          .symmetric = symmetric,
                          .act_order = true,
                          .bias = true,
                          .dtype = dtype,
                          .seed = 11};
          worst = std::max(worst, check_cuda(id));
        }
  print_worst(worst);
}

TEST_CASE("cuda: bias with one group") {
  if (!on_gpu()) return;
  for (const DType dtype : {DType::fp16, DType::bf16})
    for (const int M : {1, 16, 64}) check_cuda({.M = M, .K = 640, .N = 192, .group = -1, .bias = true, .dtype = dtype});
}

TEST_CASE("cuda: layers that are no multiple of 64 arrive padded and leave cropped") {
  if (!on_gpu()) return;
  for (const bool symmetric : {true, false})
    for (const bool act_order : {true, false})
      for (const int M : {1, 10, 33, 66}) {
        check_cuda(
            {.M = M, .K = 96, .N = 40, .group = 32, .symmetric = symmetric, .act_order = act_order, .bias = true});
        check_cuda({.M = M, .K = 200, .N = 72, .group = -1, .symmetric = symmetric});
      }
}

TEST_CASE("cuda: any number of thread blocks with either reduction") {
  if (!on_gpu()) return;
  double worst = 0;
  for (const int M : {1, 16, 30, 64, 100})
    for (const int group : {-1, 128})
      for (const int bits : {16, 32})
        for (const int thread_blocks : {1, 2, 3, 5, 7, 10, 13, 31, 66, 100, 131, 132, 133, 500})
          worst = std::max(
              worst, check_cuda({.M = M, .K = 1152, .N = 448, .group = group == -1 ? -1 : 128}, thread_blocks, bits));
  print_worst(worst);
}

TEST_CASE("cuda: small integers and power-of-two scales come out exact whatever the thread blocks") {
  if (!on_gpu()) return;
  for (const DType dtype : {DType::fp16, DType::bf16})
    for (const int group_size : kGroups)
      for (const bool symmetric : {true, false})
        for (const int M : {1, 12, 20, 70}) {
          const Known known = known_layer({.M = M,
                                           .K = dtype == DType::fp16 ? 384 : 128,
                                           .N = 192,
                                           .group_size = dtype == DType::bf16 && group_size == 128 ? 64 : group_size,
                                           .symmetric = symmetric,
                                           .act_order = M == 20,
                                           .bias = M == 70 && dtype == DType::fp16,
                                           .exact = true,
                                           .dtype = dtype,
                                           .seed = 9});
          const std::vector<double> want = exact_product(known);
          for (const int thread_blocks : {1, 3, 10, 132}) {
            kernel::Launch launch{};
            launch.thread_blocks = thread_blocks;
            const kernel::RunResult result = run_cuda(task_of(known, launch));
            long long wrong = 0;
            for (std::size_t i = 0; i < want.size(); ++i)
              wrong += static_cast<double>(value_of(result.C[i], dtype)) != want[i];
            INFO(case_of(known, launch));
            CHECK(result.ran());
            CHECK(wrong == 0);
          }
        }
}
