// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/layer/cut.h"
#include "fixtures/layer/encode.h"
#include "repack/packed.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace w4::repack_tests {

using fixtures::Format;
using fixtures::ZeroEncoding;

/// A layer to make. Scales are all distinct as far as their bits allow, zero points hold 0 and 15, g_idx is shuffled.
struct Spec {
  Format format = Format::gptq;
  int K = 0;
  int N = 0;
  int group_size = 0;
  bool symmetric = true;
  bool act_order = false;
  ZeroEncoding encoding = ZeroEncoding::minus_one;
  int digit = -1;            // codes are this base-16 digit of k * N + n; -1: random
  bool stray_zeros = false;  // symmetric, with stored zero points other than 8
  DType dtype = DType::fp16;
  std::uint64_t seed = 7;
  std::vector<fixtures::Cut> cuts = {};  // cut out of it, one after another
  int shards = 1;                        // act-order: group g has its rows in part g % shards of K
};

std::string text_of(const Spec& spec);

/// The layer before encoding, whole, and after it, cut. The encoding is spelled out here, from design.md, and not taken
/// from fixtures/.
struct Made {
  fixtures::PlainLayer plain;
  fixtures::Layer layer;
};
Made made(const Spec& spec);

/// Every format, grouping, symmetry and padding that there is, each once or more.
std::vector<Spec> all_specs();

/// A GPTQ layer decoded from its definition.
fixtures::PlainLayer decoded(const fixtures::Layer& layer);

/// A reproducible number from two.
std::uint64_t hashed(std::uint64_t seed, std::uint64_t index);

/// The chain as `stages()` gives it: the value after each stage.
std::map<StageId, repack::Weights> chain(const fixtures::Layer& layer, const repack::Recipe& recipe = {});

/// What the chain ends in.
repack::Packed chained(const fixtures::Layer& layer, const repack::Recipe& recipe = {});

bool same(const repack::Packed& a, const repack::Packed& b);

}  // namespace w4::repack_tests
