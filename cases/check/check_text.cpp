// SPDX-License-Identifier: Apache-2.0
#include "cases/check/check_layers.h"
#include "cases/report/report_text.h"
#include "cases/report/schema.h"
#include "fixtures/error.h"
#include "fixtures/text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <map>

namespace w4::cases::check {
namespace {

using fixtures::lint::LintLine;
using nlohmann::ordered_json;

constexpr std::array kFindings = {Finding::mismatch, Finding::unreadable, Finding::looks_wrong, Finding::cannot_test,
                                  Finding::match};

std::string layer_name(const CheckedLayer& layer) { return layer.layer.empty() ? "the layer" : layer.layer; }

/// Layers with one finding and one reason, or, of mismatches, whose numbers differ, one shape.
struct Group {
  std::size_t layers = 0;
  std::string first;
};

std::map<std::string, Group> groups_of(const Checked& checked, Finding finding) {
  std::map<std::string, Group> groups;
  for (const CheckedLayer& layer : checked.layers) {
    if (layer.finding != finding) continue;
    Group& group = groups[finding == Finding::mismatch ? layer.shape : layer.reason];
    if (group.layers++ == 0) group.first = layer_name(layer);
  }
  return groups;
}

/// How many layers of this shape there are, so that "30 of 30" shows a shape on which the kernel always fails.
std::size_t of_shape(const Checked& checked, const std::string& shape) {
  return static_cast<std::size_t>(std::ranges::count(checked.layers, shape, &CheckedLayer::shape));
}

void add_groups(const Checked& checked, Finding finding, std::string& text) {
  for (const auto& [what, group] : groups_of(checked, finding)) {
    if (finding == Finding::mismatch)
      text +=
          text_line("{:<12} {} of {} layers fail, first {}", "", group.layers, of_shape(checked, what), group.first);
    else
      text += text_line("{:<12} {} layer{}, first {}", "", group.layers, group.layers == 1 ? "" : "s", group.first);
    text += text_line("{:<12} {}", "", what);
  }
}

/// What is told of a layer that was not searched.
std::string plain_finding(const CheckedLayer& layer) {
  std::string text = text_line("{:<12} {}: {}", "finding", layer_name(layer), name_of(layer.finding));
  text += text_line("{:<12} {}", "because", layer.reason);
  for (const LintLine& line : layer.lint)
    text += text_line("{:<12} {}: {}", fixtures::lint::name_of(line.severity), line.id, line.sentence);
  if (!layer.cure.empty()) text += text_line("{:<12} {}", "cure", layer.cure);
  return text;
}

}  // namespace

std::string_view name_of(Finding finding) {
  constexpr std::array<std::string_view, 5> kNames = {"match", "looks wrong", "mismatch", "cannot be tested",
                                                      "cannot be read"};
  return kNames[static_cast<std::size_t>(finding)];
}

char letter_of(Finding finding) { return std::string_view(".?F-!")[static_cast<std::size_t>(finding)]; }

bool CheckedLayer::has_error() const {
  return finding == Finding::unreadable || std::ranges::any_of(lint, [](const LintLine& line) {
           return line.severity == fixtures::lint::Severity::error;
         });
}

std::size_t Checked::count(Finding finding) const {
  return static_cast<std::size_t>(std::ranges::count(layers, finding, &CheckedLayer::finding));
}

int Checked::exit_code(bool strict) const {
  const bool wrong = std::ranges::any_of(layers, [&](const CheckedLayer& layer) {
    return layer.finding == Finding::mismatch || layer.has_error() || (strict && layer.finding == Finding::looks_wrong);
  });
  if (wrong) return kMismatch;
  return count(Finding::cannot_test) > 0 ? kCannotTest : kMatch;
}

std::string text_of(const Checked& checked, bool color) {
  std::string text;
  if (checked.searched)
    text += report::text_of(*checked.searched, color) + "\n";
  else if (checked.first)
    text += plain_finding(checked.layers[*checked.first]) + "\n";
  for (const Finding finding : kFindings) {
    if (checked.count(finding) == 0) continue;
    text += fmt::format("{:<12} {} of {} layers\n", name_of(finding), checked.count(finding), checked.layers.size());
    if (finding != Finding::match) add_groups(checked, finding, text);
  }
  return text;
}

ordered_json json_of(const Checked& checked) {
  ordered_json layers = ordered_json::array();
  for (const CheckedLayer& layer : checked.layers) {
    ordered_json lint = ordered_json::array();
    for (const LintLine& line : layer.lint)
      lint.push_back(
          {{"id", line.id}, {"severity", fixtures::lint::name_of(line.severity)}, {"sentence", line.sentence}});
    layers.push_back({{"layer", layer.layer},
                      {"finding", name_of(layer.finding)},
                      {"case", layer.case_id},
                      {"reason", layer.reason},
                      {"lint", std::move(lint)},
                      {"cure", layer.cure}});
  }
  ordered_json out = {{"schema", report::kCheckSchema},
                      {"path", checked.path},
                      {"kernel", checked.kernel},
                      {"layers", std::move(layers)}};
  if (checked.first) out["first"] = checked.layers[*checked.first].layer;
  if (!checked.made.empty()) out["made"] = checked.made;
  if (checked.searched) out["report"] = report::json_of(*checked.searched);
  return out;
}

}  // namespace w4::cases::check
