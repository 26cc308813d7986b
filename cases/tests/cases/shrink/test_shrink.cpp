// SPDX-License-Identifier: Apache-2.0
#include "cases/faults/faults.h"
#include "cases/shrink/ddmin.h"
#include "cases/shrink/shrink_case.h"
#include "cases/tests/cases/ask.h"
#include "cases/tests/cases/chosen_faults.h"
#include "cases/tests/fixtures/scratch.h"
#include "fixtures/files/container.h"
#include "fixtures/half.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <numeric>
#include <set>

namespace {

using namespace w4;
using namespace w4::cases;
using fixtures::test::same;
using fixtures::test::Scratch;
using w4::test::chosen_faults;
using w4::test::faults_of;
using w4::test::kPlanted;
using w4::test::kQuiet;
using w4::test::options_of;
using w4::test::Planted;
using w4::test::report_of;

shrink::ShrunkCase shrunk_of(const std::string& command, int budget = shrink::kDefaultBudget) {
  return shrink::shrink_case(options_of(command), budget, kQuiet);
}

template <class T>
int odd_ones(const Grid<T>& grid, T plain) {
  return static_cast<int>(
      std::count_if(grid.cells().begin(), grid.cells().end(), [&](T cell) { return cell != plain; }));
}

/// Values that are not plain: codes and zero points but 8, scales but 1, activations and bias but 0.
int odd_values(const shrink::PlainCase& plain) {
  const std::uint16_t one = bits_of(1, plain.layer.dtype), zero = 0;
  const std::uint8_t eight = 8;
  return odd_ones(plain.layer.codes, eight) + odd_ones(plain.layer.zeros, eight) + odd_ones(plain.layer.scales, one) +
         odd_ones(plain.layer.bias, zero) + odd_ones(plain.A, zero);
}

void check_same_layer(const fixtures::Layer& got, const fixtures::Layer& want) {
  CHECK(same(got.qweight, want.qweight));
  CHECK(same(got.scales, want.scales));
  for (const auto& [a, b] : {std::pair{got.qzeros, want.qzeros}, {got.g_idx, want.g_idx}, {got.bias, want.bias}}) {
    REQUIRE(a.has_value() == b.has_value());
    if (a) CHECK(same(*a, *b));
  }
  CHECK(got.group_size == want.group_size);
  CHECK(got.symmetric == want.symmetric);
}

constexpr const char* kCases[] = {
    "b 128",
    "b 32",
    "b -1",
    "b 128 --fixture up_asym_act",
    "w 64 --fixture up_asym_act --dtype bf16 --m 3",
    "--case M3_K256_N128_g64_asym_awq_fp16_r_s7",
    "--case M3_K256_N128_g64_asym_pair_bf16_r_s7",
    "--case M3_K256_N128_g64_asym_ct_act_bias_fp16_r_s7",
    "--case M3_K256_N128_g-1_sym_v2_bias_bf16_r_s7",
};

}  // namespace

TEST_CASE("plain case: a layer that is decoded and stored again is the same in every bit") {
  for (const char* command : kCases) {
    CAPTURE(command);
    const Prepared prepared = prepare(options_of(command).request);
    check_same_layer(shrink::layer_of(shrink::plain_of(prepared)), prepared.layer);
  }
}

TEST_CASE("plain case: what a written fixture is read as is what was tried") {
  for (const char* command : kCases) {
    CAPTURE(command);
    const Scratch scratch;
    const shrink::PlainCase plain = shrink::plain_of(prepare(options_of(command).request));
    const Prepared tried = shrink::prepared_of(plain, "");
    fixtures::files::write_container(fixtures::container_of(tried.layer), scratch / "f",
                                     fixtures::files::ContainerKind::npy_folder);
    const Prepared read =
        prepare(options_of(fmt::format("b {} --fixture {}", plain.group, (scratch / "f").string())).request);
    check_same_layer(read.layer, tried.layer);
    CHECK((read.A == tried.A));
    CHECK(read.id.text() == tried.id.text());
    CHECK(read.notes.empty());
  }
}

