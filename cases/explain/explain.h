// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/made_with.h"
#include "cases/case/prepare.h"
#include "cases/explain/weight_origin.h"
#include "cases/explain/weight_place.h"
#include "cases/judge/compare.h"
#include "kernel/lane_model/in_registers.h"

#include <optional>
#include <string>
#include <vector>

namespace w4::cases::explain {

/// The question to `explain`: output (m, n) or weight (k, n). k is a row of the stored layer, and the column of A that
/// belongs to it.
struct Traced {
  bool weight = false;
  int row = 0;  // m or k
  int n = 0;
  bool all = false;  // print every term
};

/// A column of A, the weight it is multiplied by, and the right weight.
struct Term {
  int k = 0;
  std::optional<Place> place = {};  // of the row of B that column k is multiplied with; none: no row
  bool again = false;               // a second row of B uses this column: a right kernel has no such term
  double a = 0;                     // a(m, k); 0 for a weight
  judge::WeightParts want = {};
  Used used = {};
  Origin from = {};  // of wrong terms that are shown

  std::vector<std::string> in_registers = {};  // differences between the kernel's registers and memory
  std::optional<double> seen = {};             // the weight that the user's kernel was seen to use

  bool right_code() const { return place && used.code == want.code; }
  bool right_zero() const { return place && used.zero == want.zero; }
  bool right_scale() const { return place && used.scale == want.scale; }
  bool right_in_memory() const { return right_code() && right_zero() && right_scale() && !again; }
  bool right() const { return right_in_memory() && in_registers.empty(); }
  double used_weight() const { return seen ? *seen : place ? used.weight() : 0; }
  double wanted_weight() const { return again ? 0 : want.weight(); }
};

/// A slice that sums a part of the output.
struct SliceLine {
  kernel::lane_model::PlannedSlice slice;
  int k_begin = 0, k_end = 0;                  // rows of B
  long long stripe_begin = 0, stripe_end = 0;  // block_tiles of its thread block, over all columns
  std::optional<double> used = {};             // none: it did not run, or cannot be observed
  double want = 0;
  bool right = true;
};

/// The output.
struct OutputLine {
  double want = 0;
  double used = 0;
  judge::ElementError error = {};
  std::string missing = {};  // why there is no number: "never written: return code 2"
  double bias = 0;
};

/// The answer to one question.
struct Trace {
  Traced question;
  std::string case_id, fixture, path, kernel;
  std::vector<std::string> notes;
  kernel::lane_model::Plan plan;
  bool one_group = false;
  bool stores_zeros = false;  // the kernel reads zero points; otherwise all are 8
  int reduce_bits = 32;
  std::optional<OutputLine> output;  // none: a weight was asked for
  std::vector<SliceLine> slices;     // of the output, from k = 0 up
  std::vector<Term> terms;           // by k
  std::vector<std::size_t> shown;    // of terms, wrong ones first
  bool traced = false;               // `from` of the wrong terms that are shown is known
  std::size_t wrong = 0;             // number of wrong terms
  std::size_t wrong_same = 0;        // of them, those whose weight has the right value by chance
  std::size_t misread = 0;           // of them, those that are right in memory and wrong in registers
  bool foreign = false;              // the kernel is the user's
  std::string unread = {};           // why the weights of the user's kernel were not seen: "return code 3"
  std::string rerun;                 // the command that repeats the question
  MadeWith made = {};
  std::string bisect;  // the command that names the faulty transform

  bool right() const {
    if (output) return wrong == 0 && output->missing.empty() && output->error.right();
    return wrong == 0 && unread.empty();
  }
};

/// Traces an output or a weight: of our own path with `recipe`, of given packed tensors, of a recorded
/// output, or of the user's kernel, which is launched a few times. Throws
/// InputError for an index outside the case, CannotTest for what the format or the kernel does not accept.
Trace explain(const Prepared& prepared, const repack::Recipe& recipe, const Options& options, const Traced& question);

}  // namespace w4::cases::explain
