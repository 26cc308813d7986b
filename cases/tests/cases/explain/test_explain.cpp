// SPDX-License-Identifier: Apache-2.0
#include "cases/case/task.h"
#include "cases/commands/explain_options.h"
#include "cases/explain/explain_expected.h"
#include "cases/explain/explain_report.h"
#include "cases/faults/faults.h"
#include "cases/proof/rounding_kernels.h"
#include "cases/tests/cases/ask.h"
#include "cases/tests/cases/chosen_faults.h"
#include "cases/tests/fixtures/scratch.h"
#include "fixtures/files/npy.h"
#include "fixtures/half.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

using namespace w4;
using namespace w4::cases;

namespace {

/// What explain finds of `question` on the path of a bisect command line, doing things as `planted` do.
explain::Trace traced(const std::string& command, const explain::Traced& question,
                      const std::vector<std::string>& planted = {}) {
  const Options options = test::options_of(command);
  return explain::explain(prepare(options.request), faults::recipe_of_faults(planted), options, question);
}

const explain::Term& term_of(const explain::Trace& trace, int k) {
  const auto found =
      std::find_if(trace.terms.begin(), trace.terms.end(), [&](const explain::Term& t) { return t.k == k; });
  REQUIRE(found != trace.terms.end());
  return *found;
}

std::string said_of(const explain::Trace& trace, int k) {
  std::string all;
  for (const std::string& line : explain::sentences_of(trace, term_of(trace, k))) all += line + "\n";
  return all;
}

/// design.md, section 3, read the other way round: what lies in slot b of word w of a tile.
std::pair<int, int> code_in_tile(int word, int slot) {
  const int lane = word / 4, j = word % 4, e = 2 * (slot % 4) + slot / 4;
  return {2 * (lane % 4) + e % 2 + 8 * (e / 2 % 2), 16 * j + lane / 4 + 8 * (e / 4)};
}

/// The column that a place of the scales holds, grouped or one group.
int column_at(int place, bool one_group) {
  const int p = one_group ? place % 32 : place % 64;
  return place - p + (one_group ? 2 * (p / 8) + p % 8 % 2 + 8 * (p % 8 / 2) : p / 8 + 8 * (p % 8));
}

/// B operand of mma.m16n8k16 (PTX ISA): row of element i of a lane; its column is lane / 4.
int operand_row(int lane, int element) { return 2 * (lane % 4) + element % 2 + 8 * (element / 2); }

void check_place(const explain::Place& place, bool one_group) {
  REQUIRE(place.word_row == place.row / 16);
  REQUIRE(place.word_column / 128 == place.n / 64);
  const int word = place.word_column % 128;
  const auto [k, n] = code_in_tile(word, place.slot);
  REQUIRE(std::tuple(k, n) == std::tuple(place.row % 16, place.n % 64));
  REQUIRE(std::tuple(place.lane, place.fragment) == std::tuple(word / 4, word % 4));
  REQUIRE(operand_row(place.lane, place.element) == place.row % 16);
  REQUIRE(16 * place.fragment + 8 * place.mma + place.lane / 4 == place.n % 64);
  REQUIRE(column_at(place.scale_place, one_group) == place.n);
  constexpr int kOrder[] = {0, 2, 4, 6, 1, 3, 5, 7};
  REQUIRE(column_at(8 * place.zero_column + kOrder[place.zero_slot], false) == place.n);
}

}  // namespace