TEST_CASE("plain case: a part of K with act-order keeps each row with its own scales") {
  const shrink::PlainCase whole = shrink::plain_of(prepare(options_of("b 128 --fixture up_asym_act --m 2").request));
  shrink::Kept kept{.rows = {}, .groups = {0, 2}, .group_size = 128};
  for (int k = 0; k < whole.K(); ++k)
    if (whole.layer.g_idx(0, k) != 1) kept.rows.push_back(k);
  const shrink::PlainCase part = *shrink::with_part_of_K(whole, kept);
  for (int k = 0; k < part.K(); ++k) {
    const int row = kept.rows[static_cast<std::size_t>(k)];
    CHECK(part.layer.scales(part.layer.g_idx(0, k), 5) == whole.layer.scales(whole.layer.g_idx(0, row), 5));
    CHECK(part.layer.codes(k, 7) == whole.layer.codes(row, 7));
    CHECK(part.A(1, k) == whole.A(1, row));
  }
  kept.rows.pop_back();
  CHECK_FALSE(shrink::with_part_of_K(whole, kept).has_value());
}

TEST_CASE("ddmin: what is needed is kept and nothing else") {
  std::vector<int> all(100);
  std::iota(all.begin(), all.end(), 0);
  for (const std::set<int>& needed : {std::set<int>{0}, {99}, {3, 97}, {10, 11, 12, 50, 51, 88}}) {
    const auto keeps = [&](const std::vector<int>& part) {
      CHECK_FALSE(part.empty());
      return std::includes(part.begin(), part.end(), needed.begin(), needed.end());
    };
    const std::vector<int> left = shrink::ddmin(all, keeps);
    CHECK(std::set<int>(left.begin(), left.end()) == needed);
  }
}

TEST_CASE("shrinker: a case that fails otherwise is never taken and none is tried twice") {
  const shrink::PlainCase whole = shrink::plain_of(prepare(options_of("b 128 --m 8").request));
  std::set<std::uint64_t> tried;
  const auto trial = [&](const shrink::PlainCase& plain) {
    CHECK(tried.insert(shrink::fingerprint(plain)).second);
    if (plain.N() < 256) return shrink::Answer::not_taken;
    return plain.M() >= 3 && plain.K() >= 256 ? shrink::Answer::same_failure : shrink::Answer::another_outcome;
  };
  const shrink::Shrunk shrunk = shrink::Shrinker(whole, 1000, trial, [](int, const shrink::PlainCase&) {}).run();
  CHECK(shrunk.best.M() == 3);
  CHECK(shrunk.best.K() == 256);
  CHECK(shrunk.best.N() == 256);
  CHECK(odd_values(shrunk.best) == 0);
  CHECK(shrunk.not_taken > 0);
  CHECK(shrunk.trials == static_cast<int>(tried.size()));
  CHECK_FALSE(shrunk.budget_ran_out);
}

TEST_CASE("shrinker: the budget is kept and said when it runs out") {
  for (const int budget : {1, 7}) {
    const shrink::ShrunkCase shrunk = shrunk_of("b 128 --inject scale-perm-missing", budget);
    CHECK(shrunk.shrunk.trials == budget);
    CHECK(shrunk.shrunk.budget_ran_out);
  }
  CHECK_FALSE(shrunk_of("b 128 --inject scale-perm-missing").shrunk.budget_ran_out);
}

TEST_CASE("shrinker: it stops where it is told to and has the smallest case until then") {
  const shrink::PlainCase whole = shrink::plain_of(prepare(options_of("b 128 --m 8").request));
  shrink::PlainCase smallest = whole;
  int trials = 0;
  const auto trial = [&](const shrink::PlainCase& plain) {
    ++trials;
    if (plain.M() < 3) return shrink::Answer::another_outcome;
    smallest = plain;
    return shrink::Answer::same_failure;
  };
  const shrink::Shrunk shrunk =
      shrink::Shrinker(
          whole, 1000, trial, [](int, const shrink::PlainCase&) {}, [&] { return trials == 4; })
          .run();
  CHECK(shrunk.interrupted);
  CHECK_FALSE(shrunk.budget_ran_out);
  CHECK(shrunk.trials == 4);
  CHECK(shrunk.best.M() < whole.M());
  CHECK(shrink::fingerprint(shrunk.best) == shrink::fingerprint(smallest));
}

