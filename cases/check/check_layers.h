// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/options.h"
#include "cases/report/report.h"
#include "cases/search/progress.h"
#include "fixtures/lint/lint.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace w4::cases::check {

/// What is checked: a fixture, packed tensors, or a model.
struct Question {
  Options options;                         // path, kernel, M, effort; its mode, group and layer do not count
  std::vector<std::string> patterns = {};  // shell patterns of layer names; empty: all
};

enum class Finding { match, looks_wrong, mismatch, cannot_test, unreadable };
std::string_view name_of(Finding finding);  // "match", "looks wrong", ...

/// What was found on one layer.
struct CheckedLayer {
  std::string layer;
  Finding finding = Finding::match;
  std::string case_id = {};                         // empty: it could not be read
  std::string shape = {};                           // "K=384 N=1536 group 128", likewise
  std::string reason = {};                          // of all but a match
  std::vector<fixtures::lint::LintLine> lint = {};  // errors and warnings about the layer itself
  std::string cure = {};                            // of the first of them

  /// An error of lint, not a warning alone.
  bool has_error() const;
};

struct Checked {
  std::string path;
  std::string kernel;
  std::vector<CheckedLayer> layers;             // in the model's order; modules in few bits that are not read last
  std::optional<std::size_t> first = {};        // the layer whose finding is told first: the first mismatch, if any
  MadeWith made = {};                           // without a sum of the layers
  std::optional<report::Report> searched = {};  // bisect's report on that layer, if it is a mismatch

  std::size_t count(Finding finding) const;
  /// 1 for a mismatch, an error of lint and, if `strict`, any layer that looks wrong; then 125 for a layer that cannot
  /// be tested.
  int exit_code(bool strict) const;
};

/// Called with each outcome as soon as it is known, and the number of layers there are.
using Told = std::function<void(const CheckedLayer& layer, std::size_t layers)>;

/// Checks every layer, one after another. The path is judged without a
/// search; the first layer on which it is wrong is handed to bisect at the end. An unsound layer is a finding and ends
/// nothing. Throws InputError for a path that cannot be read and a pattern that fits no layer, CannotTest where the
/// kernel cannot be started.
Checked check_layers(const Question& question, const Told& told, const search::Progress& progress);

/// The finding first, then a line for each kind of finding, then the layers of each shape that fail.
std::string text_of(const Checked& checked, bool color);
nlohmann::ordered_json json_of(const Checked& checked);

/// The character of a finding in a strip of layers.
char letter_of(Finding finding);

}  // namespace w4::cases::check
