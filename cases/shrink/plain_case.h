// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/prepare.h"
#include "fixtures/layer/encode.h"

#include <optional>
#include <vector>

namespace w4::cases::shrink {

/// A decoded case, in which rows, columns and values can be changed one by one, and the format to store it in.
struct PlainCase {
  fixtures::PlainLayer layer;
  fixtures::Format format = fixtures::Format::gptq;
  fixtures::ZeroEncoding zero_encoding = fixtures::ZeroEncoding::minus_one;
  bool stores_zeros = true;  // false: no qzeros at all; symmetric layers only
  int group = 128;           // GROUP of the command line: -1, or the layer's group_size
  int thread_blocks = 0;     // of the launch; 0: the kernel's own choice
  Grid<std::uint16_t> A;     // (M, K), bits of layer.dtype

  int M() const { return A.rows(); }
  int K() const { return layer.codes.rows(); }
  int N() const { return layer.codes.cols(); }
  int groups() const { return layer.scales.rows(); }
};

/// A prepared case, decoded. Throws CannotTest for a float zero point that is no integer 0..15.
PlainCase plain_of(const Prepared& prepared);

/// The layer as its format stores it, with A as `activations`.
fixtures::Layer layer_of(const PlainCase& plain);

/// The prepared case, as prepare() makes it from layer_of() written to `fixture` and read in mode b.
Prepared prepared_of(const PlainCase& plain, const std::string& fixture);

/// A 64-bit hash of the case, of this process alone.
std::uint64_t fingerprint(const PlainCase& plain);

/// The case with only these rows of A; `rows` is not empty.
PlainCase with_rows(const PlainCase& plain, const std::vector<int>& rows);

/// The case with only these columns of the layer; their number is a multiple of 8.
PlainCase with_columns(const PlainCase& plain, const std::vector<int>& columns);

/// The rows and groups of K that are kept, ascending, and the new group size. All kept rows lie in kept groups.
struct Kept {
  std::vector<int> rows;
  std::vector<int> groups;
  int group_size = 0;
};

/// The case with a part of K. No value when the rows do not fill the groups; that happens with act-order and groups of
/// unequal length.
std::optional<PlainCase> with_part_of_K(const PlainCase& plain, const Kept& kept);

/// Rows (and A's columns) sorted by group, without g_idx: the same products in another order.
PlainCase without_act_order(const PlainCase& plain);

}  // namespace w4::cases::shrink
