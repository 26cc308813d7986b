// SPDX-License-Identifier: Apache-2.0
#include "cases/judge/compare.h"
#include "cases/probe/bit_map.h"
#include "cases/probe/readings.h"
#include "cases/probe/recipe_search.h"
#include "cases/probe/recovered_map.h"
#include "cases/probe/region.h"
#include "cases/search/bisect_box.h"
#include "cases/tests/cases/ask.h"
#include "cases/tests/cases/chosen_faults.h"
#include "fixtures/half.h"
#include "kernel/lane_model/lane_model.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>

namespace {

using namespace w4;
using namespace w4::cases;

using test::faults_of;
using test::kQuiet;
using test::says;
using Names = std::vector<std::string>;

report::Report ask_box(const std::string& command, const std::vector<std::string>& planted = {}) {
  const Options options = test::options_of(command);
  probe::PathBox box{OwnPath(faults::recipe_of_faults(planted))};
  return search::bisect_box(prepare(options.request), box, options, kQuiet);
}

}  // namespace

TEST_CASE("probes: the known-good path answers each probe as the oracle does and exact sums in every bit") {
  for (const char* command :
       {"b 128 --m 4", "b 128 --fixture up_asym_act --m 4", "r -1 --shape 400,192",
        "--case M4_K256_N128_g64_asym_pair_bf16_r_s7", "--case M4_K256_N128_g32_sym_ct_bf16_r_s7"}) {
    CAPTURE(command);
    const Prepared prepared = prepare(test::options_of(command).request);
    for (const probe::Probe& probe : probe::part_probes(prepared, {})) {
      CAPTURE(probe.kind->id);
      const probe::Question& question = probe.question;
      const kernel::RunResult answer = kernel::lane_model::run_lane_model(
          {.A = question.A, .packed = repack::repack(*question.layer), .launch = {}});
      judge::Rounding rounding;
      rounding.grouped = question.layer->group_size != question.layer->K;
      const judge::Expected expected = judge::expected_output(*question.layer, question.A, rounding);
      std::size_t inexact = 0;
      for (std::size_t i = 0; i < expected.y.size(); ++i)
        inexact += value_of(answer.C[i], expected.dtype) != expected.y[i];
      if (probe.exact_sums) CHECK(inexact == 0);
      CHECK(judge::compare(answer.C, expected, question.launch.fill).wrong == 0);
    }
  }
}

TEST_CASE("probes: each kind says what it sees and what it does not") {
  std::set<std::string> ids;
  for (const probe::ProbeKind& kind : probe::probe_kinds()) {
    CHECK(ids.insert(kind.id).second);
    CHECK(std::string(kind.sees) != kind.blind);
  }
}

TEST_CASE("black box: what is planted is named with at most 12 launches wherever an output can show it") {
  const std::vector<test::Planted> faults = test::chosen_faults();
  std::size_t named = 0;
  for (const test::Planted& planted : faults) {
    CAPTURE(planted.command);
    CAPTURE(planted.inject);
    const report::Report report = ask_box(planted.command, {planted.inject});
    if (report.verdict == report::Verdict::match) continue;  // padding alone: the test below says which
    ++named;
    REQUIRE(report.culprits.size() == 1);
    CHECK(report.culprits[0].fault.find(planted.fault) != std::string::npos);
    CHECK(report.probes.size() <= 12);
  }
  CHECK(named + 1 == faults.size());
}

TEST_CASE("black box: what padding holds cannot be seen in an output and nothing is accused") {
  const report::Report report = ask_box("r 32 --shape 96,160", {"pad-nonzero-leak"});
  CHECK(report.verdict == report::Verdict::match);
  CHECK(report.culprits.empty());
}

TEST_CASE("black box: two faults are named whether they show in other places or only through each other") {
  CHECK(faults_of(ask_box("b 128", {"scale-perm-missing", "k-tail-dropped"})) ==
        Names{"k-tail-dropped", "scale-perm-missing"});
  CHECK(faults_of(ask_box("b 128", {"perm1024-partial:identity", "tile-order-swap"})) ==
        Names{"perm1024-partial", "tile-order-swap"});
  CHECK(faults_of(ask_box("--case M16_K512_N320_g128_asym_act_bf16_r_s7", {"gidx-ignored", "repack-transpose"})) ==
        Names{"gidx-ignored", "repack-transpose"});
}

TEST_CASE("black box: three faults are named") {
  CHECK(faults_of(ask_box("b 128", {"zp-v1v2-offset", "scale-perm-missing", "bias-missing"})) ==
        Names{"bias-missing", "scale-perm-missing", "zp-v1v2-offset"});
}

