// SPDX-License-Identifier: Apache-2.0
#include "cases/proof/confusion.h"

#include "cases/probe/box_bisect.h"
#include "fixtures/counter_random.h"
#include "fixtures/error.h"
#include "fixtures/parallel.h"

#include <algorithm>
#include <atomic>

namespace w4::cases {
namespace {

const Progress kSilent = [](std::string_view) {};

bool covers(const Culprit& culprit, const Fault& fault) {
  const auto has = [](const std::string& list, const std::string& word) {
    return list.find(word) != std::string::npos;
  };
  return has(culprit.stage, fault.stage) && has(culprit.fault, fault.id);
}

TrialOutcome judge(const Report& report, const Planted& planted) {
  if (report.verdict == Verdict::match) return TrialOutcome::invisible;
  std::size_t covered = 0;
  for (const Fault* fault : planted)
    covered += std::ranges::any_of(report.culprits, [&](const Culprit& c) { return covers(c, *fault); });
  bool several = false;
  for (const Culprit& culprit : report.culprits) {
    several = several || culprit.fault.find(" or ") != std::string::npos;
    if (culprit.fault == "unexplained") return TrialOutcome::unexplained;
    if (std::ranges::none_of(planted, [&](const Fault* fault) { return covers(culprit, *fault); }))
      return TrialOutcome::wrong_name;
  }
  if (covered < planted.size()) return TrialOutcome::hidden;
  return several ? TrialOutcome::class_named : TrialOutcome::named;
}

std::string said_by(const Report& report) {
  std::vector<std::string> culprits;
  for (const Culprit& culprit : report.culprits) culprits.push_back(culprit.fault + " in " + culprit.stage);
  return fmt::format("{}", fmt::join(culprits, "; "));
}

/// A layer and a case of any kind, from a number.
std::string healthy_case(std::uint64_t number) {
  const fixtures::RandomStream random(22, number);
  const auto pick = [&](std::uint64_t what, auto list) {
    return list[static_cast<std::size_t>(random.below(static_cast<int>(list.size()), what))];
  };
  using Words = std::vector<std::string>;
  const std::string group = pick(0, Words{"-1", "32", "64", "128"});
  const int K = 128 * (1 + random.below(4, 1)), N = 64 * (1 + random.below(5, 2));
  const int M = 1 + random.below(80, 3);
  const std::string format = pick(4, Words{"", "_v2", "_awq", "_pair", "_ct"});
  const bool pair = format == "_pair",
             plain_groups = pair || format == "_awq" || group == "-1" || K == std::stoi(group);
  return fmt::format("--case M{}_K{}_N{}_g{}_{}{}{}{}_{}_r_s{}", M, K, N, group, pick(5, Words{"sym", "asym"}), format,
                     !plain_groups && random.below(2, 6) == 0 ? "_act" : "", random.below(2, 7) == 0 ? "_bias" : "",
                     pair ? "bf16" : pick(8, Words{"fp16", "bf16"}), number);
}

}  // namespace

std::string_view name_of(TrialOutcome outcome) {
  constexpr std::string_view kNames[] = {"named",          "class named", "hidden by the other", "invisible",
                                         "not applicable", "unexplained", "wrong name"};
  return kNames[static_cast<int>(outcome)];
}

char letter_of(TrialOutcome outcome) { return "NCh-/?X"[static_cast<int>(outcome)]; }

Trial try_planted(const ProofCase& proof_case, const Planted& planted) {
  Trial trial{.of = &proof_case, .planted = planted, .probes = {}, .said = {}};
  repack::Recipe recipe;
  for (const Fault* fault : planted) recipe[fault->stage] = fault->variant;
  try {
    const Report report = bisect_box(proof_case.prepared, Subject(recipe), proof_case.options, kSilent);
    trial.outcome = judge(report, planted);
    trial.launches = static_cast<int>(report.probes.size());
    trial.said = said_by(report);
    for (const ProbeLine& line : report.probes)
      if (!line.right && std::ranges::find(trial.probes, line.id) == trial.probes.end())
        trial.probes.push_back(line.id);
  } catch (const CannotTest& error) {
    trial.outcome = TrialOutcome::not_applicable;
    trial.said = error.what();
  }
  return trial;
}

std::vector<Planted> single_faults() {
  std::vector<Planted> all;
  for (const Fault& fault : faults())
    if (!fault.id.empty()) all.push_back({&fault});
  return all;
}

std::vector<Task> singles_in(const std::vector<ProofCase>& proof_cases) {
  std::vector<Task> tasks;
  for (const ProofCase& proof_case : proof_cases)
    for (const Planted& planted : single_faults()) tasks.emplace_back(&proof_case, planted);
  return tasks;
}

std::vector<Task> pairs_in(const std::vector<ProofCase>& proof_cases, const std::vector<Trial>& singles, int every) {
  std::vector<Task> tasks;
  int number = 0;
  for (const ProofCase& proof_case : proof_cases) {
    std::vector<const Fault*> shown;
    for (const Trial& trial : singles)
      if (trial.of == &proof_case && trial.outcome != TrialOutcome::invisible &&
          trial.outcome != TrialOutcome::not_applicable)
        shown.push_back(trial.planted[0]);
    for (const Fault* a : shown)
      for (const Fault* b : shown)
        if (stage_index(a->stage) < stage_index(b->stage) && number++ % every == 0)
          tasks.emplace_back(&proof_case, Planted{a, b});
  }
  return tasks;
}

std::vector<Trial> try_all(const std::vector<Task>& tasks, const std::function<void(int, int)>& done) {
  const int count = static_cast<int>(tasks.size());
  std::vector<Trial> trials(tasks.size());
  std::atomic<int> finished = 0;
  for_each_index(count, [&](int i) {
    const auto& [proof_case, planted] = tasks[static_cast<std::size_t>(i)];
    trials[static_cast<std::size_t>(i)] = try_planted(*proof_case, planted);
    done(++finished, count);
  });
  return trials;
}

std::vector<std::string> accused_healthy(int count, const std::function<void(int, int)>& done) {
  std::vector<std::string> accused(static_cast<std::size_t>(count));
  std::atomic<int> finished = 0;
  for_each_index(count, [&](int i) {
    const std::string command = healthy_case(static_cast<std::uint64_t>(i));
    const ProofCase proof_case = proof_case_of(command);
    const Report report = bisect_box(proof_case.prepared, Subject({}), proof_case.options, kSilent);
    if (report.verdict != Verdict::match) accused[static_cast<std::size_t>(i)] = command + ": " + said_by(report);
    done(++finished, count);
  });
  std::erase(accused, "");
  return accused;
}

}  // namespace w4::cases
