// SPDX-License-Identifier: Apache-2.0
// Cuts of layers as cases: right ones match, wrongly cut ones are seen, and ranks add up to the layer.

#include "cases/judge/cut_check.h"
#include "cases/judge/oracle.h"
#include "cases/tests/cases/ask.h"
#include "cases/tests/cases/judge/one_changed.h"
#include "fixtures/random/random_layer.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

using namespace w4;
using namespace w4::cases;
using fixtures::Cut;
using fixtures::Format;
using fixtures::Layer;
using repack::Weights;
using w4::test::with_one_changed;

namespace {

Layer made(Format format, bool act_order, int group_size = 32) {
  return fixtures::random::random_layer({.format = format,
                                         .zero_encoding = fixtures::ZeroEncoding::plain,
                                         .K = 256,
                                         .N = 192,
                                         .group_size = group_size,
                                         .symmetric = false,
                                         .act_order = act_order,
                                         .shards = 2,
                                         .bias = true,
                                         .dtype = format == Format::pair_packed ? DType::bf16 : DType::fp16,
                                         .seed = 5});
}

}  // namespace

TEST_CASE("slices: healthy ranks and experts of every format and group are a match") {
  for (const char* layer : {"sym", "asym_v2", "asym_awq", "sym_pair", "asym_ct", "asym_act", "sym_ct_act"})
    for (const int group : {-1, 32, 64, 128})
      for (const char* cut : {"tp0of2r", "tp1of2r", "tp1of3c", "ex2of3", "ex1of3_tp1of2r"}) {
        if (group == -1 && std::string(layer).find("act") != std::string::npos) continue;
        const bool bf16 = std::string(layer).find("pair") != std::string::npos;
        const std::string command =
            fmt::format("--case M17_K512_N192_g{}_{}_bias_{}_{}_r_s3", group, layer, cut, bf16 ? "bf16" : "fp16");
        INFO("./bisect ", command);
        const report::Report report = test::ask(command);
        CHECK_MESSAGE(report.verdict == report::Verdict::match, report.reason);
        CHECK(report.culprits.empty());
      }
}

TEST_CASE("slices: shipped layers cut in halves and thirds are a match in every mode") {
  for (const char* command :
       {"b 128 --slice rows:0/2", "b 128 --slice rows:1/2", "b 64 --slice rows:2/3", "w 128 --slice columns:3/4",
        "s 32 --slice expert:0/3", "b -1 --slice rows:1/2", "r 32 --fixture up_asym_act --slice rows:0/3",
        "b 128 --fixture up_asym_act --slice columns:1/2"}) {
    INFO("./bisect ", std::string(command));
    const report::Report report = test::ask(command);
    CHECK_MESSAGE(report.verdict == report::Verdict::match, report.reason);
  }
}

TEST_CASE("slices: the command of a report asks for the same slices") {
  const Options options = test::options_of("b 128 --slice expert:1/2 --slice rows:0/2 --m 3");
  CHECK(command_line(options) == "./bisect b 128 --slice expert:1/2 --slice rows:0/2 --m 3");
  CHECK(prepare(options.request).id.text() == "M3_K384_N1536_g128_sym_bias_ex1of2_tp0of2r_fp16_b_s7");
  CHECK_THROWS(test::options_of("--case M1_K64_N8_g32_sym_fp16_r_s1 --slice rows:0/2"));
}

TEST_CASE("slices: the outputs of all ranks of rows add up to the layer's") {
  for (const auto& [format, act_order] : {std::pair{Format::gptq, false},
                                          {Format::gptq, true},
                                          {Format::awq, false},
                                          {Format::pair_packed, false},
                                          {Format::compressed_tensors, true}}) {
    const Layer whole = made(format, act_order);
    const auto A = fixtures::random::random_activations(5, 256, whole.dtype, 9);
    const judge::Expected want = judge::expected_output(whole, A, {});
    std::vector<double> sum(want.y.size(), 0.0);
    for (const int rank : {0, 1}) {
      const auto part = Grid<std::uint16_t>::made(5, 128, [&](std::span<std::uint16_t> out) {
        for (int m = 0; m < 5; ++m)
          for (int k = 0; k < 128; ++k) out[static_cast<std::size_t>(m) * 128 + k] = A(m, 128 * rank + k);
      });
      const Layer cut = fixtures::cut_of(whole, Cut{Cut::Kind::rows, rank, 2});
      const judge::Expected got = judge::expected_output(cut, part, {});
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += got.y[i];
    }
    double worst = 0;
    for (std::size_t i = 0; i < sum.size(); ++i) worst = std::max(worst, std::abs(sum[i] - want.y[i]));
    CHECK(worst < 1e-10);
  }
}

TEST_CASE("slice check: every right slice passes and a whole layer has nothing to compare") {
  CHECK(judge::check_cut(repack::weights_of(made(Format::gptq, false))).compared == 0);
  for (const Format format : {Format::gptq, Format::awq, Format::pair_packed, Format::compressed_tensors})
    for (const auto& cuts : {std::vector<Cut>{{Cut::Kind::rows, 1, 2}},
                             {{Cut::Kind::columns, 2, 3}},
                             {{Cut::Kind::expert, 1, 2}, {Cut::Kind::rows, 1, 2}}}) {
      const judge::CutCheck check =
          judge::check_cut(repack::weights_of(fixtures::cut_of(made(format, false, 64), cuts)));
      CHECK_MESSAGE(check.wrong == 0, check.first);
      CHECK(check.compared > 0);
    }
}

TEST_CASE("slice check: one wrong code or scale or zero point or group or bias of a slice is found") {
  const Layer layer = fixtures::cut_of(made(Format::gptq, true), Cut{Cut::Kind::rows, 1, 2});
  const auto judged = [&](const auto& change) {
    Weights w = repack::weights_of(layer);
    change(w);
    return judge::check_cut(w);
  };
  CHECK(judged([](Weights&) {}).wrong == 0);
  const judge::CutCheck code = judged([](Weights& w) { w.words = with_one_changed(w.words, 192 + 7); });
  CHECK(code.wrong == 1);
  CHECK(code.first.find("(k=8, n=7) of the slice is (k=136, n=7) of the layer: code") == 0);
  CHECK(judged([](Weights& w) { w.stored_scales = with_one_changed(w.stored_scales, 3); }).wrong == 32);
  CHECK(judged([](Weights& w) { w.zero_words = with_one_changed(w.zero_words, 0); }).wrong == 32);
  CHECK(judged([](Weights& w) { w.g_idx = with_one_changed(w.g_idx, 5); }).wrong > 100);
  CHECK(judged([](Weights& w) { w.bias = w.cut_from->whole.bias; }).wrong == 1);  // rank 1 has none
}
