// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/case_filter.h"
#include "cases/matrix/case_runner.h"
#include "cases/matrix/selection.h"
#include "cases/matrix/sets.h"

#include "cases/tests/cases/ask.h"
#include "cases/tests/cases/chosen_faults.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

using namespace w4;
using namespace w4::cases;
using namespace w4::cases::matrix;

namespace {

bool holds(const char* where, const char* text) { return parse_where(where)(parse_case(text)); }

constexpr const char* kCase = "M16_K512_N192_g128_asym_v2_act_bf16_r_s7_sms3_reduce16@cuda";

}  // namespace

TEST_CASE("matrix: the cases of every set are different and read as themselves") {
  for (const NamedSet& set : named_sets()) {
    std::set<std::string> seen;
    for (const CaseId& id : selected({.set = std::string(set.name)})) {
      CHECK(parse_case(id.text()) == id);
      CHECK(seen.insert(id.text()).second);
      CHECK(id.K % id.group_size() == 0);
    }
    CHECK(!seen.empty());
  }
}

TEST_CASE("matrix: an axis that is set replaces the values of a set and cases that become equal are one") {
  const auto texts = selected({.set = "axes", .axes = {"M=1,2,1", "group=-1,K,32", "shape=64x128"}});
  REQUIRE(texts.size() == 6);
  CHECK(texts[0].text() == "M1_K64_N128_g-1_sym_fp16_r_s7");
  CHECK(texts[1].text() == "M1_K64_N128_g64_sym_fp16_r_s7");
  CHECK(texts[5].text() == "M2_K64_N128_g32_sym_fp16_r_s7");
  for (const CaseId& id : selected({.set = "smoke", .axes = {"kernel=cuda"}})) CHECK(id.kernel == "cuda");
}

TEST_CASE("matrix: real tensors are those of the shipped layer whatever shape was asked") {
  const auto cases = selected({.set = "axes", .axes = {"source=b", "shape=512x512,64x64", "zeros=sym,v1"}});
  REQUIRE(cases.size() == 1);
  CHECK(cases[0].text() == "M16_K384_N1536_g128_sym_bias_fp16_b_s7");
}

TEST_CASE("matrix: what is no layer is left out") {
  CHECK(selected({.set = "axes", .axes = {"shape=192x64", "group=-1,64,128"}}).size() == 2);  // 128 does not divide 192
  CHECK(selected({.set = "axes", .axes = {"act=yes", "group=-1,128"}}).size() == 1);          // one group has no order
  CHECK(selected({.set = "axes", .axes = {"act=yes,no", "zeros=awq"}}).size() == 1);          // awq has no g_idx
  CHECK(selected({.set = "axes", .axes = {"zeros=pair", "dtype=fp16,bf16"}}).size() == 1);    // pair-packed is bf16
}

TEST_CASE("matrix: expressions know numbers and words and how they bind") {
  CHECK(holds("M <= 16 and group < K", kCase));
  CHECK_FALSE(holds("M < 16 or group == K", kCase));
  CHECK(holds("N % 128 == 64", kCase));
  CHECK(holds("K / group == 4 and K - 2 * M == 480", kCase));
  CHECK(holds("zeros == v2 and act == yes and dtype != fp16 and kernel == cuda and reduce == 16 and sms == 3", kCase));
  CHECK(holds("not M == 1 and not (M == 2 or M == 3)", kCase));
  CHECK(holds("M == 1 and M == 2 or M == 16", kCase));  // and binds closer than or
  CHECK(holds("shape == 512x192 and tile == auto", kCase));
  CHECK(holds("group == K", "M1_K64_N64_g-1_sym_fp16_r_s1"));
  CHECK(holds("group == -1 and -1 == group and not group != -1", "M1_K64_N64_g-1_sym_fp16_r_s1"));
  CHECK(holds("group == -1", "M1_K64_N64_g64_sym_fp16_r_s1"));
  CHECK_FALSE(holds("group == -1", kCase));
  CHECK(holds("group > -1 and M - 17 == -1 and M == 2 - -14", kCase));
  CHECK(holds("M <= 24 and group_size < K and thread_blocks == 3", kCase));  // as a sweep prints it
  CHECK(holds("zeros == 'sym-awq'", "M1_K64_N64_g-1_sym_awq_fp16_r_s1"));
}