TEST_CASE("explain: a recorded output is judged by the class of rounding that explains it") {
  const std::string command = "--case M16_K512_N256_g128_asym_fp16_r_s7";
  Options options = test::options_of(command);
  const Prepared prepared = prepare(options.request);
  const kernel::Task task = task_of(prepared, repack::repack(prepared.layer), options);
  const proof::RoundingWay folded{"folded", {judge::WeightRounding::folded}};
  const Grid<std::uint16_t> C = proof::computed(folded, task);
  const judge::Expected ours =
      judge::expected_output(prepared.layer, prepared.A, rounding_of(prepared, for_lane_model(task)));
  const judge::Comparison seen = judge::compare(C, ours, kernel::Launch{}.fill);
  REQUIRE_FALSE(seen.right());
  const explain::Traced question{.row = seen.worst_m, .n = seen.worst_n};
  const fixtures::test::Scratch scratch;
  fixtures::files::write_npy(fixtures::files::tensor_of("C", DType::fp16, C), scratch / "C.npy");
  options.asked = asked::RecordedOutput{scratch / "C.npy"};
  CHECK(seen.max_z > judge::kMaxZ);
  CHECK(explain::explain(prepared, {}, options, question).output.value().error.right());
}

TEST_CASE("explain: the weight of a kernel that rounds the products with the scale may be as far off as those are") {
  const Prepared prepared = prepare(test::options_of("r 128 --shape 256,128").request);
  const judge::WeightParts parts{.code = 9, .zero = 8, .scale = 1.0};
  const double got = 1 + 0x1p-7;  // 16 u, where |scale * code| is 9 times as large
  CHECK_FALSE(judge::element_error(got, explain::expected_weight(prepared, parts, 0, {}), 0, 0).right());
  CHECK(judge::element_error(got, explain::expected_weight(prepared, parts, 0, judge::parse_rounding("products")), 0, 0)
            .right());
}

TEST_CASE("explain: a sound path is right in every format and every code lies where the definition says") {
  for (const char* text : {"M3_K256_N192_g128_sym_fp16_r_s3", "M3_K256_N192_g64_asym_v2_act_bias_bf16_r_s4",
                           "M3_K256_N192_g32_asym_awq_fp16_r_s5", "M3_K200_N72_g-1_asym_pair_bf16_r_s6",
                           "M3_K256_N192_g128_asym_ct_act_fp16_r_s7", "M70_K400_N200_g-1_sym_bias_fp16_r_s8"}) {
    for (const int n : {0, 1, 13, 71}) {
      const std::string command = fmt::format("--case {} --sms 7", text);
      CAPTURE(command);
      CAPTURE(n);
      const explain::Trace trace = traced(command, {.row = 2, .n = n});
      REQUIRE(trace.right());
      REQUIRE(trace.wrong == 0);
      REQUIRE(trace.output->error.z <= judge::kMaxZ);
      std::set<int> rows;
      for (const explain::Term& term : trace.terms) {
        REQUIRE(term.right());
        REQUIRE(term.place->n == n);
        rows.insert(term.place->row);
        check_place(*term.place, trace.one_group);
      }
      REQUIRE(rows.size() == trace.terms.size());
    }
  }
}

TEST_CASE("explain: the terms of a sound path sum to the output and its slices to their partial sums") {
  const explain::Trace trace = traced("r 128 --shape 1024,256 --m 70 --sms 7", {.row = 65, .n = 130});
  REQUIRE(trace.slices.size() > 1);
  double sum = 0, of_slices = 0;
  for (const explain::Term& term : trace.terms) sum += term.a * term.used_weight();
  for (const explain::SliceLine& line : trace.slices) {
    CHECK(line.right);
    CHECK(*line.used == doctest::Approx(line.want).epsilon(1e-2));
    of_slices += *line.used;
  }
  CHECK(sum == doctest::Approx(trace.output->want).epsilon(1e-9));
  CHECK(of_slices == doctest::Approx(trace.output->want).epsilon(1e-2));
}

TEST_CASE("explain: an output has the bound that it has among all others") {
  const Options options = test::options_of("r 128 --shape 1024,256 --m 70 --sms 7 --reduce 16");
  const Prepared prepared = prepare(options.request);
  const kernel::Task task = task_of(prepared, repack::repack(prepared.layer), options);
  const judge::Expected all = judge::expected_output(prepared.layer, prepared.A, rounding_of(prepared, task));
  for (const int m : {0, 63, 64, 69}) {
    const explain::Trace trace = explain::explain(prepared, {}, options, {.row = m, .n = 130});
    CAPTURE(m);
    CHECK(trace.right());
    CHECK(trace.output->want == all.at(m, 130));
    CHECK(trace.output->error.bound == judge::element_error(trace.output->used, all, m, 130).bound);
  }
}

