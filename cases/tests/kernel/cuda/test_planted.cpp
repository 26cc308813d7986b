// SPDX-License-Identifier: Apache-2.0
#include "cases/tests/cases/ask.h"
#include "cases/tests/kernel/cuda/gpu_case.h"
#include "cases/tests/kernel/cuda/planted.h"

#include <doctest/doctest.h>

namespace {

using namespace w4;
using namespace w4::tests;
using cases::report::Report;
using cases::report::Verdict;

Report ask_plugin(const std::string& file, const std::string& command) {
  return test::report_of(command + " --kernel plugin:" W4_GPU_PLUGINS "/" + file + ".so");
}

/// Launches that differ, and a hazard that is confirmed.
void check_race(const std::string& evidence) {
  CAPTURE(evidence);
  CHECK(evidence.find("launches of the same task differ") != std::string::npos);
  CHECK(evidence.find("racecheck: ") != std::string::npos);
  CHECK(evidence.find("racecheck: no errors") == std::string::npos);
  CHECK(evidence.find("did not finish") == std::string::npos);
}

}  // namespace

TEST_CASE("planted on the GPU: the plug-in without a fault is a match on every case that a fault is shown on") {
  if (!on_gpu()) return;
  for (const PlantedOnGpu& planted : kPlantedOnGpu) {
    CAPTURE(planted.command);
    const Report report = ask_plugin("none", planted.command);
    CHECK_MESSAGE(report.verdict == Verdict::match, report.reason, test::evidence_of(report));
    CHECK(report.culprits.empty());
    CHECK(report.launches.size() > 0);
  }
}

TEST_CASE("planted on the GPU: each fault is named and nothing else is") {
  if (!on_gpu()) return;
  for (const PlantedOnGpu& planted : kPlantedOnGpu) {
    CAPTURE(planted.file);
    const Report report = ask_plugin(planted.file, planted.command);
    CHECK(report.verdict == Verdict::mismatch);
    REQUIRE(report.culprits.size() == 1);
    CHECK_MESSAGE(report.culprits[0].fault == planted.fault, test::evidence_of(report));
    CHECK(report.culprits[0].stage == planted.stage);
    CHECK(report.culprits[0].evidence.size() > 0);
    CHECK(report.culprits[0].cure != "");
    if (planted.fault.ends_with("-race")) check_race(test::evidence_of(report));
  }
}
