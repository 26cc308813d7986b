// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/matrix/axes.h"

#include <span>
#include <string_view>
#include <vector>

namespace w4::cases::matrix {

/// A named set of cases: some products of axes.
struct NamedSet {
  std::string_view name;
  std::string_view what;
  std::vector<Axes> (*products)();
};
std::span<const NamedSet> named_sets();

/// The products of a set, or of "axes": one case of defaults that --axis multiplies. Throws InputError.
std::vector<Axes> products_of(std::string_view name);

/// A layer of a published model: shapes fused as inference engines fuse them (q, k and v side by side, gate and up side
/// by side). `split_k`: a tensor-parallel rank has a part of K, otherwise of N.
struct ModelLayer {
  std::string_view model;
  std::string_view layer;
  int K = 0;
  int N = 0;
  bool split_k = false;
};
std::span<const ModelLayer> model_layers();

}  // namespace w4::cases::matrix
