// SPDX-License-Identifier: Apache-2.0
#include "cases/layers/lint_model.h"

#include "cases/layers/each_layer.h"
#include "cases/report/lines_file.h"
#include "cases/report/progress_bar.h"
#include "fixtures/error.h"
#include "fixtures/files/container.h"
#include "fixtures/text.h"
#include "repack/layer_file.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <thread>

namespace w4::cases::layers {
namespace {

using fixtures::Model;
using fixtures::lint::LintedFile;
using fixtures::lint::LintLine;
using fixtures::lint::Severity;
using nlohmann::json;

constexpr Severity kWorstFirst[] = {Severity::error, Severity::warning, Severity::note};

json json_of(const LintedLayer& layer) {
  json lines = json::array();
  for (const LintLine& line : layer.lines)
    lines.push_back(
        {{"id", line.id}, {"severity", fixtures::lint::name_of(line.severity)}, {"sentence", line.sentence}});
  return {{"layer", layer.layer}, {"lines", std::move(lines)}};
}

LintedLayer layer_from(const json& stored) {
  LintedLayer layer{.layer = stored.at("layer"), .lines = {}};
  for (const json& line : stored.at("lines")) {
    const auto severity = std::ranges::find(kWorstFirst, line.at("severity").get<std::string>(),
                                            [](Severity s) { return std::string(fixtures::lint::name_of(s)); });
    if (severity == std::end(kWorstFirst)) throw InputError("severity {} is not known", line.at("severity").dump());
    layer.lines.push_back({.id = line.at("id"), .severity = *severity, .sentence = line.at("sentence")});
  }
  return layer;
}

/// An error in one layer becomes a finding of that layer and does not end the walk.
LintedLayer lint_layer(const Model& model, const std::string& name, fixtures::Trust trust) {
  try {
    return {.layer = name, .lines = linted(model.container_of(name, trust), name).lines};
  } catch (const Error& error) {
    return {.layer = name, .lines = {{.id = "unreadable", .severity = Severity::error, .sentence = error.what()}}};
  }
}

/// One finding over all layers.
struct Found {
  int layers = 0;
  std::string first_layer;
  std::string sentence;
};

std::map<std::string, Found> findings(const LintedModel& model, Severity severity) {
  std::map<std::string, Found> found;
  for (const LintedLayer& layer : model.layers) {
    std::map<std::string, std::string> ids;  // of this layer: each id counts once
    for (const LintLine& line : layer.lines)
      if (line.severity == severity) ids.emplace(line.id, line.sentence);
    for (const auto& [id, sentence] : ids) {
      const bool of_format = id == "not-read";  // a line for each format
      const auto [at, fresh] = found.try_emplace(of_format ? id + sentence.substr(0, sentence.find(';')) : id,
                                                 Found{.layers = 0, .first_layer = layer.layer, .sentence = sentence});
      ++at->second.layers;
    }
  }
  return found;
}

}  // namespace

LintedFile linted(const fixtures::files::Container& container, const std::string& layer) {
  const auto undone = [&](const fixtures::files::Container& all) { return repack::layer_from(all, layer); };
  return repack::marlin_prefix(container, layer) ? fixtures::lint::lint_file(container, undone)
                                                 : fixtures::lint::lint_stored(container, layer);
}

int LintedModel::count(Severity severity) const {
  int lines = 0;
  for (const LintedLayer& layer : layers)
    lines += static_cast<int>(std::ranges::count(layer.lines, severity, &LintLine::severity));
  return lines;
}

LintedModel lint_model(const std::filesystem::path& path, const std::filesystem::path& results, bool quiet,
                       fixtures::Trust trust) {
  const Model model(path);
  report::LinesFile file(results, identity_of(model, trust), fmt::format(kOtherIdentity, model.path().string()));
  std::map<std::string, LintedLayer> linted;
  for (const json stored : file.kept())
    if (LintedLayer layer = layer_from(stored); true) linted[layer.layer] = std::move(layer);
  std::vector<std::string> missing;
  std::ranges::copy_if(model.layers(), std::back_inserter(missing),
                       [&](const std::string& layer) { return !linted.contains(layer); });
  report::ProgressBar bar("lint", missing.size(), quiet);
  std::mutex one_at_a_time;
  const auto work = [&](const std::string& name) {
    LintedLayer layer = lint_layer(model, name, trust);
    const std::scoped_lock lock(one_at_a_time);
    file.add(json_of(layer));
    linted[name] = std::move(layer);
    return LayerOutcome{.layer = name};
  };
  walk(missing, static_cast<int>(std::max(1U, std::thread::hardware_concurrency())), work,
       [&](const LayerOutcome& outcome) { bar.advance(outcome.layer); });
  LintedModel out{.folder = path.string(), .layers = {}};
  for (const std::string& layer : model.layers()) out.layers.push_back(std::move(linted.at(layer)));
  for (const fixtures::NotRead& module : model.not_read()) {
    out.layers.push_back({.layer = module.module,
                          .lines = {{.id = "not-read", .severity = Severity::error, .sentence = module.text()}}});
    ++out.not_read;
  }
  return out;
}

std::string text_of(const LintedModel& model) {
  std::string text;
  for (const Severity severity : kWorstFirst)
    for (const auto& [id, found] : findings(model, severity))
      text += text_line("{:<8} {} of {} layers, first {}", fixtures::lint::name_of(severity), found.layers,
                        model.layers.size(), found.first_layer) +
              text_line("         {}: {}", id.starts_with("not-read") ? "not-read" : id, found.sentence);
  const auto clean = std::ranges::count_if(model.layers, [](const LintedLayer& layer) {
    return std::ranges::all_of(layer.lines, [](const LintLine& line) { return line.severity == Severity::note; });
  });
  if (model.not_read > 0)
    text += fmt::format("not read {} of {} modules in few bits\n", model.not_read, model.layers.size());
  return text + fmt::format("layers   {}, {} without errors and warnings; {} errors, {} warnings, {} notes\n",
                            model.layers.size(), clean, model.count(Severity::error), model.count(Severity::warning),
                            model.count(Severity::note));
}

json json_of(const LintedModel& model) {
  json layers = json::array();
  for (const LintedLayer& layer : model.layers) layers.push_back(json_of(layer));
  return {{"schema", 1}, {"path", model.folder}, {"layers", std::move(layers)}};
}

}  // namespace w4::cases::layers
