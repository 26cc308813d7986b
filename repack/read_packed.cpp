// SPDX-License-Identifier: Apache-2.0
#include "fixtures/error.h"
#include "fixtures/files/container.h"
#include "repack/marlin_tensors.h"
#include "repack/packed.h"
#include "repack/stages/checkpoint.h"

#include <string>
#include <vector>

namespace w4::repack {
namespace {

using fixtures::files::Container;
using fixtures::files::Tensor;

/// Under its plain name, or the layer's.
const Tensor* find(const Container& container, const std::string& layer, const char* name) {
  const Tensor* plain = find_tensor(container, "", name);
  return plain != nullptr ? plain : find_tensor(container, layer, name);
}

/// The tensor as (rows, cols); a vector counts as one row.
template <class T>
Grid<T> read(const Container& container, const std::string& layer, const char* name, DType dtype, int rows, int cols) {
  const Tensor* tensor = find(container, layer, name);
  if (!tensor) throw InputError("{}: no tensor {}", container.path.string(), name);
  if (tensor->dtype != dtype)
    throw InputError("{}: {} is {} where {} is wanted", container.path.string(), name, w4::name_of(tensor->dtype),
                     w4::name_of(dtype));
  const std::vector<std::int64_t> matrix = {rows, cols};
  const bool fits = tensor->shape == matrix || (rows == 1 && tensor->shape == std::vector<std::int64_t>{cols});
  if (!fits)
    throw InputError("{}: {} is {} where the layer's is {}", container.path.string(), name,
                     fixtures::files::shape_text(tensor->shape), fixtures::files::shape_text(matrix));
  return fixtures::files::grid_of<T>(*tensor);
}

/// A kernel would read A through it, so it must stay inside A. That it is a permutation is for the stages to judge.
void check_range(const Container& container, const Grid<std::int32_t>& perm, int K) {
  for (int i = 0; i < K; ++i)
    if (perm(0, i) < 0 || perm(0, i) >= K)
      throw InputError("{}: perm[{}] is {} where 0..{} is right", container.path.string(), i, perm(0, i), K - 1);
}

}  // namespace

Packed read_packed(const Container& container, const fixtures::Layer& layer) {
  Weights shape = weights_of(layer);
  shape.kernel_group_size = checkpoint::kernel_group_size(layer.K, layer.group_size);
  Packed packed = packed_of(shape);
  packed.words = read<std::uint32_t>(container, layer.name, "B", DType::i32, packed.K / kTileK, 2 * packed.N);
  packed.scales = read<std::uint16_t>(container, layer.name, "scales", layer.dtype, packed.groups(), packed.N);
  if (find(container, layer.name, "zeros"))
    packed.zeros =
        read<std::uint32_t>(container, layer.name, "zeros", DType::i32, packed.groups(), packed.N / kCodesPerWord);
  if (find(container, layer.name, "perm")) {
    packed.perm = read<std::int32_t>(container, layer.name, "perm", DType::i32, 1, layer.K);
    check_range(container, packed.perm, layer.K);
  }
  return packed;
}

}  // namespace w4::repack
