// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/probe/box.h"
#include "cases/search/bisect.h"
#include "cases/sweep/shape_space.h"

#include <array>
#include <set>

namespace w4::cases::sweep {

/// What a sweep launches: a box, and what makes random layers for it like those of a case.
struct SweptBox {
  probe::Box* box = nullptr;
  Options options;                                   // how it is launched, and how often where launches differ
  CaseId like;                                       // format, type, symmetry, act-order, bias; its shape is not used
  bool stores_zeros = true;                          // a symmetric layer may come without
  bool cut = false;                                  // the case is cut out of a layer; random layers are whole
  std::optional<kernel::BlockTile> block_tile = {};  // where its stripes are those of kernel/lane_model/plan.h
  int multiprocessors = 0;                           // of the device that the box runs on
};

/// Launches of random layers of other shapes, held against the oracle.
class RandomCases {
 public:
  RandomCases(SweptBox swept, const search::Progress& step) : swept_(std::move(swept)), step_(step) {}

  /// The case's own shape: how its launches end, and whether they differ; from then on each shape is launched as often
  /// as --repeat says when they do, and once otherwise.
  Outcome at_base(const Shape& shape, bool launches_differ);
  /// wrong: a launch does not end well, or leaves an output, a workspace or a buffer that is not right.
  Outcome at(const Shape& shape);

  /// "M from 1 to 256, group_size -1, 32, 64"
  std::string range() const;
  int launches() const { return launches_; }
  bool timed_out() const { return timed_out_; }
  const std::string& refusal() const { return refusal_; }  // why the last shape could not be launched

 private:
  Prepared made(const Shape& shape) const;
  std::vector<kernel::RunResult> launched(const Prepared& prepared, const kernel::Launch& launch, bool all);
  Outcome outcome(const Shape& shape, bool all);
  Outcome tried(const Shape& shape, bool all);

  SweptBox swept_;
  const search::Progress& step_;
  int repeat_ = 1;
  int launches_ = 0;
  bool timed_out_ = false;
  std::string refusal_;
  bool differed_ = false;
  std::array<std::set<int>, 5> seen_;  // values of each axis
};

}  // namespace w4::cases::sweep
