// SPDX-License-Identifier: Apache-2.0
#include "cases/case/case_id.h"

#include "fixtures/error.h"

#include <doctest/doctest.h>

using namespace w4;
using namespace w4::cases;

TEST_CASE("case: the seed case reads and prints as itself") {
  const CaseId id = parse_case("M1_K2048_N11008_g128_sym_fp16_b_s7");
  CHECK(id.M == 1);
  CHECK(id.K == 2048);
  CHECK(id.N == 11008);
  CHECK(id.group_size() == 128);
  CHECK(id.source == Source::b);
  CHECK(id.text() == "M1_K2048_N11008_g128_sym_fp16_b_s7");
}

TEST_CASE("case: every part survives the way there and back") {
  for (const char* text :
       {"M130_K512_N64_g-1_sym_bf16_r_s0", "M16_K384_N1536_g32_asym_v2_act_bias_fp16_w_s18446744073709551615",
        "M2_K64_N8_g64_asym_awq_fp16_s_s1", "M2_K64_N8_g64_sym_pair_bias_bf16_b_s1",
        "M2_K64_N8_g64_asym_ct_act_fp16_r_s1", "M2_K64_N8_g32_sym_tp1of2r_fp16_b_s1",
        "M2_K64_N64_g32_asym_act_bias_ex3of8_tp0of2r_tp1of4c_fp16_r_s1",
        "M2_K64_N64_g32_sym_fp16_r_s1_tile64x256_sms8_reduce16@cuda", "M2_K64_N64_g32_sym_fp16_r_s1_sms8",
        "M2_K64_N64_g32_sym_fp16_r_s1@plugin:./my_kernel_s2@home.so"})
    CHECK(parse_case(text).text() == text);
  CHECK(parse_case("M1_K512_N64_g-1_sym_fp16_r_s0").group_size() == 512);
}

TEST_CASE("case: what it does not understand is named") {
  const auto message = [](const char* text) -> std::string {
    try {
      return parse_case(text).text() + " was accepted";
    } catch (const InputError& error) {
      return error.what();
    }
  };
  CHECK(message("M1_K2048") == "case 'M1_K2048' ends before N, the output features");
  CHECK(message("M1_2048_N8_g32_sym_fp16_r_s1") ==
        "case 'M1_2048_N8_g32_sym_fp16_r_s1': '2048' where K, the reduction length should stand (KNUMBER)");
  CHECK(message("M0_K64_N8_g32_sym_fp16_r_s1") == "case 'M0_K64_N8_g32_sym_fp16_r_s1': M=0 is not positive");
  CHECK(message("M1_K64_N8_g48_sym_fp16_r_s1") == "unknown group '48': it is one of -1, 32, 64, 128");
  CHECK(message("M1_K64_N8_g32_odd_fp16_r_s1") == "unknown kind of zero point 'odd': it is one of sym, asym");
  CHECK(message("M1_K64_N8_g32_sym_fp8_r_s1") == "unknown type 'fp8': it is one of fp16, bf16");
  CHECK(message("M1_K64_N8_g32_sym_fp16_q_s1") == "unknown mode 'q': it is one of r, w, s, b");
  CHECK(message("M1_K64_N8_g32_sym_fp16_r_s1_x") == "case 'M1_K64_N8_g32_sym_fp16_r_s1_x': 'x' is left over");
  CHECK(message("M1_K64_N8_g32_sym_tp2of2r_fp16_r_s1") ==
        "slice 'rows:2/2': rows:R/N, columns:R/N or expert:R/N is expected, R from 0 to N-1");
  CHECK(message("M1_K64_N8_g32_sym_tp0of2_fp16_r_s1") == "unknown type 'tp0of2': it is one of fp16, bf16");
  CHECK(message("M1_K64_N8_g32_sym_tp0of2r_bias_fp16_r_s1") == "unknown type 'bias': it is one of fp16, bf16");
  CHECK(message("M99999999999_K64_N8_g32_sym_fp16_r_s1").find("M99999999999") != std::string::npos);
}
