// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/made_with.h"
#include "cases/judge/audit.h"
#include "cases/judge/compare.h"
#include "cases/judge/launch_repeats.h"
#include "kernel/run.h"

#include <nlohmann/json_fwd.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace w4::cases::report {

/// `unreadable`: the kernel's answer is damaged and no evidence; the reason says how, and nothing is accused.
enum class Verdict { match, mismatch, cannot_test, unreadable };
enum class StageVerdict { ok, broken, not_reached, not_visible };

struct StageLine {
  std::string stage;
  StageVerdict verdict = StageVerdict::not_visible;
  std::string evidence;
};

/// One probe and whether its answer was right.
struct ProbeLine {
  std::string id;
  std::string sees;
  std::string blind;  // what it cannot see
  int rows = 0;       // of A
  bool right = false;
  std::string answer;
};

/// A named fault with its proof. `fault` holds several ids when nothing in this case tells them apart.
struct Culprit {
  std::string stage;
  std::string fault;         // the catalogue's id, the type of an exception, or "unexplained"
  std::string variant = {};  // the variant that reproduces the failure; empty when unexplained
  std::vector<std::string> evidence = {};
  std::string cure = {};
  std::string rerun = {};
};

/// The shapes on which the path fails, from launches of random layers of other shapes.
struct Condition {
  std::string text;                        // "fails iff M <= 16 and group_size < K"
  std::vector<std::string> evidence = {};  // equivalent conditions, change points, launches
  int launches = 0;
  bool finished = true;  // false: the budget was too small
};

/// The findings of one bisect run, from which text, JSON and page are written.
struct Report {
  std::string case_id;
  std::string fixture;
  std::string kernel;
  std::string launch;  // "block_tile 128x128, 10 thread blocks, 32-bit reduction"; empty: nothing was launched
  std::vector<kernel::KernelLaunch> launches = {};  // of the first run, on a GPU
  std::vector<std::string> notes;                   // what was inferred or converted, and the cost of that
  std::vector<std::string> doubts = {};             // why the layer may not be the one that was meant
  std::string doubt_cure = {};                      // of the first doubt
  Verdict verdict = Verdict::match;
  std::string reason;                                 // why it cannot be tested, or which gate failed
  std::optional<judge::RoundingClass> rounding = {};  // by which the output of the user's kernel is right
  std::string rounding_text = {};                     // in words
  std::vector<Culprit> culprits;
  std::optional<Condition> condition = {};
  std::vector<ProbeLine> probes = {};  // of a black box
  std::vector<StageLine> stages;
  std::vector<double> first;  // the first 20 outputs
  std::optional<judge::Comparison> comparison;
  std::vector<judge::AuditLine> audit = {};  // the verdicts of other acceptance rules on the same output
  std::optional<judge::Repeats> repeats =
      {};  // of the launches that were compared; of our own path on sound packed tensors
  std::shared_ptr<nlohmann::ordered_json> pictures = {};  // judge/pictures.h; null: none. json_of() leaves them out
  int runs = 0;                                           // of the kernel that was asked; 0: not counted
  std::string rerun;
  MadeWith made = {};  // empty within a result of many cases, which says it once
  double seconds = 0;
};

}  // namespace w4::cases::report
