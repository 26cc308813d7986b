// SPDX-License-Identifier: Apache-2.0
#include "cases/proof/proof_cases.h"

#include <sstream>

namespace w4::cases::proof {
namespace {

constexpr const char* kSingles[] = {
    "b 128",
    "b -1",
    "b 128 --fixture up_asym_act",
    "--case M1_K512_N192_g128_sym_fp16_r_s7",
    "--case M72_K512_N256_g64_sym_fp16_r_s7",
    "--case M16_K2048_N128_g32_sym_bf16_r_s7",
    "--case M130_K256_N192_g32_asym_v2_bias_fp16_r_s7",
    "--case M16_K400_N192_g-1_sym_bias_fp16_r_s7",
    "--case M16_K512_N320_g128_asym_act_bf16_r_s7",
    "--case M20_K512_N256_g128_asym_awq_fp16_r_s7",
    "--case M64_K256_N256_g64_asym_pair_bf16_r_s7",
    "--case M33_K384_N128_g32_sym_ct_bias_bf16_r_s7",
    "--case M4_K1024_N128_g128_sym_v2_act_fp16_r_s7",
    "--case M16_K400_N192_g-1_asym_v2_bias_bf16_r_s7",
    "--case M16_K1024_N256_g128_asym_act_tp1of2r_fp16_r_s7",
    "--case M16_K640_N128_g128_sym_tp1of2r_fp16_r_s7",
    "--case M16_K512_N256_g-1_sym_tp1of2r_bf16_r_s7",
    "--case M8_K384_N512_g128_asym_act_bias_ex1of4_fp16_r_s7",
    "--case M8_K1024_N256_g128_asym_act_ex1of2_tp1of2r_fp16_r_s7",
    "--case M320_K256_N128_g64_sym_tp0of2c_fp16_r_s7",
    "--case M64_K512_N320_g128_sym_fp16_r_s7_tile64x256_sms1",
};
constexpr const char* kPairs[] = {
    "--case M72_K512_N192_g64_asym_bias_fp16_r_s7",
    "--case M16_K512_N320_g128_asym_act_bf16_r_s7",
    "--case M16_K400_N192_g-1_sym_bias_fp16_r_s7",
};

Options options_of(const std::string& command) {
  std::istringstream stream(command);
  std::vector<std::string> words = {"confusion"};
  for (std::string word; stream >> word;) words.push_back(word);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  Options options = parse_options(static_cast<int>(argv.size()), argv.data());
  options.effort.seconds = 0;  // what is named must not depend on how fast or busy a machine is
  if (!options.request.fixture.empty()) options.request.fixture = shipped_fixture(options.request.fixture.string());
  std::get<asked::OwnPath>(options.asked).black_box = true;
  return options;
}

template <class List>
std::vector<ProofCase> made(const List& commands) {
  std::vector<ProofCase> all;
  for (const char* command : commands)
    all.push_back(proof_case_of(command, std::string(1, static_cast<char>('A' + all.size()))));
  return all;
}

}  // namespace

ProofCase proof_case_of(const std::string& command, const std::string& name) {
  const Options options = options_of(command);
  return {name, command, options, prepare(options.request)};
}

const std::vector<ProofCase>& single_cases() {
  static const std::vector<ProofCase> all = made(kSingles);
  return all;
}

const std::vector<ProofCase>& pair_cases() {
  static const std::vector<ProofCase> all = made(kPairs);
  return all;
}

}  // namespace w4::cases::proof
