// SPDX-License-Identifier: Apache-2.0
#include "cases/toggles.h"

#include "cases/faults.h"
#include "cases/repack_search.h"
#include "fixtures/codes.h"
#include "fixtures/error.h"
#include "kernel/lane_model.h"

#include <array>
#include <functional>

namespace w4::cases {
namespace {

using repack::Recipe;

/// The permutation stages, and the way of each that leaves it out.
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
  layer.qzeros = fixtures::tensor_of(layer.qzeros->name, DType::bf16, grid);
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

  /// `ways`: stages done otherwise than the path does them.
  Comparison outcome(const DataToggles& data, const Recipe& ways) const {
    Options options = options_;
    options.source = data.source;
    options.group = data.group;
    options.case_id.reset();
    Prepared prepared = prepare(options);
    if (data.all_eight) forget_zero_points(prepared.layer);
    return compared(prepared, options, ways);
  }

 private:
  Comparison compared(const Prepared& prepared, const Options& options, const Recipe& ways) const {
    repack::Weights value = repack::weights_of(prepared.layer);
    for (int stage = 0; stage < kRepackStages; ++stage) value = subject_.stage(stage, value, ways);
    const kernel::Task task = task_of(prepared, repack::packed_of(value), options);
    const Expected expected = expected_output(prepared.layer, prepared.A, rounding_of(prepared, task));
    return compare(subject_.run(task, ways).C, expected, task.launch.fill);
  }

  const Options& options_;
  Subject subject_;
};

std::string outcome_text(const Comparison& c) {
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

/// The smallest set of indices below `count`, in order of size and then of index, for which `holds`; at most three.
std::vector<int> smallest_set(int count, const std::function<bool(const std::vector<int>&)>& holds) {
  for (int size = 1; size <= 3; ++size) {
    std::vector<int> set(static_cast<std::size_t>(size));
    const std::function<bool(int, int)> extend = [&](int position, int from) -> bool {
      if (position == size) return holds(set);
      for (int i = from; i < count; ++i) {
        set[static_cast<std::size_t>(position)] = i;
        if (extend(position + 1, i + 1)) return true;
      }
      return false;
    };
    if (extend(0, 0)) return set;
  }
  return {};
}

Recipe put_right(const std::vector<int>& stages) {
  Recipe recipe;
  for (const int stage : stages) recipe[stage_ids()[static_cast<std::size_t>(stage)]] = "reference";
  return recipe;
}

Recipe put_right_all_but(const std::vector<int>& stages) {
  Recipe recipe;
  for (const std::string& stage : stage_ids()) recipe[stage] = "reference";
  for (const int stage : stages) recipe.erase(stage_ids()[static_cast<std::size_t>(stage)]);
  return recipe;
}

std::vector<std::string> named(const std::vector<int>& stages) {
  std::vector<std::string> names;
  for (const int stage : stages) names.push_back(stage_ids()[static_cast<std::size_t>(stage)]);
  return names;
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
      const Comparison c = toggler_.outcome(data, skipping(skipped));
      row.right = c.right();
      row.outcome = outcome_text(c);
    } catch (const Error& error) {
      row.outcome = std::string("cannot be tested: ") + error.what();
    }
    table_.rows.push_back(std::move(row));
  }

  void add_data_rows() {
    const std::vector<int> groups = options_.group == -1 ? std::vector{-1} : std::vector{options_.group, -1};
    const bool random_only = options_.fixture.empty() && options_.shape.has_value();
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
    const int stages = static_cast<int>(stage_ids().size());
    table_.fails = !toggler_.outcome(asked(), {}).right();
    if (!table_.fails) return;
    step_("smallest sets");
    table_.turns_off = named(smallest_set(
        stages, [&](const auto& set) { return toggler_.outcome(asked(), put_right(set)).right(); }));
    table_.turns_on = named(smallest_set(
        stages, [&](const auto& set) { return !toggler_.outcome(asked(), put_right_all_but(set)).right(); }));
  }

  DataToggles asked() const { return {options_.source, options_.group, false}; }

  const Options& options_;
  const Progress& step_;
  Toggler toggler_;
  ToggleTable table_;
};

}  // namespace

ToggleTable toggle(const Options& options, const Recipe& planted, const Progress& progress) {
  return Table(options, planted, progress).make();
}

std::string text_of(const ToggleTable& table, const Options& options) {
  std::string text = fmt::format("{:<8}{:<8}{:<8}{:<13}{:<11}{:<13}{:<8}{:<11}{}\n", "codes", "scales", "group", "zero points",
                                 "act_order", "scale_order", "tiles", "fragments", "outcome");
  for (const ToggleRow& row : table.rows)
    text += fmt::format("{:<8}{:<8}{:<8}{:<13}{:<11}{:<13}{:<8}{:<11}{}\n", row.codes, row.scales, row.groups, row.zero_points,
                        row.stages[0], row.stages[1], row.stages[2], row.stages[3], row.outcome);
  text += "\n";
  const auto set = [](const std::vector<std::string>& names) {
    return names.empty() ? std::string("none of up to three stages") : fmt::format("{}", fmt::join(names, ", "));
  };
  if (table.fails) {
    text += "turns it off: put right " + set(table.turns_off) + "\n";
    text += "turns it on:  the known-good path with this path's " + set(table.turns_on) + "\n";
  } else {
    text += "the path as asked is right; each row that is not shows what leaving that out does\n";
  }
  return text + command_line(options) + "\n";
}

}  // namespace w4::cases
