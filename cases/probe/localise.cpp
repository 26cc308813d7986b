// SPDX-License-Identifier: Apache-2.0
#include "cases/probe/localise.h"

#include "cases/probe/finding.h"
#include "cases/probe/region.h"
#include "fixtures/half.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace w4::cases::probe {
namespace {

const std::set<StageId> kOfAddend = {StageId::launch, StageId::pipeline, StageId::reduce, StageId::epilogue};
const std::set<StageId> kOfSums = {StageId::launch, StageId::pipeline, StageId::multiply, StageId::reduce,
                                   StageId::epilogue};

/// What the probe whose products are all zero shows instead of the bias.
struct Addend {
  std::vector<bool> wrong = {};  // (M, N)
  std::string text = {};         // empty: it is right
};

Addend wrong_addend(Evidence& evidence) {
  for (int i = 0; i < evidence.size(); ++i) {
    const Probe& probe = evidence.probe(i);
    if (probe.kind != &probe_kind("bias") || evidence.agrees({}, i)) continue;
    const Grid<std::uint16_t>&got = evidence.answer(i).C, &right = evidence.right(i).C;
    const DType dtype = probe.question.layer->dtype;
    Addend addend{.wrong = std::vector<bool>(got.size())};
    for (std::size_t at = 0; at < got.size(); ++at)
      addend.wrong[at] =
          got[at] != probe.question.launch.fill && std::isfinite(value_of(got[at], dtype)) && got[at] != right[at];
    const auto first = static_cast<std::size_t>(std::ranges::find(addend.wrong, true) - addend.wrong.begin());
    if (first == got.size()) continue;
    addend.text = fmt::format(
        "all products are zero, but {} of {} outputs are not the bias, at {}: the first is {:g}, right is {:g}",
        std::ranges::count(addend.wrong, true), got.size(),
        text_of_region(addend.wrong, got.cols(), "m", "n", "outputs"), value_of(got[first], dtype),
        value_of(right[first], dtype));
    return addend;
  }
  return {};
}

/// Whether the bias is left out too: then no stage can be told from zeros.
bool writes_zeros(Evidence& evidence) {
  for (int i = 0; i < evidence.size(); ++i)
    if (evidence.probe(i).kind == &probe_kind("bias"))
      return std::ranges::all_of(evidence.answer(i).C.cells(), [&](std::uint16_t bits) {
        return value_of(bits, evidence.probe(i).question.layer->dtype) == 0;
      });
  return false;
}

/// Probes showed right weights; those of the layer itself may still be wrong.
Finding wrong_weights_or_sums(const fixtures::Layer& layer, const Readings& read) {
  const double unit = layer.dtype == DType::bf16 ? 0x1p-8 : 0x1p-11;
  std::vector<bool> wrong(read.weights.weights.size());
  for (int r = 0; r < read.weights.rows; ++r) {
    const int k = read.ks[static_cast<std::size_t>(r)];
    const std::vector<double> right = judge::expected_weights(layer, k, k + 1);
    for (int n = 0; n < layer.N; ++n) {
      const double want = right[static_cast<std::size_t>(n)], got = read.weights.at(r, n);
      if (std::isnan(got)) continue;  // no evidence
      const double rounding = unit * (std::abs(want) + 2 * read.outputs.largest_at_rest) + 0x1p-24;
      wrong[static_cast<std::size_t>(r) * layer.N + n] = !(std::abs(got - want) <= rounding);
    }
  }
  const auto count = std::ranges::count(wrong, true);
  if (count > 0)
    return {"scales or dequant",
            {fmt::format("{} of {} weights are wrong with this layer's own scales and codes, at {}; with plain scales "
                         "and codes they are right",
                         count, wrong.size(), text_of_weights(wrong, read, layer.N))},
            {}};
  return {"multiply or reduce or epilogue",
          {fmt::format("every weight{} is right by itself: the fault is in how products are summed, handed over or "
                       "written",
                       read.whole() ? "" : fmt::format(" of the {} rows of K that were read", read.ks.size()))},
          read.whole() ? kOfSums : std::set<StageId>{}};
}

/// Weights that are zero whatever the codes use none of the layer's: where codes are moved, that is part of the move.
std::vector<Finding> one_fault(std::vector<Finding> values, std::vector<Finding> sources) {
  const auto moved = std::ranges::find_if(sources, [](const Finding& f) { return f.of_codes; });
  const auto blank = std::ranges::find_if(values, [](const Finding& f) { return f.of_zero_weights; });
  if (moved != sources.end() && blank != values.end()) {
    moved->evidence.push_back(blank->evidence.back() + ": these weights use no code of the layer");
    values.erase(blank);
  }
  std::ranges::move(sources, std::back_inserter(values));
  return values;
}

std::vector<Finding> findings(const fixtures::Layer& layer, const Readings& read, Evidence& evidence) {
  std::vector<Finding> found;
  const auto add = [&](std::vector<Finding> more) { std::ranges::move(more, std::back_inserter(found)); };
  const Addend addend = wrong_addend(evidence);
  if (read.outputs.silent && !addend.text.empty() && writes_zeros(evidence))
    return {{"", {"the kernel writes zeros for every input, and does not add the bias either"}, kOfSums}};
  if (!addend.text.empty() && !explained_by_outputs(read.outputs, addend.wrong))
    found.push_back({"epilogue", {addend.text}, kOfAddend});
  add(wrong_outputs(layer, read.outputs));
  if (read.ks.empty()) return found;
  add(one_fault(wrong_values(layer, read), wrong_sources(layer, read)));
  if (found.empty()) found.push_back(wrong_weights_or_sums(layer, read));
  return found;
}

Located located(std::string stage, std::string line, std::set<StageId> suspects = {}) {
  return {{{.stage = std::move(stage), .fault = "unexplained", .evidence = {std::move(line)}}}, std::move(suspects)};
}

}  // namespace

Located localise(const Prepared& prepared, Box& box, const kernel::Launch& launch, Evidence& evidence, double seconds,
                 const std::function<void(std::string_view)>& step) {
  for (int i = 0; i < evidence.size(); ++i)
    if (!evidence.answer(i).ran())
      return located("launch", "a launch of the kernel fails, so the weights cannot be read");
  if (prepared.layer.cut_from)
    return located("",
                   "a slice of a layer is not read weight by weight: run bisect on the whole layer, or on the slice "
                   "as a fixture");
  const Readings read = read_box(prepared, box, launch, seconds, step);
  if (read.lost) return located("launch", "a launch on rows of the identity fails");
  Located out;
  bool anything = false;  // some finding is of any stage
  for (Finding& finding : findings(prepared.layer, read, evidence)) {
    finding.evidence.push_back(read.ks.empty() ? fmt::format("outputs were read in {} launches", read.launches)
                               : read.whole()  ? fmt::format("the weights were read in {} launches", read.launches)
                                               : fmt::format("{} of {} rows of K were read in {} launches",
                                                             read.ks.size(), read.K, read.launches));
    out.culprits.push_back({.stage = finding.stage, .fault = "unexplained", .evidence = std::move(finding.evidence)});
    if (finding.suspects.empty()) anything = true;
    out.suspects.insert(finding.suspects.begin(), finding.suspects.end());
  }
  if (anything) out.suspects.clear();
  return out;
}

}  // namespace w4::cases::probe