TEST_CASE("black box: what adds onto C is told from what never writes it although both leave a NaN") {
  CHECK(faults_of(ask_box("b 128", {"output-not-zeroed-atomic"})) == Names{"output-not-zeroed-atomic"});
  CHECK(faults_of(ask_box("b 128", {"output-to-temporary"})) == Names{"output-to-temporary"});
}

TEST_CASE("black box: what adds onto C does not hide another fault") {
  CHECK(faults_of(ask_box("--case M72_K64_N16_g64_sym_fp16_r_s395", {"output-not-zeroed-atomic", "tile-order-swap"})) ==
        Names{"output-not-zeroed-atomic", "tile-order-swap"});
}

TEST_CASE("black box: a class whose members a probe refutes together is not reported") {
  const report::Report report =  // NaN everywhere: two ways alone predict that, neither what C filled with zeros shows
      ask_box("--case M33_K384_N136_g64_sym_bias_fp16_r_s899", {"output-not-zeroed-atomic", "nibble-spill"});
  CHECK(faults_of(report) == Names{"nibble-spill", "output-not-zeroed-atomic"});
  CHECK(says(report, "predict all " + std::to_string(report.probes.size()) + " answers"));
}

TEST_CASE("black box: rows that are left out of the sum are no matter of scales") {
  const Options options = test::options_of("r 128 --shape 256,64 --m 16");
  OwnPath subject({});
  subject.replace_kernel([](kernel::Task task) {
    task.A = Grid<std::uint16_t>::from(task.A.rows(), task.A.cols(),
                                       [&](int m, int k) { return k == 5 ? 0 : task.A(m, k); });
    return kernel::lane_model::run_lane_model(task);
  });
  probe::PathBox box(subject);
  const report::Report report = search::bisect_box(prepare(options.request), box, options, kQuiet);
  REQUIRE(report.culprits.size() == 1);
  CHECK(report.culprits[0].stage == "pipeline or multiply");
  CHECK(says(report, "a = 0, b = 0 at k 5, all n"));
}

namespace {

/// A lane model whose sums are changed before they are written: what(sum, m, n).
report::Report ask_changed(const std::string& command, const std::function<float(float, int, int)>& what) {
  const Options options = test::options_of(command);
  OwnPath subject({});
  subject.replace_kernel([what](const kernel::Task& task) {
    kernel::RunResult result = kernel::lane_model::run_lane_model(task);
    const int N = result.C.cols();
    result.C = Grid<std::uint16_t>::from(result.C.rows(), N, [&](int m, int n) {
      return bits_of(what(value_of(result.C(m, n), task.packed.dtype), m, n), task.packed.dtype);
    });
    return result;
  });
  probe::PathBox box(subject);
  return search::bisect_box(prepare(options.request), box, options, kQuiet);
}

Names stages_in(const report::Report& report) {
  Names stages;
  for (const report::Culprit& culprit : report.culprits) stages.push_back(culprit.stage);
  return stages;
}

}  // namespace

TEST_CASE("black box: what is done to sums accuses no stage that makes weights") {
  const std::string small = "--case M9_K128_N24_g32_asym_bias_fp16_r_s3";
  const report::Report added = ask_changed(small, [](float sum, int, int n) { return n == 7 ? sum + 1 : sum; });
  CHECK(stages_in(added) == Names{"epilogue"});
  CHECK(says(added, "outputs are not the bias, at all m, n 7"));
  const report::Report clamped = ask_changed(small, [](float sum, int, int) { return std::max(sum, 0.0f); });
  CHECK(stages_in(clamped) == Names{"epilogue"});
  CHECK(says(clamped, "negative sums are written as zero"));
  const report::Report clipped = ask_changed(small, [](float sum, int, int) { return std::clamp(sum, -1.5f, 1.5f); });
  CHECK(stages_in(clipped) == Names{"epilogue"});
  CHECK(says(clipped, "no output is larger than 1.5 in magnitude"));
  const report::Report scaled =
      ask_changed("--case M9_K128_N24_g32_asym_fp16_r_s3", [](float sum, int, int) { return sum / 2; });
  CHECK(stages_in(scaled) == Names{"scales or dequant or epilogue"});
  CHECK(says(scaled, "every weight is 0.5 times what it should be, at all k, all n"));
}

TEST_CASE("black box: faults that no probe tells apart are one class") {
  const report::Report report = ask_box("r 128 --shape 256,64 --m 4", {"tile-loop-bound"});
  REQUIRE(report.culprits.size() == 1);
  CHECK(report.culprits[0].fault == "output-to-temporary or tile-loop-bound");
  CHECK(report.culprits[0].stage == "launch or pipeline");
}

TEST_CASE("black box: a fault that this output hides is found by a probe") {
  const report::Report report = ask_box("b 128", {"sym-consumes-qzeros"});
  CHECK(report.verdict == report::Verdict::mismatch);
  CHECK(report.comparison->right());
  CHECK(faults_of(report) == Names{"sym-consumes-qzeros"});
}

