// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/case_id.h"

#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace w4::cases::matrix {

/// The format of a layer and how it stores zero points, as one axis: "sym", "v1", "v2", "sym-v2", "awq", "sym-awq",
/// "pair", "sym-pair", "ct", "sym-ct"; v1 and v2 are asymmetric GPTQ, sym is symmetric GPTQ v1.
struct Zeros {
  bool symmetric = true;
  fixtures::Format format = fixtures::Format::gptq;
  fixtures::ZeroEncoding encoding = fixtures::ZeroEncoding::minus_one;
  friend bool operator==(const Zeros&, const Zeros&) = default;
};
std::string_view name_of(const Zeros& zeros);

/// K and N of a whole layer, and the part of it that is the case: none is all of it.
struct Shape {
  int K = 512;
  int N = 512;
  std::vector<fixtures::Cut> cuts = {};
};

inline constexpr int kGroupIsK = 0;  // in Axes::group: group_size as large as K, written as a number where that is one

/// A product of values.
struct Axes {
  std::vector<int> M = {16};
  std::vector<Shape> shape = {{}};
  std::vector<int> group = {128};  // -1, 32, 64, 128 or kGroupIsK
  std::vector<Zeros> zeros = {{}};
  std::vector<bool> act = {false};
  std::vector<bool> bias = {false};
  std::vector<DType> dtype = {DType::fp16};
  std::vector<Source> source = {Source::r};
  std::vector<std::optional<kernel::BlockTile>> tile = {std::nullopt};
  std::vector<std::optional<int>> sms = {std::nullopt};
  std::vector<int> reduce = {32};
  std::vector<std::uint64_t> seed = {7};
  std::vector<std::string> kernel = {""};  // empty: the lane model
};

/// One axis by its name: how its values are read from a command line, and what a case has there.
struct Axis {
  std::string_view name;
  std::string_view values;                                               // for the help
  void (*set)(const std::vector<std::string_view>& values, Axes& axes);  // null: for --where alone
  std::variant<long long, std::string> (*of)(const CaseId& id);
};
std::span<const Axis> all_axes();

/// "M=1,16", "group=-1,128,K", "shape=512x512,4096x4096", "act=no,yes", "kernel=cpu,cuda": replaces the values of that
/// axis. Throws InputError with the known names and values.
void set_axis(std::string_view text, Axes& axes);

/// All cases of the products, in order, each case once. Combinations that no layer can have are left out: a group that
/// does not divide K, act-order with one group or in a format without it. Modes w, s and b take the shipped layer's
/// tensors: its K, N, symmetry and bias replace the product's.
std::vector<CaseId> cases_of(const std::vector<Axes>& products);

}  // namespace w4::cases::matrix
