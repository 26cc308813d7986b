// SPDX-License-Identifier: Apache-2.0
// The examples of the docs that run on a GPU, and our own kernels through bisect.
#include "cases/tests/cases/ask.h"
#include "cases/tests/kernel/cuda/gpu_case.h"

#include <doctest/doctest.h>

namespace {

using namespace w4;
using namespace w4::tests;

cases::report::Report ask(const std::string& kernel, const std::string& command) {
  return test::report_of(command + " --kernel " + kernel);
}

void check_match(const std::string& kernel, const std::string& command) {
  CAPTURE(kernel);
  CAPTURE(command);
  const cases::report::Report report = ask(kernel, command);
  CHECK_MESSAGE(report.verdict == cases::report::Verdict::match, report.reason);
  CHECK(report.launches.size() > 0);
  for (const kernel::KernelLaunch& launch : report.launches) {
    CHECK(launch.on_given_stream);
    CHECK(launch.registers > 0);
    CHECK(launch.binary_version > 0);
  }
}

const std::string kDevice = "plugin:" W4_GPU_PLUGINS "/plugin_device.so";
const std::string kSymbol = "plugin:" W4_GPU_PLUGINS "/marlin_symbol.so";

}  // namespace

TEST_CASE("bisect on the GPU: our kernels and the device example match on every shipped fixture") {
  if (!on_gpu()) return;
  for (const std::string& kernel : {std::string("cuda"), std::string("naive"), kDevice})
    for (const char* fixture : {"up", "down", "up_asym_act"})
      for (const char* mode : {"r", "b"})
        for (const char* group : {"-1", "32", "64", "128"})
          check_match(kernel, std::string(mode) + " " + group + " --fixture " + fixture + " --m 5 --dtype " +
                                  (mode[0] == 'r' ? "bf16" : "fp16"));
}

TEST_CASE("bisect on the GPU: the marlin_cuda symbol is taken as it is") {
  if (!on_gpu()) return;
  check_match(kSymbol, "b 128");
  check_match(kSymbol, "b -1");
  const cases::report::Report report = ask(kSymbol, "b 64");
  CHECK(report.verdict == cases::report::Verdict::mismatch);
  REQUIRE(report.culprits.size() == 1);
  CHECK(report.culprits[0].fault == "instantiation-missing-rc-ignored");
}

TEST_CASE(
    "bisect on the GPU: a dirty workspace is no match for a kernel that counts on locks and a short one is declined") {
  if (!on_gpu()) return;
  const cases::report::Report dirty = ask("cuda", "r 128 --shape 2048,512 --m 16 --workspace dirty");
  CHECK(dirty.verdict == cases::report::Verdict::mismatch);
  CHECK(dirty.culprits.at(0).fault == "lock-workspace-dirty");
  const cases::report::Report too_short = ask("cuda", "r 128 --shape 2048,512 --m 16 --workspace short");
  CHECK(too_short.verdict == cases::report::Verdict::match);  // declined, and nothing is written
}
