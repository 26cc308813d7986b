// SPDX-License-Identifier: Apache-2.0
#include "cases/tests/kernel/child/kernel_case.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

namespace {

using namespace w4;
using namespace std::chrono_literals;
using cases::report::Report;
using cases::report::Verdict;
using test::ask_kernel;
using test::evidence_of;
using test::ForeignCase;
using test::plugin;
using test::refusal_of;
using test::says;

int limit_of_fault(const std::string& fault) { return fault == "spins" ? test::kShort : test::kLong; }

}  // namespace

TEST_CASE("plugin: the example is a match in every mode and group and type on every shipped fixture") {
  for (const char* fixture : {"up", "down", "up_asym_act"})
    for (const char* mode : {"r", "b"})
      for (const char* group : {"-1", "32", "64", "128"})
        for (const char* dtype : {"fp16", "bf16"}) {
          const std::string command = fmt::format("{} {} --fixture {} --m 2 --dtype {}", mode, group, fixture, dtype);
          CAPTURE(command);
          const Report report = ask_kernel(plugin("sound"), test::kLong, command);
          CHECK_MESSAGE(report.verdict == Verdict::match, report.reason, evidence_of(report));
          CHECK(report.culprits.empty());
        }
}

TEST_CASE("plugin: padded shapes and one row are a match") {
  for (const char* command : {"r 32 --shape 96,160 --m 1", "r -1 --shape 400,256 --m 3"})
    CHECK(ask_kernel(plugin("sound"), test::kLong, command).verdict == Verdict::match);
}

TEST_CASE("plugin: each way to go wrong is told apart by its own evidence") {
  struct Wrong {
    const char* fault;
    const char* evidence;
  };
  const Wrong kWrong[] = {
      {"returns_code", "return code 2\n"},
      {"segfaults", "ended by SIGSEGV\n"},
      {"aborts", "ended by SIGABRT\n"},
      {"exits", "ended its process with exit code 3\n"},
      {"exits_well", "ended its process with exit code 0\n"},
      {"spins", "hangs: not done after 1 s, ended by force\n"},
      {"writes_nothing", "6144 of 6144 outputs keep the fill: never written, not zero\n"},
      {"writes_half", "3072 of 6144 outputs keep the fill: never written, not zero\n"},
      {"writes_nan", "1 of 6144 outputs are NaN that the kernel wrote\n"},
      {"writes_behind", "C: 64 bytes changed behind its end, the first 8 bytes away\n"},
      {"writes_before", "C: 2 bytes changed before its begin, the nearest 1 bytes away\n"},
      {"changes_input", "words: the input itself was changed\n"},
      {"leaves_workspace", "2 of 24 words of the workspace are left non-zero\n"},
      {"adds_up", "2 launches of the same task differ in up to 3 of 6144 outputs\n"},
  };
  for (const Wrong& wrong : kWrong) {
    CAPTURE(wrong.fault);
    const Report report = ask_kernel(plugin(wrong.fault), limit_of_fault(wrong.fault));
    CHECK(report.verdict == Verdict::mismatch);
    REQUIRE(report.culprits.size() == 1);
    for (const Wrong& other : kWrong) {
      CAPTURE(other.evidence);
      const bool own = &other == &wrong;
      const bool unwritten_too = std::string(other.fault) == "writes_nothing" && report.comparison->unwritten == 6144;
      CHECK_MESSAGE(says(report, other.evidence) == (own || unwritten_too), evidence_of(report));
    }
  }
}

TEST_CASE("plugin: what is written beside a buffer and what is left in the workspace have names") {
  const std::pair<const char*, const char*> kNames[] = {{"writes_behind", "output-overrun"},
                                                        {"writes_before", "output-overrun"},
                                                        {"changes_input", "writes-outside"},
                                                        {"leaves_workspace", "lock-workspace-dirty"}};
  for (const auto& named : kNames) {
    CAPTURE(named.first);
    const Report report = ask_kernel(plugin(named.first));
    REQUIRE(report.culprits.size() == 1);
    CHECK(report.culprits[0].fault == named.second);
    CHECK(report.culprits[0].cure != "");
  }
}

TEST_CASE("plugin: bytes that are no packet are an answer that cannot be read and accuse nothing") {
  for (const auto& [name, why] : {std::pair("writes_on_channel", "a packet of 7 bytes, expected "),
                                  std::pair("writes_while_loading", "a packet of 1 bytes, expected 4")}) {
    const std::string fault = name;
    CAPTURE(fault);
    const Report report = ask_kernel(plugin(fault));
    CHECK(report.verdict == Verdict::unreadable);
    CHECK(report.reason.find(std::string("the plug-in's answer cannot be read: ") + why) == 0);
    CHECK(report.culprits.empty());
    CHECK_FALSE(report.comparison.has_value());
  }
}

TEST_CASE("plugin: one that would shrink the memory of its buffers cannot and one that leaves children is a match") {
  for (const char* name : {"shrinks_memory", "leaves_children"})
    CHECK(ask_kernel(plugin(name)).verdict == Verdict::match);
}

TEST_CASE("plugin: the time limit holds for loading") {
  CHECK_THROWS_WITH_AS(kernel::child::open_kernel(plugin("never_loads"), 1s),
                       doctest::Contains("loading it hangs: not done after 1 s"), InputError);
}

TEST_CASE("plugin: a bias that is forgotten is named by the lane model") {
  const Report report = ask_kernel(plugin("forgets_bias"));
  REQUIRE(report.culprits.size() == 1);
  CHECK(report.culprits[0].fault == "bias-missing");
  CHECK(report.culprits[0].stage == "epilogue");
}