namespace {

struct Smallest {
  const char* command;
  const char* fault;
  int M, K, N;  // at most
  int odd;      // values that are not plain, at most
};

/// Sizes below which the fault cannot show: a row of a second problem, two groups, the columns of a second block_tile.
constexpr Smallest kSmallest[] = {
    {"b 128 --inject scale-perm-missing", "scale-perm-missing", 1, 64, 64, 3},
    {"b 128 --fixture up_asym_act --inject gidx-ignored", "gidx-ignored", 1, 64, 64, 3},
    {"b 128 --inject tile-pointer-wrap", "tile-pointer-wrap", 65, 64, 64, 1},
    {"r 128 --shape 384,192 --inject tile-loop-bound", "tile-loop-bound", 1, 64, 64, 0},
    {"b 128 --inject k-tail-dropped", "k-tail-dropped", 1, 64, 64, 2},
    {"b 128 --inject bias-double", "bias-double", 1, 64, 64, 1},
    {"b 32 --inject small-group-tile-stale", "small-group-tile-stale", 1, 64, 192, 3},
    {"b 128 --inject writeout-race", "writeout-race", 64, 64, 192, 1},
};

}  // namespace

TEST_CASE("shrink: the smallest case of a planted fault names it and is as small as the fault allows") {
  w4::test::FaultLoop loop;
  for (const Smallest& smallest : kSmallest) {
    const auto fault = std::ranges::find(faults::faults(), smallest.fault, &faults::Fault::name);
    REQUIRE(fault != faults::faults().end());
    if (!loop.takes(fault->stage)) continue;
    CAPTURE(smallest.command);
    const Scratch scratch;
    const shrink::ShrunkCase shrunk = shrunk_of(smallest.command);
    const report::Report report = shrink::write_shrunk(shrunk, scratch / "f", kQuiet);
    CHECK(faults_of(report) == std::vector<std::string>{smallest.fault});
    CHECK_FALSE(report.comparison->right());
    const shrink::PlainCase& best = shrunk.shrunk.best;
    CAPTURE(shrink::text_of(best));
    CHECK(best.M() <= smallest.M);
    CHECK(best.K() <= smallest.K);
    CHECK(best.N() <= smallest.N);
    CHECK(odd_values(best) <= smallest.odd);
    CHECK_FALSE(shrunk.shrunk.budget_ran_out);
    // The command of the written fixture, as a user would type it.
    const std::string command = command_line(cases::shrink::options_of(shrunk, scratch / "f"));
    const report::Report again = report_of(command.substr(std::string("./bisect ").size()));
    CHECK(shrink::failure_of(again) == shrunk.failure);
    CHECK(again.rerun == command);
  }
}

TEST_CASE("shrink: a local minimum has no smaller neighbour") {
  const shrink::ShrunkCase shrunk = shrunk_of("b 128 --inject bias-double");
  const auto none = [](const shrink::PlainCase&) { return shrink::Answer::another_outcome; };
  const shrink::Shrunk asked_of_all =
      shrink::Shrinker(shrunk.shrunk.best, 1000, none, [](int, const shrink::PlainCase&) {}).run();
  CHECK(asked_of_all.trials > 0);  // there are neighbours to try
  const auto trial = [&](const shrink::PlainCase& plain) {
    Options options = cases::shrink::options_of(shrunk, "");
    options.request.group = plain.group;
    options.request.thread_blocks = plain.thread_blocks;
    const report::Report report = report_on(shrink::prepared_of(plain, ""), options, kQuiet);
    return shrink::failure_of(report) == shrunk.failure ? shrink::Answer::same_failure
                                                        : shrink::Answer::another_outcome;
  };
  const shrink::Shrunk again =
      shrink::Shrinker(shrunk.shrunk.best, 1000, trial, [](int, const shrink::PlainCase&) {}).run();
  CHECK(again.steps.empty());
  CHECK(shrink::fingerprint(again.best) == shrink::fingerprint(shrunk.shrunk.best));
}

namespace {

/// Wrong in how the layer is cut: a shrunken cut is a layer of its own, where nothing is cut any more.
bool is_of_slicing(const Planted& planted) { return std::string(planted.command).find("--slice") != std::string::npos; }

}  // namespace