TEST_CASE("explain: slices follow each other from k 0 and the loader of a term is the thread block of its slice") {
  const explain::Trace trace = traced("r 128 --shape 1024,256 --m 70 --sms 7", {.row = 65, .n = 130});
  int next = 0;
  for (const explain::SliceLine& line : trace.slices) {
    CHECK(line.k_begin == next);
    next = line.k_end;
    for (const explain::Term& term : trace.terms) {
      if (term.place->row < line.k_begin || term.place->row >= line.k_end) continue;
      const kernel::lane_model::Spot loader =
          kernel::lane_model::spot_of(trace.plan, 1, term.place->row, term.place->n);
      REQUIRE(loader.slice.thread_block == line.slice.thread_block);
      REQUIRE(loader.slice.index == line.slice.index);
      REQUIRE(loader.k_tile == term.place->row / 128);
      // 8 warps: two strips of 64 columns side by side, and 16-row subtiles in turn to the four warps of a strip
      REQUIRE(loader.warp == 2 * (term.place->row % 128 / 16 % 4) + 130 % 128 / 64);
    }
  }
  CHECK(next == 1024);
}

TEST_CASE("explain: scale-perm-missing shows the column whose scale is used") {
  const explain::Trace trace = traced("b 128", {.row = 0, .n = 1}, {"scale-perm-missing"});
  CHECK_FALSE(trace.right());
  CHECK(trace.wrong == 384);
  const explain::Term& term = term_of(trace, 5);
  CHECK(term.right_code());
  CHECK(term.from.scale ==
        explain::Cell{.row = 0, .n = 8});  // place 8 is where column 1 is looked for, unpermuted it has 8
  CHECK(said_of(trace, 5).find("it is the scale of group=0 n=8") != std::string::npos);
  CHECK(traced("b 128", {.row = 0, .n = 0}, {"scale-perm-missing"}).right());  // column 0 stays where it is
}

TEST_CASE("explain: perm1024-partial without interleave shows the code whose place was taken") {
  const explain::Trace trace = traced("b 128", {.weight = true, .row = 8, .n = 3}, {"perm1024-partial:no-interleave"});
  CHECK_FALSE(trace.right());
  REQUIRE(trace.terms.size() == 1);
  // slot 1 is read for element 2 (k 8), and without the interleave it holds element 1 (k 1)
  CHECK(trace.terms[0].place->slot == 1);
  CHECK(trace.terms[0].from.code == explain::Cell{.row = 1, .n = 3});
  CHECK(said_of(trace, 8) == "code 6 where 15 is right; it is the code of k=1 n=3\n");
  CHECK(traced("b 128", {.weight = true, .row = 0, .n = 3}, {"perm1024-partial:no-interleave"}).right());
}

TEST_CASE("explain: gidx-ignored shows the group that is used for the one g_idx names") {
  const explain::Trace trace = traced("b 128 --fixture up_asym_act", {.row = 5, .n = 9}, {"gidx-ignored"});
  CHECK_FALSE(trace.right());
  const fixtures::Layer layer = prepare(test::options_of("b 128 --fixture up_asym_act").request).layer;
  const auto g_idx = fixtures::files::grid_of<std::int32_t>(*layer.g_idx);
  int seen = 0;
  for (const std::size_t i : trace.shown) {
    const explain::Term& term = trace.terms[i];
    REQUIRE(term.want.group == g_idx(0, term.k));
    REQUIRE(term.place->group == term.k / 128);
    REQUIRE(term.right_code());
    if (term.right_scale()) continue;
    REQUIRE(term.from.scale == explain::Cell{.row = term.k / 128, .n = 9});
    ++seen;
  }
  CHECK(seen == 20);
}

