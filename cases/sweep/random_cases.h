// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/probe/box.h"
#include "cases/search/bisect.h"
#include "cases/sweep/shape_space.h"

#include <array>
#include <set>

namespace w4::cases::sweep {

/// The box that a sweep launches, and the properties of its random layers.
struct SweptBox {
  probe::Box* box = nullptr;
  Options options;                                   // of the launches; --repeat where launches differ
  CaseId like;                                       // format, type, symmetry, act-order, bias; its shape is not used
  bool stores_zeros = true;                          // a symmetric layer may come without
  bool cut = false;                                  // the case is cut out of a layer; random layers are whole
  std::optional<kernel::BlockTile> block_tile = {};  // set where the stripes are those of kernel/lane_model/plan.h
  int multiprocessors = 0;                           // of the device that the box runs on
};

/// Launches random layers of other shapes and compares them with the oracle.
class RandomCases {
 public:
  RandomCases(SweptBox swept, const search::Progress& step) : swept_(std::move(swept)), step_(step) {}

  /// Launches the case's own shape. If its launches differ, every later shape is launched --repeat times, otherwise
  /// once.
  Outcome at_base(const Shape& shape, bool launches_differ);
  /// wrong: it fails in the way in which the first shape that failed does (failure_kinds.h). cannot: in another way.
  Outcome at(const Shape& shape);

  /// "M from 1 to 256, group_size -1, 32, 64"
  std::string range() const;
  int launches() const { return launches_; }
  bool timed_out() const { return timed_out_; }
  const std::string& refusal() const { return refusal_; }  // why the last shape could not be tested
  /// The kind of failure that is followed, and how many shapes fail otherwise; empty: none does.
  std::string left_out() const;

 private:
  Prepared made(const Shape& shape) const;
  std::vector<kernel::RunResult> launched(const Prepared& prepared, const kernel::Launch& launch, bool all);
  judge::Expected explained(const Prepared& prepared, const Options& options, const kernel::Task& task,
                            const std::vector<kernel::RunResult>& results);
  Outcome outcome(const Shape& shape, bool all);
  Outcome tried(const Shape& shape, bool all);
  Outcome outcome_of(const std::vector<std::string>& kinds, const Shape& shape);

  SweptBox swept_;
  const search::Progress& step_;
  int repeat_ = 1;
  int launches_ = 0;
  bool timed_out_ = false;
  std::string refusal_;
  std::string followed_;  // a kind of failure
  int others_ = 0;        // shapes that fail in another way
  std::string other_;     // the first of them
  bool differed_ = false;
  std::array<std::set<int>, 5> seen_;  // values of each axis
};

}  // namespace w4::cases::sweep