TEST_CASE("black box: a part that is read otherwise than any known way is unexplained and written as a formula") {
  Options options = test::options_of("b 128 --m 16");
  options.effort.most_faults = test::most_faults();
  OwnPath subject({});
  subject.replace_stage(
      StageId::fragments, [](const repack::Weights& before) {  // words of odd lanes in the other order
        repack::Weights after = repack::stage_of(StageId::fragments).variants[0].apply(before);
        after.packed =
            Grid<std::uint32_t>::made(after.packed.rows(), after.packed.cols(), [&](std::span<std::uint32_t> out) {
              for (std::size_t i = 0; i < out.size(); ++i) out[i] = after.packed[(i & 4) != 0 ? i ^ 3 : i];
            });
        return after;
      });
  probe::PathBox box(subject);
  const report::Report report = search::bisect_box(prepare(options.request), box, options, kQuiet);
  REQUIRE(report.culprits.size() == 1);
  CHECK(report.culprits[0].fault == "unexplained");
  CHECK(report.culprits[0].stage == "fragments");
  // word j of a lane holds columns 16 j + lane / 4; lane bit 0 is bit 1 of k
  CAPTURE(report.culprits[0].evidence[1]);
  CHECK(says(report, "n4 = n4 ^ k1, n5 = n5 ^ k1"));
}

TEST_CASE("black box: right weights and a wrong sum are unexplained in what sums") {
  Options options = test::options_of("b 128 --m 16");
  options.effort.most_faults = test::most_faults();
  OwnPath subject({});
  subject.replace_kernel([](const kernel::Task& task) {  // sums of more than one product are too large
    kernel::RunResult result = kernel::lane_model::run_lane_model(task);
    const int N = result.C.cols();
    std::vector<bool> one;  // rows of A with one element that is not zero, or none
    for (int m = 0; m < result.C.rows(); ++m)
      one.push_back(std::ranges::count_if(task.A.row(m), [](std::uint16_t bits) { return bits != 0; }) <= 1);
    result.C = Grid<std::uint16_t>::from(result.C.rows(), N, [&](int m, int n) {
      const std::uint16_t bits = result.C(m, n);
      return one[static_cast<std::size_t>(m)] ? bits
                                              : bits_of(1.5f * value_of(bits, task.packed.dtype), task.packed.dtype);
    });
    return result;
  });
  probe::PathBox box(subject);
  const report::Report report = search::bisect_box(prepare(options.request), box, options, kQuiet);
  REQUIRE(report.culprits.size() == 1);
  CHECK(report.culprits[0].stage == "multiply or reduce or epilogue");
}

namespace {

/// A kernel that has `fault` on the case's A alone, and sums in an order of its own.
class OnlyInTheCase final : public probe::Box {
 public:
  OnlyInTheCase(const Prepared& prepared, repack::Recipe fault) : A_(prepared.A), fault_(std::move(fault)) {}
  bool sums_as_lane_model() const override { return false; }

 private:
  kernel::RunResult answer(const probe::Question& question) override {
    const kernel::Task task{.A = question.A, .packed = repack::repack(*question.layer), .launch = question.launch};
    return kernel::lane_model::run_lane_model(task, question.A == A_ ? fault_ : repack::Recipe());
  }
  Grid<std::uint16_t> A_;
  repack::Recipe fault_;
};

}  // namespace

TEST_CASE("black box: a fault that probes refute is named only when it uses what was left in memory") {
  Options options = test::options_of("b 32 --m 9");
  options.effort.most_faults = 1;  // what is refuted alone is what this is about
  const Prepared prepared = prepare(options.request);
  OnlyInTheCase stale(prepared, {{"pipeline", "small-group-tile-stale"}});
  CHECK(faults_of(search::bisect_box(prepared, stale, options, kQuiet)) == Names{"small-group-tile-stale"});
  OnlyInTheCase other(prepared, {{"pipeline", "k-tail-dropped"}});
  CHECK(faults_of(search::bisect_box(prepared, other, options, kQuiet)) == Names{"unexplained"});
}