TEST_CASE("explain: perm-a-missing shows the row that meets the wrong column") {
  const explain::Trace trace = traced("b 128 --fixture up_asym_act", {.row = 5, .n = 9}, {"perm-a-missing"});
  const explain::Trace sound = traced("b 128 --fixture up_asym_act", {.row = 5, .n = 9});
  int seen = 0;
  for (const std::size_t i : trace.shown) {
    const explain::Term& term = trace.terms[i];
    REQUIRE(term.place->row == term.k);
    if (term.right_code()) continue;
    const explain::Term& met = term_of(sound, term.from.code->row);  // row i of B is that stored row
    REQUIRE(met.place->row == term.k);
    ++seen;
  }
  CHECK(seen > 10);
}

TEST_CASE("explain: zp-v1v2-offset shows a zero point that was changed and not moved") {
  const explain::Trace trace = traced("b 128", {.row = 3, .n = 700}, {"zp-v1v2-offset"});
  CHECK_FALSE(trace.right());
  CHECK(trace.wrong == 384);
  CHECK(term_of(trace, 0).used.zero == 7);
  CHECK_FALSE(term_of(trace, 0).from.zero.has_value());
  CHECK(said_of(trace, 0).find("zero point 7 where 8 of group 0 is right") == 0);
}

TEST_CASE("explain: zero points in the wrong order are traced to the column they belong to") {
  // column 8 is at place 1, whose slot is 4; without the interleave slot 4 holds place 4, column 32
  int seen = 0;
  for (int n = 8; n < 1536; n += 64) {
    const explain::Trace trace = traced("b 128 --fixture up_asym_act", {.row = 0, .n = n}, {"zp-perm-no-interleave"});
    for (const std::size_t i : trace.shown) {
      const explain::Term& term = trace.terms[i];
      REQUIRE(term.place->zero_slot == 4);
      if (term.right_zero()) continue;
      REQUIRE(term.from.zero == explain::Cell{.row = term.want.group, .n = n + 24});
      ++seen;
    }
  }
  CHECK(seen > 0);
}

TEST_CASE("explain: repack-transpose shows the code that a transposed buffer has there") {
  const explain::Trace trace = traced("b 128", {.weight = true, .row = 8, .n = 3}, {"repack-transpose"});
  CHECK_FALSE(trace.right());
  const int place = 3 * 384 + 8;  // (K, N) read as (N, K)
  CHECK(trace.terms[0].from.code == explain::Cell{.row = place / 1536, .n = place % 1536});
}

TEST_CASE("explain: averaged scales come from no place of the layer") {
  for (const int n : {3, 40, 700, 1201}) {
    const explain::Trace trace = traced("b 128", {.row = 0, .n = n}, {"scales-averaged"});
    CAPTURE(n);
    CHECK_FALSE(trace.right());
    CHECK_FALSE(term_of(trace, 0).from.scale.has_value());
  }
}

TEST_CASE("explain: a code that is changed in its own place is told from one that was moved") {
  const explain::Trace trace = traced("b 128", {.row = 0, .n = 3}, {"nibble-spill"});
  CHECK(term_of(trace, 8).want.code == 15);
  CHECK(term_of(trace, 8).used.code == 0);
  CHECK(said_of(trace, 8) == "code 0 where 15 is right; it is from its own place, but a stage changed it\n");
}

TEST_CASE("explain: words that were never written are told from codes that were moved") {
  const explain::Trace trace = traced("r -1 --shape 400,256", {.row = 7, .n = 1}, {"repack-tail-unwritten"});
  CHECK(term_of(trace, 383).right());
  CHECK(said_of(trace, 384).find("its word was never written") != std::string::npos);
}