TEST_CASE("shrink: every planted fault but those of slicing is still the one that is named") {
  constexpr int kFew = 10;  // trials: this is about what is named, not about sizes
  for (const Planted& planted : chosen_faults()) {
    if (is_of_slicing(planted)) continue;
    const std::string command = fmt::format("{} --inject {}", planted.command, planted.inject);
    CAPTURE(command);
    const Scratch scratch;
    const shrink::ShrunkCase shrunk = shrunk_of(command, kFew);
    const report::Report report = shrink::write_shrunk(shrunk, scratch / "f", kQuiet);
    CHECK(faults_of(report) == std::vector<std::string>{planted.fault});
    CHECK(report.comparison->count < 96 * 1536);
    CHECK_FALSE(shrunk.shrunk.steps.empty());
  }
}

TEST_CASE("shrink: a fault of slicing is refused with 125 and a line that says why") {
  int refused = 0;
  for (const Planted& planted : kPlanted) {
    if (!is_of_slicing(planted)) continue;
    CAPTURE(planted.inject);
    CHECK_THROWS_WITH_AS(shrunk_of(fmt::format("{} --inject {}", planted.command, planted.inject)),
                         doctest::Contains("stored anew as a layer of its own, no longer a slice"), CannotTest);
    ++refused;
  }
  CHECK(refused == 6);
}

TEST_CASE("shrink: a slice with a fault of another stage becomes a layer of its own") {
  for (const char* command :
       {"b 128 --slice rows:1/2 --inject scale-perm-missing", "b -1 --slice rows:1/2 --inject scale-perm-missing",
        "b 128 --slice columns:0/4 --inject tile-order-swap",
        "r 32 --fixture up_asym_act --slice expert:1/2 --slice rows:1/2 --inject gidx-ignored"}) {
    CAPTURE(command);
    const Scratch scratch;
    const shrink::ShrunkCase shrunk = shrunk_of(command);
    const report::Report report = shrink::write_shrunk(shrunk, scratch / "f", kQuiet);
    CHECK(shrink::failure_of(report) == shrunk.failure);
    CHECK(report.rerun.find("--slice") == std::string::npos);
    const report::Report again = report_of(report.rerun.substr(std::string("./bisect ").size()));
    CHECK(shrink::failure_of(again) == shrunk.failure);
  }
}

TEST_CASE("shrink: two faults are both kept") {
  const shrink::ShrunkCase shrunk = shrunk_of("b 128 --inject scale-perm-missing,bias-double");
  const Scratch scratch;
  CHECK(faults_of(shrink::write_shrunk(shrunk, scratch / "f", kQuiet)) ==
        std::vector<std::string>{"bias-double", "scale-perm-missing"});
  CHECK(shrunk.shrunk.best.M() * shrunk.shrunk.best.K() * shrunk.shrunk.best.N() == 64 * 64);
  CHECK_FALSE(shrunk.shrunk.best.layer.bias.empty());
}

TEST_CASE("shrink: the same question gives the same case") {
  const std::string command = "b 128 --fixture up_asym_act --inject perm-a-inverse";
  const shrink::ShrunkCase first = shrunk_of(command), second = shrunk_of(command);
  CHECK(shrink::fingerprint(first.shrunk.best) == shrink::fingerprint(second.shrunk.best));
  CHECK(first.shrunk.trials == second.shrunk.trials);
}

TEST_CASE("shrink: a match and a case that cannot be tested are refused with 125") {
  for (const char* command : {"b 128", "b -1 --inject scales-averaged"}) {
    CAPTURE(command);
    try {
      (void)shrunk_of(command);
      FAIL("it was shrunk");
    } catch (const CannotTest& error) {
      CHECK(error.exit_code() == kCannotTest);
    }
  }
}

TEST_CASE("shrink: what cannot be run again is bad input") {
  CHECK_THROWS_AS(shrunk_of("b 128 --kernel recorded:C.npy"), InputError);
  CHECK_THROWS_AS(shrunk_of("b 128 --packed packed.npz"), InputError);
}

TEST_CASE("shrink: a fixture that fails otherwise when it is read back is not left behind") {
  const Scratch scratch;
  shrink::ShrunkCase shrunk = shrunk_of("b 128 --inject bias-double");
  shrunk.failure.culprits = {{"epilogue", "bias-missing"}};
  CHECK_THROWS_AS(shrink::write_shrunk(shrunk, scratch / "f", kQuiet), CannotTest);
  CHECK(scratch.entries() == 0);
}

