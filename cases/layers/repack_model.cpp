// SPDX-License-Identifier: Apache-2.0
#include "cases/layers/repack_model.h"

#include "cases/layers/layer_diff.h"
#include "cases/layers/packed_folder.h"
#include "cases/report/progress_bar.h"
#include "fixtures/error.h"
#include "fixtures/files/checksum.h"
#include "fixtures/files/container.h"
#include "fixtures/files/mapped_file.h"
#include "fixtures/files/safetensors.h"
#include "fixtures/files/write_beside.h"
#include "fixtures/lint/lint_file.h"
#include "fixtures/stopwatch.h"
#include "fixtures/text.h"
#include "repack/layer_file.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <map>
#include <numeric>
#include <thread>

namespace w4::cases::layers {
namespace {

namespace fs = std::filesystem;
using fixtures::Layer;
using fixtures::Model;
using fixtures::files::Container;
using Kind = LayerOutcome::Kind;

/// Bytes of memory for each mapped byte of a layer at work: codes as bytes, reordered rows, words, and the same again
/// for the verification.
constexpr std::uint64_t kMemoryPerByte = 12;

std::uint64_t bytes_in(const Container& container) {
  std::uint64_t bytes = 0;
  for (const auto& [name, tensor] : container.tensors) bytes += tensor.bytes();
  return bytes;
}

/// From the headers alone. A layer that cannot be read counts 0; the error is reported when its turn comes.
std::uint64_t largest(const Model& model, const std::vector<std::string>& layers) {
  std::uint64_t most = 0;
  for (const std::string& layer : layers) try {
      most = std::max(most, bytes_in(model.container_of(layer)));
    } catch (const Error&) {
    }
  return most;
}

int layers_at_once(const RepackModelOptions& options, std::uint64_t largest_bytes) {
  const int jobs = options.jobs > 0 ? options.jobs : static_cast<int>(std::thread::hardware_concurrency());
  const std::uint64_t fit = options.memory_bytes / std::max<std::uint64_t>(1, largest_bytes * kMemoryPerByte);
  return static_cast<int>(std::clamp<std::uint64_t>(fit, 1, static_cast<std::uint64_t>(std::max(1, jobs))));
}

Container named(Container container, const std::string& layer) {
  Container out;
  out.manifest = std::move(container.manifest);
  for (auto& [name, tensor] : container.tensors) out.tensors[layer + "." + name] = std::move(tensor);
  return out;
}

/// The first difference between a layer and its unpacked file; empty: none.
std::string verified(const Layer& layer, const fs::path& file) {
  return difference(
      repack::layer_from(fixtures::files::parse_safetensors(fixtures::files::map_file(file)), layer.name).layer, layer);
}

/// A file that fails the comparison is not kept.
std::string write_layer(const Layer& layer, const fs::path& target, bool verify) {
  Container packed = named(repack::container_of(repack::repack(layer), layer), layer.name);
  fixtures::files::add_checksums(packed);
  std::string differs;
  struct Refused {};
  try {
    fixtures::files::write_beside(target, [&](const fs::path& temporary) {
      fixtures::files::write_safetensors(packed, temporary);
      if (verify) differs = verified(layer, temporary);
      if (!differs.empty()) throw Refused{};
    });
  } catch (const Refused&) {
  }
  return differs;
}

LayerOutcome repack_layer(const Model& model, const PackedFolder& folder, const std::string& name,
                          const RepackModelOptions& options) {
  const bool verify = options.verify;
  LayerOutcome outcome{.layer = name};
  const fs::path target = folder.file_of(name);
  const bool there = folder.holds(name);
  if (there) outcome.kind = Kind::kept;
  if (!there && fs::remove(target)) outcome.remarks.emplace_back("its file did not hold what was written: made anew");
  const Container stored = model.container_of(name, options.trust);
  outcome.bytes = bytes_in(stored);
  const fixtures::LayerFile file = repack::trusted_layer_from(stored, name, options.trust);
  const Layer& layer = file.layer;
  for (const fixtures::LayerFile::Remark& remark : file.remarks) outcome.remarks.push_back(remark.sentence);
  for (const fixtures::lint::LintLine& line : fixtures::lint::lint_read(stored, file))
    if (fixtures::lint::doubts_layer(line)) outcome.doubts.push_back(line.sentence);
  if (!there) outcome.reason = write_layer(layer, target, verify);
  if (there && verify) outcome.reason = verified(layer, target);
  if (!outcome.reason.empty()) outcome.kind = Kind::differs;
  return outcome;
}

std::string seconds_text(const RepackedModel& repacked) {
  const double gigabytes = static_cast<double>(repacked.bytes()) * 1e-9;
  return fmt::format("{:.2f} GB in {:.2f} s: {:.2f} GB/s, {} at once", gigabytes, repacked.seconds,
                     gigabytes / std::max(repacked.seconds, 1e-9), repacked.at_once);
}

std::string_view name_of(Kind kind) {
  constexpr std::string_view kNames[] = {"repacked", "kept", "cannot", "bad input", "differs"};
  return kNames[static_cast<int>(kind)];
}

/// Each sentence once, with the number of layers that it is true of and the first of them.
std::string counted(const char* what, const RepackedModel& repacked, std::vector<std::string> LayerOutcome::*of) {
  std::map<std::string, std::pair<int, std::string>> found;
  for (const LayerOutcome& outcome : repacked.layers)
    for (const std::string& sentence : outcome.*of) ++found.try_emplace(sentence, 0, outcome.layer).first->second.first;
  std::string text;
  for (const auto& [sentence, layers] : found)
    text += text_line("{:<10} {} of {} layers, first {}: {}", what, layers.first, repacked.layers.size(), layers.second,
                      sentence);
  return text;
}

}  // namespace

int RepackedModel::count(LayerOutcome::Kind kind) const {
  return static_cast<int>(
      std::count_if(layers.begin(), layers.end(), [&](const LayerOutcome& outcome) { return outcome.kind == kind; }));
}

std::uint64_t RepackedModel::bytes() const {
  return std::accumulate(layers.begin(), layers.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const LayerOutcome& outcome) { return sum + outcome.bytes; });
}