TEST_CASE("explain: k-tail-dropped leaves memory right and shows in the terms and the slice that have the tail") {
  const explain::Trace trace = traced("r 128 --shape 1024,256 --sms 7", {.row = 1, .n = 5}, {"k-tail-dropped"});
  CHECK_FALSE(trace.right());
  CHECK(trace.wrong == trace.misread);
  for (const explain::Term& term : trace.terms) {
    REQUIRE(term.right_in_memory());
    REQUIRE(term.right() == (term.k < 1024 - 128 || term.a == 0));
  }
  CHECK(said_of(trace, 1000) == fmt::format("the warp finds 0 of A where {:.5g} is right\n", term_of(trace, 1000).a));
  REQUIRE(trace.slices.size() > 1);
  for (const explain::SliceLine& line : trace.slices) CHECK(line.right == (line.k_end < 1024));
  CHECK(explain::text_of(trace).find("are right in the packed tensors: the kernel reads other values") !=
        std::string::npos);
}

TEST_CASE("explain: small-group-tile-stale shows the row of scales that is still there") {
  const explain::Trace trace = traced("b 32", {.row = 0, .n = 3}, {"small-group-tile-stale"});
  CHECK_FALSE(trace.right());
  // the first block_tile stages groups 0..3; later ones refresh the first row alone
  for (const explain::Term& term : trace.terms) {
    REQUIRE(term.right_in_memory());
    const int group = term.k / 32;
    if (group < 4 || group % 4 == 0) REQUIRE(term.right());
  }
  CHECK(said_of(trace, 170).find("read in row 1 from column 0, where") != std::string::npos);
  CHECK(said_of(trace, 170).find("of row 5 is right") != std::string::npos);
}

TEST_CASE("explain: tile-pointer-wrap shows the code 16 rows further on in the second problem alone") {
  const explain::Trace sound = traced("b 128", {.row = 80, .n = 130});
  const explain::Trace trace = traced("b 128", {.row = 80, .n = 130}, {"tile-pointer-wrap"});
  CHECK_FALSE(trace.right());
  CHECK(traced("b 128", {.row = 63, .n = 130}, {"tile-pointer-wrap"}).right());
  int seen = 0;
  for (const explain::Term& term : trace.terms) {
    if (term.right()) continue;
    const int found = term_of(sound, term.k + 16).used.code;
    REQUIRE(said_of(trace, term.k) == fmt::format("the warp finds code {} where B holds {}\n", found, term.want.code));
    ++seen;
  }
  CHECK(seen > 50);
}

TEST_CASE("explain: zp-double-bias8 shows what the dequantisation makes of a right code") {
  const explain::Trace trace = traced("b 128 --fixture up_asym_act", {.row = 0, .n = 3}, {"zp-double-bias8"});
  CHECK_FALSE(trace.right());
  CHECK(trace.misread == 384);
  const explain::Term& term = term_of(trace, 0);
  CHECK(said_of(trace, 0) ==
        fmt::format(
            "the warp makes a weight of {:.5g} where {:.5g} is right\n",
            value_of(bits_of(static_cast<float>(term.used.scale * (term.used.code - term.used.zero - 8)), DType::fp16),
                     DType::fp16),
            value_of(bits_of(static_cast<float>(term.used.weight()), DType::fp16), DType::fp16)));
}

TEST_CASE("explain: numbers that would print alike get more digits and equal ones are said to be right") {
  CHECK(explain::beside(0.5, 0.25) == "0.5 where 0.25 is right");
  CHECK(explain::beside(-0.02680001, -0.02680002) == "-0.02680001 where -0.02680002 is right");
  CHECK(explain::beside(-0.0268, -0.0268) == "-0.0268, which is right");
  CHECK(explain::digits(1, std::nextafter(1, 2)) != explain::digits(std::nextafter(1, 2), 1));
}

TEST_CASE("explain: bias-double leaves terms and sums right") {
  const explain::Trace trace = traced("b 128", {.row = 3, .n = 200}, {"bias-double"});
  CHECK_FALSE(trace.right());
  for (const explain::SliceLine& line : trace.slices) CHECK(line.right);
  CHECK(trace.output->used - trace.output->want == doctest::Approx(trace.output->bias).epsilon(0.05));
  CHECK(explain::text_of(trace).find("the error is made where sums are handed over or written out") !=
        std::string::npos);
}

