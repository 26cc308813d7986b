// SPDX-License-Identifier: Apache-2.0
#include "cases/search/toggles.h"

#include "cases/case/task.h"
#include "cases/faults/faults.h"
#include "cases/search/repack_search.h"
#include "fixtures/error.h"
#include "fixtures/half.h"
#include "fixtures/layer/codes.h"
#include "fixtures/text.h"
#include "kernel/lane_model/lane_model.h"

#include <array>
#include <functional>
#include <numeric>

namespace w4::cases::search {
namespace {

using repack::Recipe;

/// The permutation stages, and the variant of each that leaves it out.
struct Skip {
  const char* stage;
  const char* variant;
};
constexpr std::array<Skip, 4> kSkips = {{{"act_order", "gidx-ignored"},
                                         {"scale_order", "scale-perm-missing"},
                                         {"tiles", "untiled"},
                                         {"fragments", "identity"}}};

/// The layer with every zero point at 8.
void forget_zero_points(fixtures::Layer& layer) {
  layer.symmetric = true;
  if (layer.format != fixtures::Format::pair_packed) {
    layer.qzeros.reset();
    return;
  }
  const std::uint16_t eight = bits_of(kSymmetricZero, DType::bf16);
  const std::vector<std::uint16_t> cells(layer.qzeros->count(), eight);
  const Grid<std::uint16_t> grid(layer.groups(), layer.N, cells);
  layer.qzeros = fixtures::files::tensor_of(layer.qzeros->name, DType::bf16, grid);
}

struct DataToggles {
  Source source;
  int group;
  bool all_eight;
};

/// Runs cases of the path under test, toggled.
class Toggler {
 public:
  Toggler(const Options& options, const Recipe& planted) : options_(options), subject_(planted) {}

  /// `ways`: variants that replace the path's own.
  judge::Comparison outcome(const DataToggles& data, const Recipe& ways) const {
    Options options = options_;
    options.request.source = data.source;
    options.request.group = data.group;
    options.request.case_id.reset();
    Prepared prepared = prepare(options.request);
    if (data.all_eight) forget_zero_points(prepared.layer);
    return compared(prepared, options, ways);
  }

 private:
  judge::Comparison compared(const Prepared& prepared, const Options& options, const Recipe& ways) const {
    repack::Weights value = repack::weights_of(prepared.layer);
    for (const StageId stage : kRepackingStages) value = subject_.stage(stage, value, ways);
    const kernel::Task task = task_of(prepared, repack::packed_of(value), options);
    const judge::Expected expected = judge::expected_output(prepared.layer, prepared.A, rounding_of(prepared, task));
    return judge::compare(subject_.run(task, ways).C, expected, task.launch.fill);
  }