int RepackedModel::exit_code() const {
  if (count(Kind::differs) > 0) return kMismatch;
  if (count(Kind::bad_input) > 0) return kBadInput;
  return count(Kind::cannot) > 0 ? kCannotTest : kMatch;
}

RepackedModel repack_model(const RepackModelOptions& options) {
  const Model model(options.model);
  if (model.layers().empty()) model.layer_called("");  // throws: nothing of it is read
  std::vector<std::string> layers = model.layers();
  std::map<std::string, std::string> others;  // modules that are not read, and why
  for (const fixtures::NotRead& module : model.not_read())
    if (others.emplace(module.module, module.text()).second) layers.push_back(module.module);
  layers = layers_like(layers, options.layers);
  const auto behind = std::stable_partition(layers.begin(), layers.end(),
                                            [&](const std::string& layer) { return !others.contains(layer); });
  const std::vector<std::string> not_read(behind, layers.end());
  layers.erase(behind, layers.end());
  const PackedFolder folder(options.output, model, options.trust);
  RepackedModel repacked;
  repacked.began_anew = folder.was_torn();
  repacked.at_once = layers_at_once(options, largest(model, layers));
  const Stopwatch watch;
  {
    report::ProgressBar bar("repack", layers.size(), options.quiet);
    repacked.layers = walk(
        layers, repacked.at_once, [&](const std::string& layer) { return repack_layer(model, folder, layer, options); },
        [&](const LayerOutcome& outcome) { bar.advance(outcome.layer); });
  }
  for (const std::string& module : not_read)
    repacked.layers.push_back({.layer = module, .kind = Kind::cannot, .reason = others.at(module)});
  std::vector<std::string> there;
  for (const std::string& layer : model.layers())
    if (std::error_code ignored; fs::exists(options.output / (layer + ".safetensors"), ignored)) there.push_back(layer);
  if (!there.empty()) folder.write_index(there);
  repacked.seconds = watch.seconds();
  return repacked;
}

std::string text_of(const RepackedModel& repacked, const RepackModelOptions& options) {
  std::string text;
  for (const LayerOutcome& outcome : repacked.layers)
    if (!outcome.reason.empty())
      text += text_line("{:<10} {}: {}", name_of(outcome.kind), outcome.layer, outcome.reason);
  text += counted("looks wrong", repacked, &LayerOutcome::doubts);
  text += counted("note", repacked, &LayerOutcome::remarks);
  if (repacked.began_anew) text += "note       repack.json could not be read: all layers are made anew\n";
  text += fmt::format("layers     {}", repacked.layers.size());
  for (const Kind kind : {Kind::done, Kind::kept, Kind::cannot, Kind::bad_input, Kind::differs})
    if (repacked.count(kind) > 0) text += fmt::format(", {} {}", repacked.count(kind), name_of(kind));
  if (options.verify) text += "; each undone and compared bit for bit";
  return text + fmt::format("\nread       {}\n", seconds_text(repacked));
}

nlohmann::json json_of(const RepackedModel& repacked, const RepackModelOptions& options) {
  nlohmann::json layers = nlohmann::json::array();
  for (const LayerOutcome& outcome : repacked.layers) {
    nlohmann::json line = {{"layer", outcome.layer}, {"outcome", name_of(outcome.kind)}, {"bytes", outcome.bytes}};
    if (!outcome.reason.empty()) line["reason"] = outcome.reason;
    if (!outcome.remarks.empty()) line["notes"] = outcome.remarks;
    if (!outcome.doubts.empty()) line["looks_wrong"] = outcome.doubts;
    layers.push_back(line);
  }
  return {{"schema", 1},
          {"model", options.model.string()},
          {"output", options.output.string()},
          {"verified", options.verify},
          {"layers", layers},
          {"seconds", repacked.seconds}};
}

}  // namespace w4::cases::layers
