// SPDX-License-Identifier: Apache-2.0
#include "cases/proof/confusion_report.h"

#include "cases/probe/probes.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace w4::cases::proof {
namespace {

constexpr std::size_t kOutcomes = 7;

bool is_bad(const Trial& trial) {
  return trial.outcome == TrialOutcome::unexplained || trial.outcome == TrialOutcome::wrong_name;
}

int wrongly_named(const std::vector<Trial>& trials) {
  return counts_of(trials)[static_cast<int>(TrialOutcome::wrong_name)];
}

std::string planted_text(const Trial& trial) {
  std::vector<std::string> names;
  for (const faults::Fault* fault : trial.planted) names.push_back(fault->name);
  return fmt::format("{}", fmt::join(names, " and "));
}

std::string counted(const std::vector<Trial>& trials) {
  std::vector<std::string> parts;
  const std::vector<int> counts = counts_of(trials);
  for (std::size_t i = 0; i < kOutcomes; ++i)
    if (counts[i] > 0) parts.push_back(fmt::format("{} {}", counts[i], name_of(static_cast<TrialOutcome>(i))));
  return fmt::format("{} ({})", trials.size(), fmt::join(parts, ", "));
}

int most_launches(const std::vector<Trial>& trials) {
  int most = 0;
  for (const Trial& trial : trials)
    if (trial.outcome == TrialOutcome::named || trial.outcome == TrialOutcome::class_named)
      most = std::max(most, trial.launches);
  return most;
}

/// A fault's line: a letter a case, the probes that show it, and what bisect says where it is not one name.
struct FaultLine {
  std::string letters;
  std::vector<std::string> probes;
  int launches = 0;
  std::string class_of;
};

std::map<const faults::Fault*, FaultLine> lines_of(const std::vector<Trial>& singles) {
  std::map<const faults::Fault*, FaultLine> lines;
  for (const Trial& trial : singles) {
    FaultLine& line = lines[trial.planted[0]];
    line.letters += std::string(" ") + letter_of(trial.outcome);
    for (const std::string& probe : trial.probes)
      if (std::ranges::find(line.probes, probe) == line.probes.end()) line.probes.push_back(probe);
    if (trial.outcome != TrialOutcome::invisible) line.launches = std::max(line.launches, trial.launches);
    if (trial.outcome == TrialOutcome::class_named) line.class_of = trial.said;
  }
  return lines;
}

std::string case_list(const std::vector<ProofCase>& cases) {
  std::string text;
  for (const ProofCase& proof_case : cases)
    text += fmt::format("- {}: `{}` ({})\n", proof_case.name, proof_case.command, proof_case.prepared.id.text());
  return text;
}

std::string single_table(const std::vector<Trial>& singles) {
  std::string letters;
  for (const ProofCase& proof_case : single_cases()) letters += " " + proof_case.name;
  std::string text = fmt::format("| fault | stage |`{}` | probes that show it | launches | seen when |\n", letters);
  text += "|---|---|---|---|---|---|\n";
  const auto lines = lines_of(singles);
  for (const Planted& planted : single_faults()) {
    const FaultLine& line = lines.at(planted[0]);
    text += fmt::format("| {} | {} |`{}` | {} | {} | {}{} |\n", planted[0]->name, planted[0]->stage, line.letters,
                        fmt::join(line.probes, ", "), line.launches, planted[0]->visible,
                        line.class_of.empty() ? "" : "; class: " + line.class_of);
  }
  return text;
}

std::string probe_table() {
  std::string text = "| probe | sees | does not see |\n|---|---|---|\n";
  for (const probe::ProbeKind& kind : probe::probe_kinds())
    text += fmt::format("| {} | {} | {} |\n", kind.id, kind.sees, kind.blind);
  return text;
}

/// Failed trials, a line each.
std::string bad_ones(const std::vector<Trial>& trials) {
  std::string text;
  for (const Trial& trial : trials)
    if (is_bad(trial))
      text += fmt::format("- {}: {} in `{}`, bisect says: {}\n", name_of(trial.outcome), planted_text(trial),
                          trial.of->command, trial.said);
  return text;
}

}  // namespace

std::vector<int> counts_of(const std::vector<Trial>& trials) {
  std::vector<int> counts(kOutcomes);
  for (const Trial& trial : trials) ++counts[static_cast<std::size_t>(trial.outcome)];
  return counts;
}

double named_share(const std::vector<Trial>& pairs) {
  int shown = 0, named = 0;
  for (const Trial& trial : pairs) {
    const bool is_named = trial.outcome == TrialOutcome::named || trial.outcome == TrialOutcome::class_named;
    named += is_named;
    shown += is_named || is_bad(trial);
  }
  return shown == 0 ? 0 : static_cast<double>(named) / shown;
}

bool Proof::holds() const {
  const bool all_singles = std::ranges::none_of(singles, is_bad);
  const bool all_held_out =
      std::ranges::all_of(held_out, [](const HeldOutResult& result) { return result.localised == result.count; });
  const bool all_pairs = pairs.empty() || (wrongly_named(pairs) == 0 && named_share(pairs) >= kLeastPairs);
  return all_singles && all_pairs && accused.empty() && all_held_out && !singles.empty();
}

std::string summary_of(const Proof& proof) {
  std::string text =
      fmt::format("single faults      {}; at most {} launches\n", counted(proof.singles), most_launches(proof.singles));
  text += bad_ones(proof.singles);
  if (!proof.pairs.empty())
    text += fmt::format("faults in twos     {}; {:.2f} % of those that show are named\n", counted(proof.pairs),
                        100 * named_share(proof.pairs));
  text += bad_ones(proof.pairs);
  text += fmt::format("healthy cases      {}, {} accused\n", proof.healthy, proof.accused.size());
  for (const std::string& line : proof.accused) text += "- " + line + "\n";
  for (const HeldOutResult& result : proof.held_out) {
    text +=
        fmt::format("{:<18} {} of {} unexplained, in the right place\n", result.what, result.localised, result.count);
    for (const std::string& line : result.missed) text += "- " + line + "\n";
  }
  return text;
}

std::string markdown_of(const Proof& proof) {
  return fmt::format(
      "# What bisect says of black boxes\n\n"
      "Made by `build/release/bin/confusion --markdown docs/confusion.md`; on the CPU, where every prediction must "
      "hold in\n"
      "every bit. A box shows nothing but what it answers to probes.\n\n"
      "```\n{}```\n\n"
      "## Probes\n\n"
      "Each is one launch. The first six are always made, the others where they tell something apart that those do "
      "not;\n"
      "what nothing known explains is read weight by weight besides, by rows of the identity.\n\n{}\n"
      "## Every known fault by itself\n\n"
      "N named, C named in a class that no probe tells apart, - every answer is the right one, / cannot be done to "
      "this\n"
      "layer, ? not named, X a healthy stage accused.\n\n{}\n{}\n"
      "## Every two of different stages that both show by themselves\n\n{}\n"
      "\"Hidden by the other\": the other fault alone predicts every answer in every bit, so this one does not show "
      "(nothing\n"
      "is launched, or scales of zero hide their order).\n\n{}",
      summary_of(proof), probe_table(), case_list(single_cases()), single_table(proof.singles), case_list(pair_cases()),
      bad_ones(proof.pairs));
}

}  // namespace w4::cases::proof
