// SPDX-License-Identifier: Apache-2.0
#include "cases/faults/faults.h"
#include "cases/tests/cases/ask.h"
#include "cases/tests/cases/chosen_faults.h"
#include "fixtures/files/container.h"
#include "fixtures/random/random_layer.h"
#include "kernel/lane_model/lane_model.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

namespace {

using namespace w4;
using namespace w4::cases;
using w4::test::ask;
using w4::test::chosen_faults;
using w4::test::kPlanted;
using w4::test::Planted;

std::string culprits_of(const report::Report& report) {
  std::string text;
  for (const report::Culprit& culprit : report.culprits) text += culprit.stage + "/" + culprit.fault + " ";
  return text;
}

const report::StageLine& line_of(const report::Report& report, const std::string& stage) {
  return *std::find_if(report.stages.begin(), report.stages.end(),
                       [&](const report::StageLine& line) { return line.stage == stage; });
}

}  // namespace

TEST_CASE("bisect: a healthy run of every shipped fixture and mode and group is a match") {
  for (const char* fixture : {"up", "down", "up_asym_act"}) {
    for (const char* mode : {"r", "w", "s", "b"}) {
      for (const char* group : {"-1", "32", "64", "128"}) {
        const std::string command = fmt::format("{} {} --fixture {} --m 17", mode, group, fixture);
        CAPTURE(command);
        const report::Report report = ask(command);
        CHECK_MESSAGE(report.verdict == report::Verdict::match, report.reason, " ", culprits_of(report));
        CHECK(report.culprits.empty());
      }
    }
  }
}

TEST_CASE("bisect: each planted fault is named and nothing else is") {
  for (const Planted& planted : chosen_faults()) {
    INFO("./bisect ", std::string(planted.command), " --inject ", std::string(planted.inject));
    const report::Report report = ask(planted.command, {planted.inject});
    CHECK(report.verdict == report::Verdict::mismatch);
    REQUIRE_MESSAGE(report.culprits.size() == 1, culprits_of(report));
    CHECK(report.culprits[0].fault == planted.fault);
    if (*planted.stage != '\0') CHECK(report.culprits[0].stage == planted.stage);
    CHECK(line_of(report, report.culprits[0].stage).verdict == report::StageVerdict::broken);
    CHECK_FALSE(report.culprits[0].cure.empty());
    CHECK(report.culprits[0].evidence.size() >= 3);
    CHECK(report.culprits[0].rerun.find("--set") != std::string::npos);
  }
}

TEST_CASE("bisect: the cases on which faults are planted are matches without them") {
  std::vector<std::string> commands;
  for (const Planted& planted : chosen_faults()) commands.emplace_back(planted.command);
  std::sort(commands.begin(), commands.end());
  commands.erase(std::unique(commands.begin(), commands.end()), commands.end());
  for (const std::string& command : commands) {
    CAPTURE(command);
    CHECK(ask(command).verdict == report::Verdict::match);
  }
}

TEST_CASE("bisect: two faults of different stages are both named") {
  w4::test::FaultLoop loop;
  for (std::size_t i = 0; i < kPlanted.size(); ++i) {
    for (const std::size_t step : {1, 5, 11}) {
      const Planted& a = kPlanted[i];
      const Planted& b = kPlanted[(i + step) % kPlanted.size()];
      if (std::string(a.command) != b.command || std::string(a.stage) == b.stage) continue;
      if (!loop.takes(a.stage)) continue;
      INFO("./bisect ", std::string(a.command), " --inject ", std::string(a.inject), ",", std::string(b.inject));
      const report::Report report = ask(a.command, {a.inject, b.inject});
      CHECK(report.verdict == report::Verdict::mismatch);
      for (const Planted* planted : {&a, &b})
        CHECK_MESSAGE(std::ranges::count(w4::test::faults_of(report), planted->fault) == 1, culprits_of(report));
      CHECK(report.culprits.size() == 2);
    }
  }
}

TEST_CASE("bisect: a fault that cannot show in a case is not accused") {
  for (const auto& [command, fault] : {std::pair{"b -1", "scales-averaged"},
                                       {"b 128", "zp-nibble-wrap"},
                                       {"b 128", "perm-a-inverse"},
                                       {"b 128", "zp-perm-no-interleave"},
                                       {"b 128 --m 16", "tile-pointer-wrap"},
                                       {"b 128 --m 16", "writeout-race"},
                                       {"b 128", "scale-ring-refill"},
                                       {"b -1 --block-tile 64x256", "scale-ring-refill"},
                                       {"b 128 --block-tile 64x256 --m 63", "scale-ring-refill"},
                                       {"b 128", "small-group-tile-stale"},
                                       {"b 128", "repack-tail-unwritten"},
                                       {"b 128", "pad-nonzero-leak"},
                                       {"b 128", "zp-float-sign"},
                                       {"b 128", "wrapper-shape-check-dead"},
                                       {"b 128", "thread-config-broken"},
                                       {"b 128", "pad-nan-propagation"},
                                       {"b 128", "temp-buffer-overrun"},
                                       {"b 128", "scale-not-passed-variant"},
                                       {"b -1", "config-flag-lost"},
                                       {"b 128", "actorder-tp-scales"},
                                       {"b 128", "moe-routing-index"},
                                       {"b 128 --slice rows:0/2", "tp-shard-splits-group"},
                                       {"b 128 --slice columns:1/2", "moe-routing-index"}}) {
    const std::string typed = fmt::format("./bisect {} --inject {}", command, fault);
    CAPTURE(typed);
    CHECK(ask(command, {fault}).verdict == report::Verdict::match);
  }
}

