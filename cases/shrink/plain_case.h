// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/prepare.h"
#include "fixtures/layer/encode.h"

#include <optional>
#include <vector>

namespace w4::cases::shrink {

/// A case in plain content, in which rows, columns and values can be changed one by one, and how it is stored again.
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

/// The plain content of a case that is ready. Throws CannotTest for a float zero point that is no integer 0..15.
PlainCase plain_of(const Prepared& prepared);

/// The layer as its format stores it, A with it as `activations`.
fixtures::Layer layer_of(const PlainCase& plain);

/// The case made ready, as prepare() makes it of layer_of() written to `fixture` and read in mode b.
Prepared prepared_of(const PlainCase& plain, const std::string& fixture);

/// 64 bits of all that is in it: equal cases have equal ones.
std::uint64_t fingerprint(const PlainCase& plain);

/// The case with these rows of A alone; `rows` is not empty.
PlainCase with_rows(const PlainCase& plain, const std::vector<int>& rows);

/// The case with these columns of the layer alone; their number is a multiple of 8.
PlainCase with_columns(const PlainCase& plain, const std::vector<int>& columns);

/// The groups that rows of K belong to, row after row.
std::vector<int> groups_of_rows(const PlainCase& plain);

/// What of K is kept, in ascending order, and the size of its groups. The rows kept lie in the groups kept.
struct Kept {
  std::vector<int> rows;
  std::vector<int> groups;
  int group_size = 0;
};

/// The case with a part of K. None when the rows do not fill the groups, which act-order with groups of unequal length
/// can bring about.
std::optional<PlainCase> with_part_of_K(const PlainCase& plain, const Kept& kept);

/// Rows (and A's columns) sorted by their group, and no g_idx: the same products, in another order.
PlainCase without_act_order(const PlainCase& plain);

}  // namespace w4::cases::shrink
