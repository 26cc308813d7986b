// SPDX-License-Identifier: Apache-2.0
#include "cases/tests/repack/made_layer.h"
#include "fixtures/error.h"
#include "fixtures/files/container.h"
#include "repack/layer_file.h"

#include <doctest/doctest.h>

namespace w4::repack_tests {
namespace {

fixtures::files::Container container_of(const repack::Packed& packed) {
  fixtures::files::Container c = repack::container_of(packed, {});
  c.path = "packed.npz";
  return c;
}

const Spec kReadSpec{.K = 96, .N = 72, .group_size = 32, .symmetric = false, .act_order = true};

TEST_CASE("read_packed: takes back what repack made") {
  for (const Spec& spec : all_specs()) {
    CAPTURE(text_of(spec));
    const Made m = made(spec);
    const repack::Packed packed = repack::repack(m.layer);
    CHECK(same(repack::read_packed(container_of(packed), m.layer), packed));
  }
}

TEST_CASE("read_packed: one line for each thing that does not fit the layer") {
  const Made m = made(kReadSpec);
  const fixtures::files::Container sound = container_of(repack::repack(m.layer));
  fixtures::files::Container c = sound;
  const auto refuses = [&](const char* line) {
    CHECK_THROWS_WITH_AS(repack::read_packed(c, m.layer), line, InputError);
    c = sound;
  };
  c.tensors.erase("B");
  refuses("packed.npz: no tensor B");
  c.tensors["B"].shape = {16, 128};
  refuses("packed.npz: B is (16, 128) where the layer's is (8, 256)");
  c.tensors["scales"].dtype = DType::bf16;
  refuses("packed.npz: scales is bf16 where fp16 is wanted");
  c.tensors["zeros"].shape = {4, 15};
  refuses("packed.npz: zeros is (4, 15) where the layer's is (4, 16)");
  c.tensors["perm"] = fixtures::files::tensor_of(
      "perm", DType::i32, Grid<std::int32_t>::from(1, 96, [](int, int i) { return i == 7 ? 96 : i; }));
  refuses("packed.npz: perm[7] is 96 where 0..95 is right");
}

}  // namespace
}  // namespace w4::repack_tests
