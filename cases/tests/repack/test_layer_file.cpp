// SPDX-License-Identifier: Apache-2.0
// Marlin-packed layers undone to codes.
#include "cases/tests/repack/made_layer.h"
#include "fixtures/error.h"
#include "fixtures/files/container.h"
#include "fixtures/half.h"
#include "repack/layer_file.h"

#include <doctest/doctest.h>

namespace w4::repack_tests {
namespace {

using fixtures::Layer;
using fixtures::files::Container;

const Spec kSpec{.K = 256, .N = 128, .group_size = 64, .symmetric = false, .act_order = true};

Container packed_of(const Layer& layer) {
  Container out = repack::container_of(repack::repack(layer), layer);
  out.path = "packed.npz";
  return out;
}

/// The tensors alone, as published: `s` in place of `scales`, a prefix, a workspace, no manifest.
Container published_like(const Container& ours, const std::string& prefix) {
  Container out;
  out.path = "published.safetensors";
  for (const auto& [name, tensor] : ours.tensors) out.tensors[prefix + (name == "scales" ? "s" : name)] = tensor;
  out.tensors[prefix + "workspace"] =
      fixtures::files::tensor_of("workspace", DType::i32, Grid<std::int32_t>(1, 2, {0, 0}));
  return out;
}

Grid<std::uint32_t> words_of(const fixtures::files::Tensor& tensor) {
  return fixtures::files::grid_of<std::uint32_t>(tensor);
}

/// Undone, and then packed again: the same tensors. Undone it is the layer before packing, bit for bit.
void check_undone(const Made& m, const Layer& undone) {
  CHECK(undone.K == m.layer.K);
  CHECK(undone.N == m.layer.N);
  CHECK(undone.group_size == m.layer.group_size);
  CHECK(undone.symmetric == m.layer.symmetric);
  CHECK(undone.dtype == m.layer.dtype);
  fixtures::PlainLayer plain = m.plain;
  if (undone.groups() == 1) plain.g_idx = {};
  const Layer want = encode(plain, Format::gptq, ZeroEncoding::plain);
  CHECK(words_of(undone.qweight) == words_of(want.qweight));
  CHECK(words_of(*undone.qzeros) == words_of(*want.qzeros));
  CHECK(fixtures::files::grid_of<std::uint16_t>(undone.scales) == fixtures::files::grid_of<std::uint16_t>(want.scales));
  CHECK(undone.act_order() == want.act_order());
  if (undone.g_idx && want.g_idx)
    CHECK(fixtures::files::grid_of<std::int32_t>(*undone.g_idx) == fixtures::files::grid_of<std::int32_t>(*want.g_idx));
  CHECK(undone.bias.has_value() == want.bias.has_value());
}

}  // namespace

TEST_CASE("layer_file: every layer that was packed comes back in every bit") {
  for (const Spec& spec : all_specs()) {
    CAPTURE(text_of(spec));
    const Made m = made(spec);
    check_undone(m, repack::layer_from(packed_of(m.layer)).layer);
  }
}

TEST_CASE("layer_file: what is undone packs to the same words") {
  for (const Spec& spec : all_specs()) {
    CAPTURE(text_of(spec));
    const repack::Packed packed = repack::repack(made(spec).layer);
    CHECK(same(repack::repack(repack::layer_from(repack::container_of(packed, made(spec).layer)).layer), packed));
  }
}

TEST_CASE("layer_file: a published layer needs no manifest and its name is its prefix") {
  Spec spec = kSpec;
  spec.symmetric = true;
  spec.act_order = false;
  const Made m = made(spec);
  const fixtures::LayerFile file =
      repack::layer_from(published_like(packed_of(m.layer), "model.layers.0.mlp.up_proj."), "up_proj");
  CHECK(file.layer.name == "model.layers.0.mlp.up_proj");
  check_undone(m, file.layer);
  REQUIRE(file.inferred.size() == 3);
  CHECK(file.inferred[0] == "dtype fp16: that of scales");
  CHECK(file.inferred[1] == "group_size 64: K=256 over 4 rows of scales");
  CHECK(file.inferred[2] == "Marlin-packed: B (16, 256) undone to codes (K=256, N=128), as gptq v2");
}

TEST_CASE("layer_file: a packed layer keeps what stands beside its words and says what was decided") {
  const Made m = made(kSpec);
  Container packed = published_like(packed_of(m.layer), "up.");
  const auto scales = fixtures::files::grid_of<std::uint16_t>(packed.tensors.at("up.s"));
  packed.tensors["up.s"] = fixtures::files::tensor_of(
      "s", DType::fp32, scales.mapped([](std::uint16_t bits) { return value_of(bits, DType::fp16); }));
  packed.tensors["up.pre_quant_scale"] =
      fixtures::files::vector_of("pre_quant_scale", DType::fp32, Grid<float>::filled(1, 256, 0.5F));
  packed.tensors["up.mystery"] = packed.tensors["up.s"];
  packed.manifest = {{"model_dtype", "fp16"}};
  const fixtures::LayerFile file = repack::layer_from(packed, "up");
  check_undone(m, file.layer);
  REQUIRE(file.layer.row_scale);
  CHECK(file.layer.row_scale->factor(9) == 0.5);
  std::vector<std::string> ids;
  for (const fixtures::LayerFile::Remark& remark : file.remarks) ids.push_back(remark.id);
  CHECK(ids == std::vector<std::string>{"tensor-not-read", "row-scale", "scales-fp32"});
  const Container again = repack::container_of(repack::repack(file.layer), file.layer);
  CHECK(repack::layer_from(again).layer.row_scale);
}

TEST_CASE("layer_file: a layer that is stored is read as before") {
  const Made m = made(kSpec);
  Container stored = fixtures::container_of(m.layer);
  CHECK_FALSE(repack::marlin_prefix(stored, "").has_value());
  CHECK(words_of(repack::layer_from(stored).layer.qweight) == words_of(m.layer.qweight));
  for (const auto& [name, tensor] : packed_of(m.layer).tensors) stored.tensors["other." + name] = tensor;
  CHECK(repack::marlin_prefix(stored, "other").has_value());
  CHECK_THROWS_WITH_AS(repack::layer_from(stored),
                       ": holds 1 Marlin-packed layers and others, name one: 'other' is the first", InputError);
}

TEST_CASE("layer_file: one line for each thing that does not fit") {
  const Made m = made(kSpec);
  const Container sound = packed_of(m.layer);
  Container c = sound;
  const auto refuses = [&](const char* line) {
    CHECK_THROWS_WITH_AS(repack::layer_from(c), line, InputError);
    c = sound;
  };
  c.tensors["B"].shape = {256, 16};
  refuses("packed.npz: B has shape (256, 16), expected (K/16, 2N) with K and N multiples of 64");
  c.tensors["B"].dtype = DType::fp32;
  refuses("packed.npz: B is fp32, expected int32");
  c.tensors["scales"].dtype = DType::i16;
  refuses("packed.npz: scales are int16, expected fp16 or bf16");
  c.tensors["scales"].shape = {8, 64};
  refuses("packed.npz: scales have shape (8, 64), expected (groups, 128)");
  c.tensors["zeros"].shape = {16, 4};
  refuses("packed.npz: zeros has shape (16, 4), expected (4, 16)");
  c.manifest["group_size"] = 128;
  refuses("packed.npz: manifest says group_size 128, but 4 rows of scales for K=256 make it 64");
  c.manifest["format"] = "awq";
  refuses("packed.npz: manifest says format \"awq\", but it holds Marlin-packed tensors (B and scales)");
  c.manifest["K"] = 128;
  refuses("packed.npz: manifest says K 128, but B has K=256 in tiles of 64");
  c.manifest["symmetric"] = true;
  refuses("packed.npz: manifest says symmetric true, but there are zeros");
  c.manifest["dtype"] = "bf16";
  refuses("packed.npz: manifest says dtype bf16, scales are fp16");
  std::vector<std::int32_t> perm(256, 0);
  c.tensors["perm"] = fixtures::files::tensor_of("perm", DType::i32, Grid<std::int32_t>(1, 256, perm));
  refuses("packed.npz: perm[1] is 0 for the second time: no permutation");
  perm[0] = 256;
  c.tensors["perm"] = fixtures::files::tensor_of("perm", DType::i32, Grid<std::int32_t>(1, 256, perm));
  refuses("packed.npz: perm[0] is 256 where 0..255 is right");
}

}  // namespace w4::repack_tests