namespace {

/// bisect's report on a path with a stage that no known fault reproduces.
report::Report ask_unknown(const std::function<void(OwnPath&)>& spoil) {
  OwnPath subject(repack::Recipe{});
  spoil(subject);
  return ask("b 128", subject);
}

template <class T>
Grid<T> reversed_in_rows(const Grid<T>& grid) {
  return Grid<T>::made(grid.rows(), grid.cols(), [&](std::span<T> out) {
    for (int r = 0; r < grid.rows(); ++r)
      std::reverse_copy(grid.row(r).begin(), grid.row(r).end(), &out[static_cast<std::size_t>(r) * grid.cols()]);
  });
}

}  // namespace

TEST_CASE("bisect: a repacking stage done in no known way is located and unexplained") {
  const report::Report report = ask_unknown([](OwnPath& subject) {
    subject.replace_stage(StageId::scale_order, [](const repack::Weights& before) {
      repack::Weights after = repack::stage_of(StageId::scale_order).variants[0].apply(before);
      after.ordered_scales = reversed_in_rows(after.ordered_scales);
      return after;
    });
  });
  CHECK(report.verdict == report::Verdict::mismatch);
  REQUIRE(report.culprits.size() == 1);
  CHECK(report.culprits[0].fault == "unexplained");
  CHECK(report.culprits[0].stage == "scale_order");
  CHECK(line_of(report, "tiles").verdict == report::StageVerdict::ok);
}

TEST_CASE("bisect: a kernel that is wrong in no known way is unexplained") {
  const report::Report report = ask_unknown([](OwnPath& subject) {
    subject.replace_kernel([](const kernel::Task& task) {
      kernel::RunResult result = kernel::lane_model::run_lane_model(task);
      result.C = reversed_in_rows(result.C);
      return result;
    });
  });
  CHECK(report.verdict == report::Verdict::mismatch);
  REQUIRE(report.culprits.size() == 1);
  CHECK(report.culprits[0].fault == "unexplained");
  CHECK(line_of(report, "fragments").verdict == report::StageVerdict::ok);
  CHECK(line_of(report, "dequant").verdict == report::StageVerdict::not_visible);
}

TEST_CASE("bisect: a toggle that is no fault of the catalogue goes by its own name") {
  const report::Report report = ask("b 128", OwnPath(faults::recipe_of_settings({"tiles=untiled"})));
  REQUIRE(report.culprits.size() == 1);
  CHECK(report.culprits[0].fault == "untiled");
}

TEST_CASE("bisect: four faults of different kernel and repacking stages are all named") {
  const report::Report report =
      ask("b 128", {"scale-perm-missing", "fp16-accumulate-overflow", "lock-workspace-dirty", "bias-missing"});
  CHECK_MESSAGE(culprits_of(report) ==
                    "scale_order/scale-perm-missing multiply/fp16-accumulate-overflow reduce/lock-workspace-dirty "
                    "epilogue/bias-missing ",
                culprits_of(report));
}

TEST_CASE("bisect: what static checks say of a fixture goes to the notes and a sound one has none") {
  const auto lints = [](const report::Report& report) {
    return std::count_if(report.notes.begin(), report.notes.end(),
                         [](const std::string& note) { return note.starts_with("lint: "); });
  };
  for (const char* command : {"b 128", "w 128 --fixture up_asym_act", "b -1", "r 128 --shape 256,128"}) {
    CAPTURE(std::string(command));
    CHECK(lints(ask(command)) == 0);
  }
  const report::Report odd = ask("r 32 --shape 96,160");
  CHECK(odd.verdict == report::Verdict::match);
  REQUIRE(lints(odd) == 1);
  CHECK(odd.notes.back().find("lint: K=96 is not a multiple of 64") == 0);
}

TEST_CASE("bisect: static checks are made of the fixture as it is stored and not of what a mode makes of it") {
  fixtures::Layer layer =
      fixtures::random::random_layer({.K = 512, .N = 128, .group_size = 128, .symmetric = false, .seed = 4});
  layer.zero_encoding = fixtures::ZeroEncoding::plain;  // v1's zero points under v2's name
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("w4_lint_{}", ::getpid());
  fixtures::files::write_container(fixtures::container_of(layer), folder, fixtures::files::ContainerKind::npy_folder);
  const auto told = [&](const char* mode) {
    const report::Report report = ask(fmt::format("{} 128 --m 4 --fixture {}", mode, folder.string()));
    return std::any_of(report.notes.begin(), report.notes.end(),
                       [](const std::string& note) { return note.starts_with("lint: taken as gptq v2"); });
  };
  for (const char* mode : {"b", "w", "s"}) CHECK(told(mode));
  CHECK_FALSE(told("r"));
  std::filesystem::remove_all(folder);
}
