// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/layer/cut.h"
#include "kernel/run.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace w4::cases {

/// Where codes and scales come from: MODE on the command line.
enum class Source { r, w, s, b };

constexpr bool real_codes(Source source) { return source == Source::w || source == Source::b; }
constexpr bool real_scales(Source source) { return source == Source::s || source == Source::b; }

char letter_of(Source source);

/// The case as one string that is printed and accepted everywhere: "M1_K2048_N11008_g128_sym_fp16_b_s7".
/// Between sym or asym and the type may stand, in this order: v2, awq, pair or ct (the format; GPTQ v1 has none), act
/// (act-order), bias, and the cuts, each made in the one before: ex3of8 (an expert), tp1of2r (rank 1 of two, rows),
/// tp0of4c (columns). K, N and the group are those of the whole layer. g-1 is one group. After the seed
/// may follow the launch, _tile64x256, _sms8 and _reduce16, and the kernel: @cuda, @plugin:FILE, @exec:COMMAND.
struct CaseId {
  int M = 1;
  int K = 0;
  int N = 0;
  int group = 128;  // -1: one group
  bool symmetric = true;
  fixtures::Format format = fixtures::Format::gptq;
  fixtures::ZeroEncoding zero_encoding = fixtures::ZeroEncoding::minus_one;
  bool act_order = false;
  bool bias = false;
  std::vector<fixtures::Cut> cuts = {};
  DType dtype = DType::fp16;
  Source source = Source::b;
  std::uint64_t seed = 7;
  std::optional<kernel::BlockTile> block_tile = {};  // none: the kernel's own choice
  std::optional<int> thread_blocks = {};             // none: the kernel's own choice
  int reduce_bits = 32;
  std::string kernel = {};  // empty: the lane model

  int group_size() const { return group == -1 ? K : group; }
  std::string text() const;
  friend bool operator==(const CaseId&, const CaseId&) = default;
};

/// Reads what text() writes. Throws InputError that names the part it cannot read.
CaseId parse_case(std::string_view text);

/// MODE: "r", "w", "s" or "b"; GROUP: -1, 32, 64 or 128. Throw InputError that lists the known words.
Source parse_source(std::string_view text);
int parse_group(std::string_view text);

/// The parts of `text` between separators, empty ones too: at least one.
std::vector<std::string_view> split(std::string_view text, char separator);

}  // namespace w4::cases
