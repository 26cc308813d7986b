// SPDX-License-Identifier: Apache-2.0
#include "cases/explain/explain_report.h"
#include "cases/report/schema.h"

#include <nlohmann/json.hpp>

#include <cmath>

namespace w4::cases::explain {
namespace {

using nlohmann::ordered_json;

/// JSON has no NaN and no infinity: they become null.
ordered_json number(double value) { return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr); }

/// The origin of a part: null when unknown or not in the layer.
ordered_json json_of(const std::optional<Cell>& cell, const char* row) {
  return cell ? ordered_json{{row, cell->row}, {"n", cell->n}} : ordered_json(nullptr);
}

ordered_json json_of(const Place& place, bool stores_zeros) {
  ordered_json zero = nullptr;
  if (stores_zeros) zero = {place.group, place.zero_column, place.zero_slot};
  return {{"row", place.row},
          {"word", {place.word_row, place.word_column}},
          {"slot", place.slot},
          {"tile", {place.tile_k, place.tile_n}},
          {"lane", place.lane},
          {"fragment", place.fragment},
          {"mma", place.mma},
          {"register", place.element / 2},
          {"half", place.element % 2},
          {"scale", {place.group, place.scale_place}},
          {"zero", zero}};
}

ordered_json json_of(const kernel::lane_model::Spot& loader) {
  return {{"thread_block", loader.slice.thread_block},
          {"slice", loader.slice.index},
          {"block_tile", {loader.slice.column, loader.k_tile}},
          {"subtile", loader.subtile},
          {"strip", loader.strip},
          {"warp", loader.warp}};
}

ordered_json loaders_of(const Trace& trace, const Place& place) {
  ordered_json out = ordered_json::array();
  const int only = trace.question.row / kernel::lane_model::kProblemRows;
  for (int problem = 0; problem < trace.plan.problems; ++problem)
    if (trace.question.weight || problem == only)
      out.push_back(json_of(kernel::lane_model::spot_of(trace.plan, problem, place.row, place.n)));
  return out;
}

ordered_json json_of(const Trace& trace, const Term& term) {
  ordered_json out = {{"k", term.k}, {"right", term.right()}, {"again", term.again}};
  if (!trace.question.weight) out["a"] = number(term.a);
  out["expected"] = {{"weight", number(term.wanted_weight())},
                     {"code", term.want.code},
                     {"zero", term.want.zero},
                     {"scale", number(term.want.scale)},
                     {"group", term.want.group}};
  if (!term.place) return out;
  out["used"] = {{"weight", number(term.used_weight())},
                 {"code", term.used.code},
                 {"zero", term.used.zero},
                 {"scale", number(term.used.scale)},
                 {"group", term.place->group}};
  if (!term.right() && trace.traced)
    out["from"] = {{"code", json_of(term.from.code, "k")},
                   {"zero", json_of(term.from.zero, "group")},
                   {"scale", json_of(term.from.scale, "group")}};
  out["in_registers"] = term.in_registers;
  out["place"] = json_of(*term.place, trace.stores_zeros);
  out["loaded_by"] = loaders_of(trace, *term.place);
  out["why"] = sentences_of(trace, term);
  return out;
}

ordered_json json_of(const SliceLine& line) {
  return {{"slice", line.slice.index},
          {"thread_block", line.slice.thread_block},
          {"stripe", {line.stripe_begin, line.stripe_end}},
          {"k", {line.k_begin, line.k_end}},
          {"expected", number(line.want)},
          {"used", line.used ? number(*line.used) : ordered_json(nullptr)},
          {"right", line.right}};
}

ordered_json json_of(const OutputLine& line) {
  return {{"expected", number(line.want)}, {"used", line.missing.empty() ? number(line.used) : ordered_json(nullptr)},
          {"missing", line.missing},       {"bound", number(line.error.bound)},
          {"z", number(line.error.z)},     {"bias", number(line.bias)}};
}

}  // namespace

ordered_json json_of(const Trace& trace) {
  ordered_json out = {{"schema", report::kExplainSchema},
                      {"question", trace.question.weight ? "weight" : "output"},
                      {trace.question.weight ? "k" : "m", trace.question.row},
                      {"n", trace.question.n},
                      {"case", trace.case_id},
                      {"fixture", trace.fixture},
                      {"path", trace.path},
                      {"kernel", trace.kernel},
                      {"notes", trace.notes},
                      {"verdict", trace.right() ? "match" : "mismatch"}};
  if (trace.output) {
    out["output"] = json_of(*trace.output);
    out["slices"] = ordered_json::array();
    for (const SliceLine& line : trace.slices) out["slices"].push_back(json_of(line));
  }
  out["terms"] = ordered_json::array();
  for (const std::size_t i : trace.shown) out["terms"].push_back(json_of(trace, trace.terms[i]));
  out["count"] = {{"terms", trace.terms.size()},
                  {"wrong", trace.wrong},
                  {"wrong_same_weight", trace.wrong_same},
                  {"misread", trace.misread}};
  out["bisect"] = trace.bisect;
  out["rerun"] = trace.rerun;
  if (!trace.made.empty()) out["made"] = trace.made;
  return out;
}

}  // namespace w4::cases::explain
