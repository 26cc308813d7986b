// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/layer/trust.h"
#include "fixtures/lint/lint_file.h"

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace w4::cases::layers {

/// lint_file() of the layer in a container, which may be Marlin-packed.
fixtures::lint::LintedFile linted(const fixtures::files::Container& container, const std::string& layer);

/// The findings of lint on one layer of a model. A layer that cannot be read has one error with the reason.
struct LintedLayer {
  std::string layer;
  std::vector<fixtures::lint::LintLine> lines;
};

struct LintedModel {
  std::string folder;
  std::vector<LintedLayer> layers;  // in the model's order; then modules in few bits that are not read, with an error
  int not_read = 0;                 // how many of these there are

  int count(fixtures::lint::Severity severity) const;  // lines, over all layers
};

/// Lints every layer, a few at a time. `results`, when not empty, is a file that gets a line of JSON for each layer as
/// soon as it is done, after a first line that identifies the model. Layers that the file has are not linted again, so
/// that a killed run can be resumed. Throws InputError when the model cannot be read and when the file belongs to
/// another model.
LintedModel lint_model(const std::filesystem::path& path, const std::filesystem::path& results, bool quiet,
                       fixtures::Trust trust = fixtures::Trust::neither);

/// A table: each finding, the number of layers that have it, and the sentence of the first one.
std::string text_of(const LintedModel& model);
nlohmann::json json_of(const LintedModel& model);

}  // namespace w4::cases::layers