TEST_CASE("evidence: an output that is slightly too large is not taken for one that is otherwise slightly wrong") {
  const Prepared prepared = prepare(test::options_of("--case M9_K128_N24_g32_asym_bias_fp16_r_s3").request);
  const probe::Probe probe = probe::case_probes(prepared, {}, 1)[0];
  const auto answer_of = [&](const repack::Recipe& recipe, float factor) {
    kernel::RunResult result = kernel::lane_model::run_lane_model(
        {.A = prepared.A, .packed = repack::repack(prepared.layer, recipe), .launch = {}}, recipe);
    result.C =
        result.C.mapped([&](std::uint16_t bits) { return bits_of(factor * value_of(bits, DType::fp16), DType::fp16); });
    return result;
  };
  for (const auto judged : {probe::Evidence::Judged::within_rounding, probe::Evidence::Judged::recorded}) {
    probe::Evidence too_large(judged), known(judged);
    too_large.add(probe, answer_of({}, 1.001f));
    CHECK(probe::name_recipes(too_large, kQuiet, {.most = 2}).fits.empty());
    known.add(probe, answer_of({{"scale_order", "scale-perm-missing"}}, 1.0001f));  // as near as rounding allows
    const std::vector<repack::Recipe> fits = probe::name_recipes(known, kQuiet, {.most = 2}).fits;
    REQUIRE(fits.size() == 1);
    CHECK(fits[0] == repack::Recipe{{"scale_order", "scale-perm-missing"}});
  }
}

TEST_CASE("readings: a sound box uses every code and scale and zero point from its own place") {
  const Options options = test::options_of("--case M64_K256_N128_g32_asym_act_fp16_r_s7");
  const Prepared prepared = prepare(options.request);
  probe::PathBox box{OwnPath({})};
  const probe::Readings read = probe::read_box(prepared, box, {}, 0, kQuiet);
  const std::vector<int> groups = probe::groups_of(prepared.layer);
  int wrong = 0;
  for (int k = 0; k < 256; ++k)
    for (int n = 0; n < 128; ++n) {
      const auto i = static_cast<std::size_t>(k) * 128 + n;
      wrong += read.codes.source[i] != static_cast<int>(i);
      wrong += read.scales.source[i] != groups[static_cast<std::size_t>(k)] * 128 + n;
      wrong += read.zero_points.source[i] != groups[static_cast<std::size_t>(k)] * 128 + n;
      wrong += read.at_0.at(k, n) != -8 || read.at_15.at(k, n) != 7;
    }
  CHECK(wrong == 0);
  CHECK(read.outputs.uneven == 0);
  CHECK(read.whole());
  // 5 of outputs, then 4 launches a reading: W_eff, codes of 0 and of 15, 4 digits of codes, 2 of scales, 3 of zero
  // points
  CHECK(read.launches == 5 + 4 * 12);
}

TEST_CASE("bit map: a map that is affine over the bits is found and one that is not is refused") {
  std::vector<std::uint32_t> images(16);
  for (std::uint32_t i = 0; i < 16; ++i) images[i] = ((i & 1) << 3 | i >> 1) ^ 5;
  const auto map = probe::bit_map_of(images);
  REQUIRE(map.has_value());
  CHECK(map->invertible());
  CHECK(probe::text_of(*map, {"a", "b", "c", "d"}) == "a = b ^ 1, b = c, c = d ^ 1, d = a");
  std::swap(images[3], images[9]);
  CHECK_FALSE(probe::bit_map_of(images).has_value());
  CHECK_FALSE(probe::bit_map_of({0, 1, 2}).has_value());
}

TEST_CASE("recovered map: the smallest blocks that values stay in are found") {
  std::vector<int> source(64);  // 8 x 8: columns 0 and 1 of each pair change places
  for (int i = 0; i < 64; ++i) source[static_cast<std::size_t>(i)] = i ^ 1;
  const probe::RecoveredMap map = probe::recover_map(source, 8, 8);
  CHECK(map.permutation);
  CHECK(map.keeps_rows);
  CHECK(map.block_rows == 1);
  CHECK(map.block_cols == 2);
  CHECK(probe::text_of(map, source, 8, "k", "n") == "inside 1 x 2, place uses source with n0 = n0 ^ 1");
  source[5] = -1;
  CHECK(probe::recover_map(source, 8, 8).unknown == 1);
  CHECK_FALSE(probe::recover_map(source, 8, 8).permutation);
}

TEST_CASE("region: sets of indices are told by range or residue or list") {
  const auto set = [](int size, auto in) {
    std::vector<bool> bits(static_cast<std::size_t>(size));
    for (int i = 0; i < size; ++i) bits[static_cast<std::size_t>(i)] = in(i);
    return bits;
  };
  CHECK(probe::text_of_indices(set(64, [](int) { return true; }), "n") == "all n");
  CHECK(probe::text_of_indices(set(64, [](int i) { return i >= 8 && i < 24; }), "k") == "k 8..23");
  CHECK(probe::text_of_indices(set(64, [](int i) { return i % 8 == 3; }), "n") == "n % 8 = 3");
  CHECK(probe::text_of_indices(set(64, [](int i) { return i == 1 || i == 40; }), "n") == "n 1, 40 (2 of 64)");
  CHECK(probe::text_of_region(set(64, [](int i) { return i % 8 == 1; }), 8, "k", "n") == "all k, n 1");
}