  const Options& options_;
  OwnPath subject_;
};

std::string outcome_text(const judge::Comparison& c) {
  if (c.right()) return fmt::format("right, max z {:.2f}", c.max_z);
  if (c.wrong > 0) return fmt::format("WRONG, {} of {}", c.wrong, c.count);
  return "WRONG, " + c.failed_gate;
}

ToggleRow row_of(const DataToggles& data, unsigned skipped) {
  ToggleRow row{.codes = real_codes(data.source) ? "real" : "random",
                .scales = real_scales(data.source) ? "real" : "random",
                .groups = fmt::format("{}", data.group),
                .zero_points = data.all_eight ? "all 8" : "stored",
                .stages = {},
                .outcome = ""};
  for (std::size_t i = 0; i < kSkips.size(); ++i) row.stages.emplace_back((skipped >> i & 1) != 0 ? "off" : "on");
  return row;
}

Recipe skipping(unsigned skipped) {
  Recipe ways;
  for (std::size_t i = 0; i < kSkips.size(); ++i)
    if ((skipped >> i & 1) != 0) ways[kSkips[i].stage] = kSkips[i].variant;
  return ways;
}

using Set = std::vector<std::size_t>;

/// All sets of the fewest of `count` things for which `holds`; sets of at most two are tried.
std::vector<Set> smallest_sets(std::size_t count, const std::function<bool(const Set&)>& holds) {
  std::vector<Set> found;
  for (std::size_t i = 0; i < count; ++i)
    if (holds({i})) found.push_back({i});
  for (std::size_t i = 0; found.empty() && i < count; ++i)
    for (std::size_t j = i + 1; j < count; ++j)
      if (holds({i, j})) found.push_back({i, j});
  return found;
}

/// A minimal subset of `all` for which `holds`: it fails without any one member. Empty when it does not hold for `all`.
Set shrunk(Set all, const std::function<bool(const Set&)>& holds) {
  if (!holds(all)) return {};
  for (std::size_t i = 0; i < all.size();) {
    Set fewer = all;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    if (holds(fewer))
      all = std::move(fewer);
    else
      ++i;
  }
  return all;
}

/// The smallest sets of `count` things; where two are not enough, one minimal set of the first `stages` of them.
std::vector<Set> sets_that(std::size_t count, std::size_t stages, const std::function<bool(const Set&)>& holds) {
  std::vector<Set> found = smallest_sets(count, holds);
  if (!found.empty()) return found;
  Set all(stages);
  std::iota(all.begin(), all.end(), std::size_t{0});
  const Set set = shrunk(all, holds);
  if (!set.empty()) found.push_back(set);
  return found;
}

/// One change to a failing run. The first ones put a stage right, in the order of the stages.
struct Switch {
  std::string name;
  std::function<void(DataToggles&, Recipe&)> flip;
};

std::vector<Switch> switches(const DataToggles& asked, bool asymmetric) {
  std::vector<Switch> all;
  for (const StageId id : kAllStages)
    all.push_back(
        {"put right " + name_of(id), [stage = name_of(id)](DataToggles&, Recipe& ways) { ways[stage] = "reference"; }});
  if (asked.group != -1)
    all.push_back({"group -1 (hides the fault: another layer)", [](DataToggles& data, Recipe&) { data.group = -1; }});
  if (asymmetric)
    all.push_back({"zero points all 8 (hides the fault: another layer)",
                   [](DataToggles& data, Recipe&) { data.all_eight = true; }});
  if (asked.source == Source::b || asked.source == Source::w)
    all.push_back({"random codes (hides the fault: another layer)",
                   [](DataToggles& data, Recipe&) { data.source = data.source == Source::b ? Source::s : Source::r; }});
  if (asked.source == Source::b || asked.source == Source::s)
    all.push_back({"random scales (hides the fault: another layer)",
                   [](DataToggles& data, Recipe&) { data.source = data.source == Source::b ? Source::w : Source::r; }});
  return all;
}

template <class NameOf>
std::vector<std::string> described(const std::vector<Set>& sets, const NameOf& name_of_one) {
  std::vector<std::string> lines;
  for (const Set& set : sets) {
    std::string line;
    for (const std::size_t i : set) line += (line.empty() ? "" : " and ") + name_of_one(i);
    lines.push_back(std::move(line));
  }
  return lines;
}

class Table {
 public:
  Table(const Options& options, const Recipe& planted, const Progress& progress)
      : options_(options), step_(progress), toggler_(options, planted) {}

  ToggleTable make() {
    add_data_rows();
    add_stage_rows();
    find_sets();
    return std::move(table_);
  }

 private:
  void add(const DataToggles& data, unsigned skipped) {
    ToggleRow row = row_of(data, skipped);
    step_(fmt::format("row {}", table_.rows.size() + 1));
    try {
      const judge::Comparison c = toggler_.outcome(data, skipping(skipped));
      row.right = c.right();
      row.outcome = outcome_text(c);
    } catch (const Error& error) {
      row.outcome = std::string("cannot be tested: ") + error.what();
    }
    table_.rows.push_back(std::move(row));
  }