TEST_CASE("matrix: a shard is every n-th case") {
  const auto all = selected({.set = "smoke"});
  const auto second = shard_of(all, 2, 4);
  CHECK(second.size() == (all.size() + 2) / 4);
  for (std::size_t i = 0; i < second.size(); ++i) CHECK(second[i] == all[4 * i + 1]);
}

TEST_CASE("matrix: a case passes or fails by its output and a search adds the culprit") {
  CaseRunner sound({});
  const CaseId id = parse_case("M4_K256_N128_g64_asym_fp16_r_s3");
  CHECK(sound.check(id).outcome == Outcome::pass);
  CaseRunner planted({.inject = {"scale-perm-missing"}});
  Record record = planted.check(id);
  CHECK(record.outcome == Outcome::fail);
  CHECK(record.finding.is_null());
  planted.find(id, record);
  CHECK(finding_line(record) == "scale-perm-missing in stage scale_order");
  CHECK(record.rerun == "./bisect r 64 --case M4_K256_N128_g64_asym_fp16_r_s3 --inject scale-perm-missing");
}

TEST_CASE("matrix: a condition that is too deep or too long is refused before it is parsed to its end") {
  const auto refusal = [](const std::string& text) {
    try {
      return std::string(holds(text.c_str(), kCase) ? "holds" : "does not");
    } catch (const InputError& error) {
      return std::string(error.what());
    }
  };
  const auto nested = [](int count) { return std::string(count, '(') + "M == 16" + std::string(count, ')'); };
  const auto negated = [](int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += "not ";
    return text + "M == 16";
  };
  CHECK(refusal(nested(100)) == "holds");
  CHECK(refusal(nested(101)) == "--where: nested deeper than 100");
  CHECK(refusal(negated(100)) == "holds");
  CHECK(refusal(negated(101)) == "--where: nested deeper than 100");
  CHECK(refusal(nested(100000)) == "--where: 200007 characters, at most 4096 are read");
}

TEST_CASE("matrix: a case is red where bisect calls it a mismatch, whatever known fault is planted") {
  const std::vector<test::Planted> faults = test::chosen_faults();
  std::size_t mismatches = 0;
  for (const test::Planted& planted : faults) {
    CaseId id = prepare(test::options_of(planted.command).request).id;
    if (std::string(planted.command).find("--fixture") != std::string::npos) id.source = Source::r;
    if (const auto tile = test::options_of(planted.command).request.block_tile) id.block_tile = tile;
    Options options = options_of(id);
    options.asked = asked::OwnPath{{.inject = {planted.inject}, .settings = {}}};
    const bool mismatch = report_on(options, test::kQuiet).verdict == report::Verdict::mismatch;
    mismatches += mismatch;
    const Record record = CaseRunner({.inject = {planted.inject}}).check(id);
    CHECK_MESSAGE(is_red(record.outcome) == mismatch, std::string(planted.inject), " in ", id.text(), ": ",
                  record.reason);
    if (!mismatch) MESSAGE(std::string(planted.inject), " does not show in ", id.text());
  }
  CHECK(mismatches == faults.size());
}

TEST_CASE("matrix: a launch that no kernel takes is unsupported and not red") {
  CaseRunner runner({});
  const Record record = runner.check(parse_case("M4_K256_N128_g64_sym_fp16_r_s3_tile7x7"));
  CHECK(record.outcome == Outcome::unsupported);
  CHECK(record.reason.find("block_tile 7x7") != std::string::npos);
  CHECK_FALSE(is_red(record.outcome));
}