TEST_CASE("explain: an output that was never written says how the kernel ended") {
  const explain::Trace trace = traced("b 128", {.row = 0, .n = 0}, {"instantiation-missing-rc-ignored"});
  CHECK_FALSE(trace.right());
  CHECK(trace.output->missing == "never written: return code 2");
}

/// What these load wrongly is A: terms show weights.
const std::set<std::string> kOfActivations = {"a-stride-alignment", "thread-config-broken", "temp-buffer-overrun",
                                              "pad-nan-propagation"};

TEST_CASE("explain: of every planted fault the first wrong output shows the fault where it was planted") {
  const std::vector<test::Planted> faults = test::chosen_faults();
  std::size_t visible = 0;
  for (const test::Planted& planted : faults) {
    INFO("./bisect ", std::string(planted.command), " --inject ", std::string(planted.inject));
    const Options options = test::options_of(planted.command);
    const Prepared prepared = prepare(options.request);
    const repack::Recipe recipe = faults::recipe_of_faults({planted.inject});
    const kernel::Task task = task_of(prepared, repack::repack(prepared.layer, recipe), options);
    const judge::Expected expected = judge::expected_output(prepared.layer, prepared.A, rounding_of(prepared, task));
    const judge::Comparison output =
        judge::compare(kernel::lane_model::run_lane_model(task, recipe).C, expected, task.launch.fill);
    if (output.wrong == 0) continue;  // it shows in other ways: flipped bits, gains, locks, repeated launches
    ++visible;
    const explain::Traced question{.row = output.first_m, .n = output.first_n};
    REQUIRE(explain::explain(prepared, {}, options, question).right());
    const explain::Trace trace = explain::explain(prepared, recipe, options, question);
    REQUIRE_FALSE(trace.right());
    const bool of_repack = is_repacking(faults::parse_stage(recipe.begin()->first));
    const bool loads = recipe.begin()->first == "pipeline" || recipe.begin()->first == "dequant";
    if (of_repack) REQUIRE(trace.wrong > trace.misread);
    if (!of_repack && loads && trace.output->missing.empty()) REQUIRE(trace.misread == trace.wrong);
    if (!of_repack && loads && trace.output->missing.empty() && !kOfActivations.contains(planted.inject))
      REQUIRE(trace.misread > 0);
    if (!of_repack && !loads) REQUIRE(trace.wrong == 0);
  }
  CHECK(visible >= (test::every_fault() ? 40 : faults.size() / 2));
}

TEST_CASE("explain: twenty terms are shown with the wrong ones first and all of them when asked") {
  const explain::Trace some = traced("b 128", {.row = 0, .n = 3}, {"nibble-spill"});
  REQUIRE(some.shown.size() == 20);
  REQUIRE(some.wrong < 20);
  for (std::size_t i = 0; i < some.shown.size(); ++i) CHECK(some.terms[some.shown[i]].right() == (i >= some.wrong));
  CHECK(traced("b 128", {.row = 0, .n = 3, .all = true}, {"nibble-spill"}).shown.size() == 384);
}

TEST_CASE("explain: an index outside the case is refused with its range") {
  CHECK_THROWS_WITH(traced("b 128 --m 4", {.row = 4, .n = 0}), "m=4: M4_K384_N1536_g128_sym_bias_fp16_b_s7 has m 0..3");
  CHECK_THROWS_WITH(traced("b 128 --m 4", {.row = 0, .n = 1536}),
                    "n=1536: M4_K384_N1536_g128_sym_bias_fp16_b_s7 has n 0..1535");
  CHECK_THROWS_WITH(traced("b 128 --m 4", {.weight = true, .row = 384, .n = 0}),
                    "k=384: M4_K384_N1536_g128_sym_bias_fp16_b_s7 has k 0..383");
}