  void add_data_rows() {
    const std::vector<int> groups =
        options_.request.group == -1 ? std::vector{-1} : std::vector{options_.request.group, -1};
    const bool random_only = options_.request.fixture.empty() && options_.request.shape.has_value();
    for (const Source source : {Source::b, Source::w, Source::s, Source::r}) {
      if (random_only && source != Source::r) continue;
      for (const int group : groups)
        for (const bool all_eight : {false, true}) add({source, group, all_eight}, 0);
    }
  }

  void add_stage_rows() {
    for (unsigned skipped = 1; skipped < 1u << kSkips.size(); ++skipped) add(asked(), skipped);
  }

  void find_sets() {
    table_.fails = !toggler_.outcome(asked(), {}).right();
    if (!table_.fails) return;
    step_("smallest sets");
    const std::vector<Switch> all = switches(asked(), !prepare(options_.request).layer.symmetric);
    table_.turns_off =
        described(sets_that(all.size(), kAllStages.size(), [&](const Set& set) { return right_with(all, set); }),
                  [&](std::size_t i) { return all[i].name; });
    table_.turns_on =
        described(sets_that(kAllStages.size(), kAllStages.size(), [&](const Set& set) { return wrong_with_only(set); }),
                  [](std::size_t i) { return name_of(kAllStages[i]); });
  }

  bool right_with(const std::vector<Switch>& all, const Set& set) const {
    DataToggles data = asked();
    Recipe ways;
    for (const std::size_t i : set) all[i].flip(data, ways);
    return toggler_.outcome(data, ways).right();
  }

  /// The known-good path with this path's variants in the stages of `set` alone.
  bool wrong_with_only(const Set& set) const {
    Recipe ways;
    for (const StageId stage : kAllStages) ways[name_of(stage)] = "reference";
    for (const std::size_t i : set) ways.erase(name_of(kAllStages[i]));
    return !toggler_.outcome(asked(), ways).right();
  }

  DataToggles asked() const { return {options_.request.source, options_.request.group, false}; }

  const Options& options_;
  const Progress& step_;
  Toggler toggler_;
  ToggleTable table_;
};

}  // namespace

ToggleTable toggle(const Options& options, const Recipe& planted, const Progress& progress) {
  return Table(options, planted, progress).make();
}

std::string text_of(const ToggleTable& table, const report::Report& report, const Options& options) {
  std::string text = fmt::format("{:<8}{:<8}{:<8}{:<13}{:<11}{:<13}{:<8}{:<11}{}\n", "codes", "scales", "group",
                                 "zero points", "act_order", "scale_order", "tiles", "fragments", "outcome");
  for (const ToggleRow& row : table.rows)
    text += text_line("{:<8}{:<8}{:<8}{:<13}{:<11}{:<13}{:<8}{:<11}{}", row.codes, row.scales, row.groups,
                      row.zero_points, row.stages[0], row.stages[1], row.stages[2], row.stages[3], row.outcome);
  text += "\n";
  const auto add_sets = [&](const char* label, const std::vector<std::string>& sets) {
    if (sets.empty()) text += fmt::format("{:<14}nothing\n", label);
    for (std::size_t i = 0; i < sets.size(); ++i) text += fmt::format("{:<14}{}\n", i == 0 ? label : "or", sets[i]);
  };
  if (table.fails) {
    add_sets("turns it off", table.turns_off);
    add_sets("turns it on", table.turns_on);
  } else {
    text += "the output as asked is right; each wrong row shows what its change does\n";
  }
  for (const report::Culprit& culprit : report.culprits)
    text += text_line("{:<14}{} in stage {}", "bisect names", culprit.fault, culprit.stage);
  if (report.verdict == report::Verdict::cannot_test) text += text_line("cannot-test   {}", report.reason);
  return text + text_line("{}", command_line(options));
}

}  // namespace w4::cases::search
