// SPDX-License-Identifier: Apache-2.0
#include "cases/check/check_layers.h"

#include "cases/ask.h"
#include "cases/case/prepare.h"
#include "cases/case/task.h"
#include "cases/faults/faults.h"
#include "cases/layers/each_layer.h"
#include "cases/layers/lint_model.h"
#include "cases/search/examine.h"
#include "fixtures/error.h"
#include "fixtures/layer/model.h"
#include "fixtures/lint/lint_file.h"
#include "fixtures/stopwatch.h"
#include "repack/packed.h"

#include <algorithm>
#include <chrono>
#include <memory>

namespace w4::cases::check {
namespace {

using fixtures::Model;
using fixtures::files::Container;
using fixtures::lint::LintLine;
using fixtures::lint::Severity;

/// bisect's report on one prepared layer, with the command that asks for it again.
report::Report searched(Options options, const Prepared& prepared, const std::string& layer,
                        const search::Progress& progress) {
  options.request.layer = layer;
  options.request.group = prepared.id.group;
  const Stopwatch watch;
  report::Report report = report_on(prepared, options, progress);
  report.seconds = watch.seconds();
  return report;
}

/// The path under test, opened once for all layers.
class Subject {
 public:
  explicit Subject(const Options& options) : options_(options) {
    if (const std::string spec = kernel_spec(options.asked); !spec.empty())
      kernel_ = kernel::child::open_kernel(spec, std::chrono::seconds(options.effort.timeout_seconds));
  }

  std::string name() const {
    if (const auto* packed = std::get_if<asked::PackedTensors>(&options_.asked))
      return "tensors of " + packed->file.string();
    return kernel_ ? kernel_->name() : "this project's repack and lane model";
  }

  /// Why its output is not right; empty: it is. Throws CannotTest for a layer that it declines.
  std::string reason_on(const Prepared& prepared, const std::string& layer, const search::Progress& progress) {
    if (std::holds_alternative<asked::PackedTensors>(options_.asked))
      return reason_of_packed(prepared, layer, progress);
    if (!kernel_) return search::examine(prepared, OwnPath({}), options_, true, progress).reason;
    const Prepared taken = for_kernel(prepared, kernel_->takes_bias());
    const kernel::Task task = task_of(taken, repack::repack(taken.layer), options_);
    return search::examine(*kernel_, taken, options_, task, progress).reason;
  }

  /// Of packed tensors, once reason_on() was asked.
  const std::optional<report::Report>& report() const { return report_; }

 private:
  /// bisect alone undoes them.
  std::string reason_of_packed(const Prepared& prepared, const std::string& layer, const search::Progress& progress) {
    report_ = searched(options_, prepared, layer, progress);
    if (report_->verdict == report::Verdict::match) return "";
    return report_->reason.empty() ? report_->culprits.at(0).fault : report_->reason;
  }

  const Options& options_;
  std::unique_ptr<kernel::child::ForeignKernel> kernel_;
  std::optional<report::Report> report_;
};

/// The layers of a path, and each one's tensors.
class Layers {
 public:
  explicit Layers(const CaseRequest& request)
      : path_(fixture_path(request)), fetched_(request.layer), trust_(request.trust) {
    if (!std::filesystem::exists(path_)) throw InputError("{}: no such file or folder", path_.string());
    if (fixtures::is_model(path_)) model_ = std::make_unique<Model>(path_);
  }

  /// A fixture holds one, which is not named; of a hub's model there is the one that was fetched.
  std::vector<std::string> names(const std::vector<std::string>& patterns) const {
    if (!fetched_.empty()) return {fetched_};
    if (model_) return layers::layers_like(model_->layers(), patterns);
    if (!patterns.empty()) throw InputError("{}: --layer is for a model, and this is one layer", path_.string());
    return {""};
  }

  Container container_of(const std::string& layer) const {
    return model_ ? model_->container_of(layer, trust_) : fixtures::read_container_with(path_, layer, trust_);
  }

  std::vector<fixtures::NotRead> not_read() const {
    return model_ ? model_->not_read() : std::vector<fixtures::NotRead>{};
  }

