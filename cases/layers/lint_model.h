// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/lint/lint_file.h"

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace w4::cases::layers {

/// lint_file() of the layer in a container, which may be Marlin-packed.
fixtures::lint::LintedFile linted(const fixtures::files::Container& container, const std::string& layer);

/// What lint says of one layer of a model. A layer that cannot be read at all has one error: why.
struct LintedLayer {
  std::string layer;
  std::vector<fixtures::lint::LintLine> lines;
};

struct LintedModel {
  std::string folder;
  std::vector<LintedLayer> layers;  // in the model's order

  int count(fixtures::lint::Severity severity) const;  // lines, over all layers
};

/// Lints every layer, a few at a time. `results`, when not empty, is a file that gets a line of JSON for each layer as
/// soon as it is done, behind a first line that says which model's; layers that are in it already are kept, so that a
/// run that was killed goes on. Throws InputError when the model cannot be read, or the file is another model's.
LintedModel lint_model(const std::filesystem::path& folder, const std::filesystem::path& results, bool quiet);

/// A table: each finding, of how many layers it is true, the first of them and what is said of that.
std::string text_of(const LintedModel& model);
nlohmann::json json_of(const LintedModel& model);

}  // namespace w4::cases::layers
