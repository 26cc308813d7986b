// SPDX-License-Identifier: Apache-2.0
#include "repack/regroup.h"

#include "fixtures/error.h"

#include <cstdint>
#include <vector>

namespace w4::repack {
namespace {

using fixtures::Layer;
using fixtures::files::Tensor;

/// Every row, or every column, `parts` times in place of once.
template <class T>
Tensor repeated_as(const Tensor& tensor, bool rows, int parts) {
  const Grid<T> grid = fixtures::files::grid_of<T>(tensor);
  const int by_row = rows ? parts : 1;
  const int by_col = rows ? 1 : parts;
  const auto out = Grid<T>::from(grid.rows() * by_row, grid.cols() * by_col,
                                 [&](int r, int c) { return grid(r / by_row, c / by_col); });
  return fixtures::files::tensor_of<T>(tensor.name, tensor.dtype, out);
}

Tensor repeated(const Tensor& tensor, bool rows, int parts) {
  return size_bytes(tensor.dtype) == 2 ? repeated_as<std::uint16_t>(tensor, rows, parts)
                                       : repeated_as<std::uint32_t>(tensor, rows, parts);
}

Tensor split_g_idx(const Layer& layer, int group_size, int parts) {
  const auto g_idx = fixtures::files::grid_of<std::int32_t>(*layer.g_idx);
  std::vector<int> seen(static_cast<std::size_t>(layer.groups()));
  const auto split = g_idx.mapped([&](std::int32_t group) {
    const int part = seen[static_cast<std::size_t>(group)]++ / group_size;
    if (part >= parts)
      throw CannotTest("{}: g_idx gives group {} more than the {} rows of group_size", layer.name, group,
                       layer.group_size);
    return group * parts + part;
  });
  Tensor out = fixtures::files::tensor_of<std::int32_t>(layer.g_idx->name, DType::i32, split);
  out.shape = layer.g_idx->shape;
  return out;
}

}  // namespace

Layer split_groups(const Layer& layer, int group_size) {
  if (group_size <= 0 || layer.group_size % group_size != 0)
    throw InputError("{}: group_size {} does not divide the layer's {}", layer.name, group_size, layer.group_size);
  const int parts = layer.group_size / group_size;
  const bool group_rows = layer.format != fixtures::Format::compressed_tensors;  // else groups are columns
  Layer out = layer;
  out.group_size = group_size;
  out.scales = repeated(layer.scales, group_rows, parts);
  if (layer.qzeros) out.qzeros = repeated(*layer.qzeros, group_rows, parts);
  if (layer.g_idx) out.g_idx = split_g_idx(layer, group_size, parts);
  return out;
}

}  // namespace w4::repack