 private:
  std::filesystem::path path_;
  std::string fetched_;
  fixtures::Trust trust_;
  std::unique_ptr<Model> model_;
};

/// What lint says of a layer that a reader refuses.
std::vector<LintLine> lint_of_refused(const Container& container, const std::string& layer) {
  try {
    std::vector<LintLine> lines = layers::linted(container, layer).lines;
    std::erase_if(lines, [](const LintLine& line) { return line.severity != Severity::error; });
    return lines;
  } catch (const Error&) {
    return {};
  }
}

void note_doubts(CheckedLayer& checked, std::vector<LintLine> doubts) {
  checked.lint = std::move(doubts);
  if (checked.lint.empty()) return;
  checked.reason = checked.lint[0].sentence;
  checked.cure = fixtures::lint::cure_of(checked.lint[0]);
}

std::string shape_of(const fixtures::Layer& layer) {
  return fmt::format("K={} N={} {}", layer.K, layer.N,
                     layer.group_size == layer.K ? "one group" : fmt::format("group {}", layer.group_size));
}

/// The outcome of one layer that can be read, and the case it makes.
void examine_layer(Subject& subject, const Prepared& prepared, const search::Progress& progress,
                   CheckedLayer& checked) {
  checked.finding = Finding::match;
  checked.case_id = prepared.id.text();
  checked.shape = shape_of(prepared.layer);
  note_doubts(checked, prepared.doubts);
  if (const std::string reason = subject.reason_on(prepared, checked.layer, progress); !reason.empty()) {
    checked.finding = Finding::mismatch;
    checked.reason = reason;
  } else if (!checked.lint.empty()) {
    checked.finding = Finding::looks_wrong;
  }
}

/// The case that a layer makes; nothing where it cannot be read, and the reason is in `checked`.
std::optional<Prepared> prepared_layer(const Layers& layers, const CaseRequest& request, CheckedLayer& checked) {
  checked.finding = Finding::unreadable;
  try {
    const Container container = layers.container_of(checked.layer);
    try {
      return prepare(container, request);
    } catch (const InputError&) {
      note_doubts(checked, lint_of_refused(container, checked.layer));
      if (checked.lint.empty()) throw;
    }
  } catch (const InputError& error) {
    checked.reason = error.what();
  }
  return std::nullopt;
}

CheckedLayer check_layer(const Layers& layers, const std::string& layer, Subject& subject, const CaseRequest& request,
                         const search::Progress& progress) {
  CheckedLayer checked{.layer = layer};
  try {
    if (const std::optional<Prepared> prepared = prepared_layer(layers, request, checked))
      examine_layer(subject, *prepared, progress, checked);
  } catch (const kernel::child::CannotStart&) {
    throw;  // of no layer
  } catch (const CannotTest& error) {
    checked.finding = Finding::cannot_test;
    checked.reason = error.what();
  } catch (const kernel::child::UnreadableAnswer& error) {
    checked.finding = Finding::mismatch;
    checked.reason = error.what();
  }
  return checked;
}

/// The layer that is told first: a mismatch on a sound layer says most about the path.
std::optional<std::size_t> first_of(const std::vector<CheckedLayer>& layers) {
  const auto find = [&](auto fits) -> std::optional<std::size_t> {
    const auto at = std::ranges::find_if(layers, fits);
    if (at == layers.end()) return std::nullopt;
    return static_cast<std::size_t>(at - layers.begin());
  };
  const auto is = [](Finding finding) {
    return [finding](const CheckedLayer& each) { return each.finding == finding; };
  };
  std::optional<std::size_t> first =
      find([](const CheckedLayer& each) { return each.finding == Finding::mismatch && each.lint.empty(); });
  for (const Finding finding : {Finding::mismatch, Finding::unreadable, Finding::looks_wrong, Finding::cannot_test})
    if (!first) first = find(is(finding));
  return first;
}

}  // namespace

Checked check_layers(const Question& question, const Told& told, const search::Progress& progress) {
  const CaseRequest& request = question.options.request;
  const Layers layers(request);
  const std::vector<std::string> names = layers.names(question.patterns);
  if (std::holds_alternative<asked::PackedTensors>(question.options.asked) && names.size() != 1)
    throw InputError("{} has {} layers, and --packed the tensors of one: --layer NAME says which",
                     request.fixture.string(), names.size());
  Subject subject(question.options);
  Checked checked{.path = request.fixture.string(), .kernel = subject.name(), .layers = {}};
  const std::vector<fixtures::NotRead> not_read =
      question.patterns.empty() ? layers.not_read() : std::vector<fixtures::NotRead>{};
  const auto add = [&](CheckedLayer layer) {
    checked.layers.push_back(std::move(layer));
    told(checked.layers.back(), names.size() + not_read.size());
  };
  for (const std::string& layer : names) {
    progress(layer);
    add(check_layer(layers, layer, subject, request, progress));
  }
  for (const fixtures::NotRead& module : not_read)
    add({.layer = module.module, .finding = Finding::unreadable, .reason = module.text()});
  checked.first = first_of(checked.layers);
  if (!checked.first || checked.layers[*checked.first].finding != Finding::mismatch) return checked;
  const std::string& first = checked.layers[*checked.first].layer;
  checked.searched = subject.report();
  if (!checked.searched)
    checked.searched = searched(question.options, prepare(layers.container_of(first), request), first, progress);
  return checked;
}

}  // namespace w4::cases::check
