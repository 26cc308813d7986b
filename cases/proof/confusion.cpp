// SPDX-License-Identifier: Apache-2.0
#include "cases/proof/confusion.h"

#include "cases/search/bisect_box.h"
#include "fixtures/error.h"
#include "fixtures/parallel.h"
#include "fixtures/random/counter_random.h"

#include <algorithm>
#include <atomic>

namespace w4::cases::proof {
namespace {

const search::Progress kSilent = [](std::string_view) {};

bool covers(const report::Culprit& culprit, const faults::Fault& fault) {
  const auto has = [](const std::string& list, const std::string& word) {
    return list.find(word) != std::string::npos;
  };
  return has(culprit.stage, fault.stage) && has(culprit.fault, fault.id);
}

TrialOutcome judge(const report::Report& report, const Planted& planted) {
  if (report.verdict == report::Verdict::match) return TrialOutcome::invisible;
  std::size_t covered = 0;
  for (const faults::Fault* fault : planted)
    covered += std::ranges::any_of(report.culprits, [&](const report::Culprit& c) { return covers(c, *fault); });
  bool several = false;
  for (const report::Culprit& culprit : report.culprits) {
    several = several || culprit.fault.find(" or ") != std::string::npos;
    if (culprit.fault == "unexplained") return TrialOutcome::unexplained;
    if (std::ranges::none_of(planted, [&](const faults::Fault* fault) { return covers(culprit, *fault); }))
      return TrialOutcome::wrong_name;
  }
  if (covered < planted.size()) return TrialOutcome::hidden;
  return several ? TrialOutcome::class_named : TrialOutcome::named;
}

std::string said_by(const report::Report& report) {
  std::vector<std::string> culprits;
  for (const report::Culprit& culprit : report.culprits) culprits.push_back(culprit.fault + " in " + culprit.stage);
  return fmt::format("{}", fmt::join(culprits, "; "));
}

/// A random case from a number.
std::string healthy_case(std::uint64_t number) {
  const fixtures::random::RandomStream random(22, number);
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

std::unique_ptr<probe::Box> box_of_path(const repack::Recipe& recipe) {
  return std::make_unique<probe::PathBox>(OwnPath(recipe));
}

Trial try_planted(const ProofCase& proof_case, const Planted& planted, const MakeBox& make_box) {
  Trial trial{.of = &proof_case, .planted = planted, .probes = {}, .said = {}};
  repack::Recipe recipe;
  for (const faults::Fault* fault : planted) recipe[fault->stage] = fault->variant;
  try {
    const std::unique_ptr<probe::Box> box = make_box(recipe);
    const report::Report report = search::bisect_box(proof_case.prepared, *box, proof_case.options, kSilent);
    trial.outcome = judge(report, planted);
    trial.launches = static_cast<int>(report.probes.size());
    trial.said = said_by(report);
    for (const report::ProbeLine& line : report.probes)
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
  for (const faults::Fault& fault : faults::faults())
    if (!fault.id.empty()) all.push_back({&fault});
  return all;
}

std::vector<Task> singles_in(const std::vector<ProofCase>& proof_cases) {
  std::vector<Task> tasks;
  for (const ProofCase& proof_case : proof_cases)
    for (const Planted& planted : single_faults()) tasks.emplace_back(&proof_case, planted);
  return tasks;
}

std::vector<Task> pairs_in(const std::vector<ProofCase>& proof_cases, const std::vector<Trial>& singles, int stride) {
  std::vector<Task> tasks;
  int number = 0;
  for (const ProofCase& proof_case : proof_cases) {
    std::vector<const faults::Fault*> shown;
    for (const Trial& trial : singles)
      if (trial.of == &proof_case && trial.outcome != TrialOutcome::invisible &&
          trial.outcome != TrialOutcome::not_applicable)
        shown.push_back(trial.planted[0]);
    for (const faults::Fault* a : shown)
      for (const faults::Fault* b : shown)
        if (faults::parse_stage(a->stage) < faults::parse_stage(b->stage) && number++ % stride == 0)
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

namespace {

/// The accusation of a sound box; empty: none.
std::string accusation(const ProofCase& proof_case, const MakeBox& make_box) {
  try {
    const std::unique_ptr<probe::Box> box = make_box({});
    const report::Report report = search::bisect_box(proof_case.prepared, *box, proof_case.options, kSilent);
    return report.verdict == report::Verdict::match ? "" : proof_case.command + ": " + said_by(report) + report.reason;
  } catch (const CannotTest& error) {
    return proof_case.command + ": " + error.what();
  }
}

/// A case for the user's kernel.
ProofCase asking_kernel(ProofCase proof_case, const kernel::child::ForeignKernel& kernel, const std::string& spec) {
  proof_case.options.asked = asked::Kernel{.spec = spec, .hidden_repack = asked::Planted{}};
  proof_case.prepared = for_kernel(proof_case.prepared, kernel.takes_bias());
  return proof_case;
}

MakeBox boxes_of(kernel::child::ForeignKernel& kernel) {
  return [&kernel](const repack::Recipe& recipe) { return std::make_unique<probe::KernelBox>(kernel, recipe); };
}

}  // namespace

std::vector<std::string> accused_healthy(int count, const std::function<void(int, int)>& done) {
  std::vector<std::string> accused(static_cast<std::size_t>(count));
  std::atomic<int> finished = 0;
  for_each_index(count, [&](int i) {
    const ProofCase proof_case = proof_case_of(healthy_case(static_cast<std::uint64_t>(i)));
    accused[static_cast<std::size_t>(i)] = accusation(proof_case, box_of_path);
    done(++finished, count);
  });
  std::erase(accused, "");
  return accused;
}

std::vector<std::string> accused_on_kernel(kernel::child::ForeignKernel& kernel, const std::string& spec, int count,
                                           const std::function<void(int, int)>& done) {
  std::vector<std::string> accused;
  for (int i = 0; i < count; ++i) {
    const ProofCase asked = asking_kernel(proof_case_of(healthy_case(static_cast<std::uint64_t>(i))), kernel, spec);
    if (const std::string said = accusation(asked, boxes_of(kernel)); !said.empty()) accused.push_back(said);
    done(i + 1, count);
  }
  return accused;
}

std::vector<Trial> try_on_kernel(kernel::child::ForeignKernel& kernel, const std::string& spec,
                                 const std::function<void(int, int)>& done) {
  static std::vector<ProofCase> asked;  // trials hold pointers to them
  asked.clear();
  for (const ProofCase& proof_case : single_cases()) asked.push_back(asking_kernel(proof_case, kernel, spec));
  std::vector<Task> tasks = singles_in(asked);
  std::erase_if(tasks, [](const Task& task) { return !is_repacking(faults::parse_stage(task.second[0]->stage)); });
  std::vector<Trial> trials;
  for (const auto& [proof_case, planted] : tasks) {
    trials.push_back(try_planted(*proof_case, planted, boxes_of(kernel)));
    done(static_cast<int>(trials.size()), static_cast<int>(tasks.size()));
  }
  return trials;
}

}  // namespace w4::cases::proof