TEST_CASE("plugin: a code of 2 and silence are no missing instantiation where no launch is watched") {
  CHECK(ask_kernel(plugin("returns_code")).culprits.at(0).fault == "unexplained");
  const std::string silent = ask_kernel(plugin("writes_nothing")).culprits.at(0).fault;
  CHECK(silent.find("output-to-temporary") != std::string::npos);
  CHECK(silent.find("instantiation-missing") == std::string::npos);
}

TEST_CASE("plugin: zeros that were written are not taken for unwritten outputs") {
  const Report report = ask_kernel(plugin("writes_zeros"));
  CHECK(report.comparison->unwritten == 0);
  CHECK(report.comparison->zero == 6144);
  CHECK(report.culprits.at(0).fault == "unexplained");
}

TEST_CASE("plugin: a dirty workspace is followed up with a second launch on it") {
  CHECK(
      says(ask_kernel(plugin("leaves_workspace")), "a second launch on the workspace of the first does not return 0"));
}

TEST_CASE("plugin: an unexplained fault lies in the stage that was seen to fail") {
  CHECK(ask_kernel(plugin("segfaults")).culprits.at(0).stage == "launch");
  CHECK(ask_kernel(plugin("leaves_workspace")).culprits.at(0).stage == "reduce");
  const Report zeros = ask_kernel(plugin("writes_zeros"));
  REQUIRE(zeros.culprits.size() == 1);
  CHECK(zeros.culprits[0].stage.empty());
  CHECK(says(zeros, "the kernel writes zeros for every input"));
}

TEST_CASE("plugin: a workspace starts as asked and as large as asked") {
  ForeignCase ready;
  const auto kernel = kernel::child::open_kernel(plugin("leaves_workspace"), 60s);
  ready.task.launch.workspace = {0, 5, 0, 0, 9};
  const kernel::RunResult result = kernel->run(ready.task);
  CHECK(result.return_code == 0);
  CHECK(result.workspace == std::vector<std::int32_t>{1, 5, 0, 2, 9});
  ready.task.launch.workspace[0] = 3;
  CHECK(kernel->run(ready.task).return_code == 7);
}

TEST_CASE("plugin: a child is kept until a fault costs it its life and then another is started") {
  const ForeignCase ready;
  const auto kernel = kernel::child::open_kernel(plugin("survives_once"), 60s);
  for (int round = 0; round < 3; ++round) {
    CHECK(kernel->run(ready.task).ran());
    CHECK(kernel->run(ready.task).signal == "SIGFPE");
  }
}

TEST_CASE("plugin: what is no plug-in or cannot run here is refused in one line") {
  CHECK(refusal_of(plugin("sound")) == "ran");
  CHECK(refusal_of("plugin:no_such_file.so") == "125: --kernel plugin:no_such_file.so: there is no such file");
  CHECK(refusal_of("plugin:" W4_SOURCE_DIR "/LICENSE").find("129: ") == 0);
  CHECK(refusal_of(plugin("other_version")).find("version 99 of kernel/plugin.h, this program has version 2") !=
        std::string::npos);
  CHECK(refusal_of(plugin("fails_to_load")).find("loading it is ended by SIGSEGV") != std::string::npos);
  CHECK(refusal_of(plugin("takes_no_bias")) ==
        "125: dequantise on the host does not take a bias, and this layer has one");
  CHECK(refusal_of(plugin("asks_too_much")).find("workspace_bytes() returned 2305843009213693951") !=
        std::string::npos);
  CHECK(refusal_of("plugins:x").find("it is one of cuda, naive, plugin:FILE, exec:COMMAND") != std::string::npos);
}

TEST_CASE("plugin: a refusal by code 1 cannot be tested and one of a later launch is a failure") {
  CHECK(refusal_of(plugin("refuses")) ==
        "125: dequantise on the host refuses this case: return code 1, nothing launched or written");
  const Report report = ask_kernel(plugin("refuses_again"));
  CHECK(report.verdict == Verdict::mismatch);
  CHECK(report.culprits.at(0).stage == "launch");
  CHECK(says(report, "refuses this case: return code 1"));
}

TEST_CASE("plugin: behind a code or a signal no fault is searched for") {
  for (const char* name : {"returns_code", "segfaults", "exits"}) {
    const Report report = ask_kernel(plugin(name));
    CHECK(report.probes.empty());
    CHECK(report.runs == 1);
  }
}

TEST_CASE("plugin: a kernel that takes no bias is asked without one") {
  const Report report = ask_kernel(plugin("takes_no_bias"));
  CHECK(report.verdict == Verdict::match);
  CHECK(report.case_id.find("bias") == std::string::npos);
  CHECK(std::find(report.notes.begin(), report.notes.end(), "the kernel takes no bias: this layer's is left out") !=
        report.notes.end());
}

TEST_CASE("plugin: device pointers and the marlin_cuda symbol need a GPU and say so where there is none") {
  for (const char* name : {"device_pointers", "marlin_symbol"}) {
    const std::string said = refusal_of(plugin(name));
    CAPTURE(said);
    const bool no_gpu = said.find("takes device pointers, and th") != std::string::npos;  // "there is no", "this build"
    const bool ran = said == "ran" || said.find("125: marlin_cuda does not take a bias") == 0;  // there is one
    CHECK((no_gpu ? said.find("125: ") == 0 : ran));
  }
}

TEST_CASE("plugin: no process and no descriptor is left behind") {
  (void)ask_kernel(plugin("sound"));  // what the first use of libraries opens
  const test::Belongings before = test::belongings();
  for (const char* name : {"sound", "segfaults", "exits", "spins", "prints"}) {
    CAPTURE(name);
    (void)ask_kernel(plugin(name), limit_of_fault(name));
    CHECK((test::belongings() == before));
  }
  (void)refusal_of(plugin("other_version"));
  CHECK((test::belongings() == before));
  CHECK(before.children == 0);
}