TEST_CASE("failure: unexplained ones are told apart by their kind and named ones by their name") {
  report::Report zeros;
  zeros.verdict = report::Verdict::mismatch;
  zeros.culprits = {{.stage = "", .fault = "unexplained"}};
  zeros.comparison = judge::Comparison{.count = 4, .zero = 4, .wrong = 4, .failed_gate = "wrong"};
  report::Report unwritten = zeros;
  unwritten.comparison = judge::Comparison{.count = 4, .unwritten = 4, .wrong = 4, .failed_gate = "unwritten"};
  report::Report crash = unwritten;
  crash.repeats = judge::Repeats{.launches = 1, .outputs = 4, .failures = {"SIGSEGV"}};
  report::Report code = unwritten;
  code.repeats = judge::Repeats{.launches = 1, .outputs = 4, .failures = {"return code 2"}};
  const report::Report reports[] = {zeros, unwritten, crash, code};
  for (const report::Report& a : reports)
    for (const report::Report& b : reports) CHECK((shrink::failure_of(a) == shrink::failure_of(b)) == (&a == &b));
  CHECK(shrink::text_of(shrink::failure_of(crash)) == "unexplained; the output is wrong (SIGSEGV, nothing written)");
  for (report::Report* report : {&zeros, &unwritten})
    report->culprits[0] = {.stage = "launch", .fault = "l2-hint-illegal"};
  CHECK(shrink::failure_of(zeros) == shrink::failure_of(unwritten));
  unwritten.comparison->failed_gate.clear();
  CHECK_FALSE(shrink::failure_of(zeros) ==
              shrink::failure_of(unwritten));  // a failure that shows is not traded for one that hides
}

namespace {

/// Launches of a task of one output that is 1, give or take a little.
std::string triage_of_outputs(std::initializer_list<float> outputs) {
  const judge::Expected expected{.M = 1, .N = 1, .K = 16, .y = {1}, .norm = {1}, .variance = {1}};
  std::vector<kernel::RunResult> launches;
  for (const float output : outputs) {
    launches.emplace_back();
    launches.back().C = Grid<std::uint16_t>(1, 1, {bits_of(output, DType::fp16)});
  }
  return judge::triage_of(judge::repeats_of(launches, expected));
}

}  // namespace

TEST_CASE("repeats: another order of sums is benign and what is beyond rounding is a race") {
  constexpr float kUnit = 0x1p-10f;
  CHECK(triage_of_outputs({1, 1, 1}) == "3 launches are equal in every bit");
  CHECK(triage_of_outputs({1, 1 + kUnit}).starts_with("benign: 2 launches of the same task differ in up to 1 of 1"));
  CHECK(triage_of_outputs({1, 1 + 40 * kUnit}).starts_with("race: "));
  CHECK(triage_of_outputs({1, std::numeric_limits<float>::quiet_NaN()}).starts_with("race: "));
  CHECK(triage_of_outputs({std::numeric_limits<float>::infinity(), 1}).starts_with("race: "));
  CHECK(triage_of_outputs({5, 5 + 4 * kUnit}).starts_with("benign: "));  // wrong, but no race
}

TEST_CASE("repeats: a launch that did not return says nothing of differences") {
  std::vector<kernel::RunResult> launches(2);
  launches[0].C = launches[1].C = Grid<std::uint16_t>(1, 1, {0x3C00});
  launches[1].signal = "SIGFPE";
  const judge::Expected expected{.M = 1, .N = 1, .K = 16, .y = {1}, .norm = {1}, .variance = {1}};
  const judge::Repeats repeats = judge::repeats_of(launches, expected);
  CHECK(repeats.failures == std::vector<std::string>{"SIGFPE"});
  CHECK(judge::triage_of(repeats) == "1 of 2 ran to its end: whether launches differ is not known");
}

TEST_CASE("repeats: a planted race is a race and the shrunken case has its racecheck command") {
  const Scratch scratch;
  const shrink::ShrunkCase shrunk = shrunk_of("b 128 --inject writeout-race");
  const report::Report report = shrink::write_shrunk(shrunk, scratch / "f", kQuiet);
  const std::string text = shrink::text_of(shrunk, scratch / "f", "", report);
  CHECK(text.find("\nlaunches     race: ") != std::string::npos);
  CHECK(text.find("--kernel cuda --sms 1 --sanitize racecheck") != std::string::npos);
  CHECK(text.find("--inject writeout-race --sms 1\n") == text.size() - 31);
}
