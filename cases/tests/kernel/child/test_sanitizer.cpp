// SPDX-License-Identifier: Apache-2.0
// Logs as compute-sanitizer 2025.3 writes them.
#include "kernel/child/sanitizer.h"

#include <doctest/doctest.h>

namespace {

using w4::kernel::child::parse_sanitizer;
using w4::kernel::child::SanitizerAnswer;

constexpr const char* kHazards =
    "========= COMPUTE-SANITIZER\n"
    "========= Error: Race reported between Read access at float2 sum_of_teams<Shape>(const float *)+0x3d80 in "
    "marlin_write.cuh:118\n"
    "=========     and Write access at void stage_sums<Shape>(float *)+0x4420 in marlin_write.cuh:111 [4096 hazards]\n"
    "========= \n"
    "========= Error: Race reported between Read access at float2 sum_of_teams<Shape>(const float *)+0x3e80 in "
    "marlin_write.cuh:118\n"
    "=========     and Write access at void stage_sums<Shape>(float *)+0x4520 in marlin_write.cuh:111 [128 hazards]\n"
    "========= \n"
    "========= RACECHECK SUMMARY: 2 hazards displayed (2 errors, 0 warnings)\n";

}  // namespace

TEST_CASE("sanitizer: hazards are told by kind and by their two places in the source") {
  const SanitizerAnswer answer = parse_sanitizer("racecheck", kHazards);
  CHECK(answer.finished);
  CHECK_FALSE(answer.clean());
  CHECK(answer.errors == 2);
  CHECK(answer.write_after_read);
  CHECK_FALSE(answer.read_after_write);
  CHECK(answer.text() == "racecheck: 2 errors: write after read at marlin_write.cuh:118 and marlin_write.cuh:111");
}

TEST_CASE("sanitizer: errors of memcheck keep their words") {
  const SanitizerAnswer answer =
      parse_sanitizer("memcheck",
                      "========= COMPUTE-SANITIZER\n"
                      "========= Invalid __global__ write of size 8 bytes\n"
                      "=========     at void write_partial<Shape>(const MarlinArgs &)+0x1f0 in marlin_write.cuh:71\n"
                      "=========     by thread (0,0,0) in block (0,0,0)\n"
                      "=========     Access to 0x0 is out of bounds\n"
                      "========= ERROR SUMMARY: 1 error\n");
  CHECK(answer.errors == 1);
  CHECK(answer.text() == "memcheck: 1 errors: Invalid __global__ write of size 8 bytes at marlin_write.cuh:71");
}

TEST_CASE("sanitizer: no errors is clean and no summary is not") {
  CHECK(parse_sanitizer("synccheck", "========= COMPUTE-SANITIZER\n========= ERROR SUMMARY: 0 errors\n").clean());
  for (const char* log : {"", "========= COMPUTE-SANITIZER\n",
                          "========= COMPUTE-SANITIZER\n========= Error: Target application terminated\n",
                          "========= Internal Sanitizer Error: The application died\n"}) {
    const SanitizerAnswer answer = parse_sanitizer("memcheck", log);
    CAPTURE(std::string(log));
    CHECK_FALSE(answer.clean());
    CHECK_FALSE(answer.finished);
    CHECK(answer.problem != "");
    CHECK(answer.text().find("did not finish, which is not a clean answer") != std::string::npos);
  }
}
