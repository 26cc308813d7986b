// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/sets.h"

#include "fixtures/error.h"

#include <fmt/format.h>

namespace w4::cases::matrix {
namespace {

using fixtures::Cut;
using fixtures::Format;
using fixtures::ZeroEncoding;

constexpr Zeros kSym{};
constexpr Zeros kV1{false, Format::gptq, ZeroEncoding::minus_one};
constexpr Zeros kV2{false, Format::gptq, ZeroEncoding::plain};
constexpr Zeros kAwq{false, Format::awq, ZeroEncoding::plain};
constexpr Zeros kPair{false, Format::pair_packed, ZeroEncoding::plain};
constexpr Zeros kCt{true, Format::compressed_tensors, ZeroEncoding::plain};

constexpr kernel::BlockTile kSquare{128, 128}, kWide{64, 256};
const std::vector<DType> kBothTypes = {DType::fp16, DType::bf16};

/// A few of everything.
std::vector<Axes> smoke() {
  return {{.M = {1, 17}, .shape = {{256, 256}}, .group = {-1, 32, 128}, .zeros = {kSym, kV1}, .dtype = kBothTypes},
          {.shape = {{512, 192}}, .zeros = {kV1}, .act = {true}, .bias = {true}},
          {.M = {16}, .group = {-1, 128}, .source = {Source::b}}};
}

/// Every way to store a layer with every group and type; every launch with and without act-order; real tensors.
std::vector<Axes> ci() {
  return {{.M = {1, 16, 65},
           .shape = {{512, 256}},
           .group = {-1, 32, 64, 128},
           .zeros = {kSym, kV1, kV2, kAwq, kPair, kCt},
           .dtype = kBothTypes},
          {.M = {1, 33},
           .shape = {{512, 320}},
           .group = {32, 64, 128},
           .zeros = {kSym, kV1, kV2, kCt},
           .act = {true},
           .bias = {false, true},
           .dtype = kBothTypes},
          {.M = {1, 16, 64, 130},
           .shape = {{1024, 512}},
           .group = {-1, 32, 128},
           .tile = {kSquare, kWide},
           .sms = {1, 3, 10},
           .reduce = {32, 16}},
          {.M = {1, 96},
           .group = {-1, 32, 64, 128},
           .dtype = kBothTypes,
           .source = {Source::r, Source::w, Source::s, Source::b}}};
}

/// The original tool's four: `bisect r -1`, `r 128`, `b -1`, `b 128`.
std::vector<Axes> seeds() {
  return {{.M = {1}, .shape = {{2048, 11008}}, .group = {-1, 128}},
          {.M = {96}, .group = {-1, 128}, .source = {Source::b}}};
}

/// The list that the published Marlin kernel is tested with (its test.py): tiles, stages, Llama shapes, groups.
std::vector<Axes> published() {
  const std::vector<Shape> llama = {{4096, 12288}, {4096, 4096}, {4096, 21504}, {10752, 4096},
                                    {5120, 15360}, {5120, 5120}, {5120, 27136}, {13568, 5120},
                                    {6656, 19968}, {6656, 6656}, {6656, 35328}, {17664, 6656},
                                    {8192, 24576}, {8192, 8192}, {8192, 43520}, {21760, 8192}};
  return {{.M = {1, 2, 3, 4, 8, 12, 16, 24, 32, 48, 64, 118, 128, 152, 768},
           .shape = {{1024, 512}},
           .group = {-1},
           .tile = {kWide}},
          {.M = {1, 2, 3, 4, 8, 12, 16}, .shape = {{1024, 512}}, .group = {-1}, .tile = {kSquare}},
          {.shape = {{768, 512}, {832, 512}, {896, 512}}, .group = {-1}, .tile = {kWide}},
          {.shape = {{64, 512}, {128, 512}, {192, 512}}, .group = {-1}, .tile = {kWide}},
          {.M = {1, 16}, .shape = llama, .group = {-1}, .tile = {kSquare}},
          {.shape = {{512, 256}, {1024, 256}, {1024, 32768}}, .group = {128}, .tile = {kSquare, kWide}}};
}

/// Whole, and as the last of 2 and of 8 tensor-parallel ranks.
std::vector<Axes> models() {
  std::vector<Shape> shapes;
  for (const ModelLayer& layer : model_layers()) {
    shapes.push_back({layer.K, layer.N});
    const Cut::Kind kind = layer.split_k ? Cut::Kind::rows : Cut::Kind::columns;
    const int extent = layer.split_k ? layer.K : layer.N;
    for (const int ranks : {2, 8})
      if (extent % (ranks * 64) == 0) shapes.push_back({layer.K, layer.N, {{kind, ranks - 1, ranks}}});
  }
  return {{.M = {1}, .shape = shapes}};
}

/// Where kernels take another code path: M across 16 and 64, N with 64 left over, K beyond 16384, as many groups as
/// packed columns of zero points (N/8 = K/group_size), K = group_size.
std::vector<Axes> edges() {
  return {{.M = {1, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 128, 129},
           .shape = {{512, 256}, {512, 192}},
           .group = {-1, 128}},
          {.M = {1, 16}, .shape = {{256, 64}, {256, 320}, {384, 1088}}, .group = {-1, 128}, .zeros = {kSym, kV1}},
          {.M = {1, 65}, .shape = {{16512, 128}, {18944, 64}}, .group = {-1, 128}},
          {.M = {1, 16}, .shape = {{128, 256}, {64, 256}, {32, 256}}, .group = {kGroupIsK}, .zeros = {kSym, kV1}},
          {.M = {1, 16}, .shape = {{128, 256}, {64, 256}}, .group = {32, 64, 128}, .zeros = {kSym, kV1}},
          {.M = {1, 16}, .shape = {{1024, 256}, {2048, 512}}, .group = {32}, .zeros = {kV1, kV2, kAwq}},
          {.M = {16}, .shape = {{400, 192}, {80, 64}}, .group = {-1}, .zeros = {kSym, kV2}}};
}

/// The plain W4A16 reference: pair-packed codes, bf16 scales and float zero points.
std::vector<Axes> w4a16() {
  return {{.M = {1}, .shape = {{4096, 12288}}, .group = {-1, 32, 64, 128}, .zeros = {kPair}, .dtype = {DType::bf16}}};
}

std::vector<Axes> one_case() { return {Axes{}}; }

constexpr NamedSet kSets[] = {
    {"smoke", "a few of everything, in seconds", smoke},
    {"ci", "formats x groups x types, act-order, launches, real tensors", ci},
    {"seeds", "r -1, r 128, b -1, b 128", seeds},
    {"published", "the published Marlin kernel's own list", published},
    {"models", "layers of published models, whole and as tensor-parallel ranks", models},
    {"edges", "M across 16 and 64, N with 64 left over, K beyond 16384, K = group_size, one group", edges},
    {"w4a16", "the plain reference: pair-packed, bf16, float zero points, K=4096, N=12288, M=1", w4a16},
    {"axes", "one random layer, K=512, N=512, M=16, for --axis to multiply", one_case},
};

}  // namespace

std::span<const NamedSet> named_sets() { return kSets; }

std::vector<Axes> products_of(std::string_view name) {
  std::vector<std::string_view> names;
  for (const NamedSet& set : kSets) {
    if (set.name == name) return set.products();
    names.push_back(set.name);
  }
  throw InputError("unknown set '{}': it is one of {}", name, fmt::join(names, ", "));
}

}  // namespace w4::cases::matrix
