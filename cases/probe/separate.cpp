// SPDX-License-Identifier: Apache-2.0
#include "cases/probe/separate.h"

#include "fixtures/error.h"
#include "fixtures/random/random_layer.h"

#include <fmt/format.h>

#include <algorithm>

namespace w4::cases::probe {
namespace {

constexpr int kMostSeparating = 5;  // launches
constexpr std::uint64_t kSeedOfRows = 21;

/// Questions that few faults answer alike; the cheap ones first. The user's kernel may do other things for another
/// number of rows, which say nothing of the case.
std::vector<Probe> separating_probes(const Prepared& prepared, const kernel::Launch& launch, bool own_path) {
  const auto layer = std::make_shared<const fixtures::Layer>(prepared.layer);
  const int K = prepared.layer.K;
  std::vector<Probe> probes = {filled_probe(prepared, launch)};
  const auto add = [&](const char* kind, Grid<std::uint16_t> A, const kernel::Launch& way) {
    probes.push_back({&probe_kind(kind), {layer, std::move(A), way}});
  };
  add("identity", identity_rows(0, prepared.A.rows(), K, prepared.layer.dtype), launch);
  for (const int rows : own_path ? std::vector<int>{1, 16, 72, 130} : std::vector<int>{})
    add("rows", fixtures::random::random_activations(rows, K, prepared.layer.dtype, kSeedOfRows), launch);
  for (const int blocks : {1, 3, 23}) {
    kernel::Launch other = launch;
    other.thread_blocks = blocks;
    add("thread_blocks", prepared.A, other);
  }
  return probes;
}

bool tells_any_apart(const Evidence& evidence, const std::vector<repack::Recipe>& fits, const Question& question) {
  return std::any_of(fits.begin() + 1, fits.end(),
                     [&](const repack::Recipe& fit) { return evidence.tells_apart(fits[0], fit, question); });
}

}  // namespace

void separate(const Prepared& prepared, const kernel::Launch& launch, Box& box, Evidence& evidence,
              std::vector<repack::Recipe>& fits, const std::function<void(std::string_view)>& step) {
  int made = 0;
  for (Probe& probe : separating_probes(prepared, launch, box.sums_as_lane_model())) {
    if (fits.size() < 2 || made == kMostSeparating) return;
    step(fmt::format("what tells {} recipes apart", fits.size()));
    if (!tells_any_apart(evidence, fits, probe.question)) continue;
    ++made;
    try {
      kernel::RunResult answer = box.ask(probe.question);
      evidence.add(std::move(probe), std::move(answer));
    } catch (const CannotTest&) {  // the box refuses this question
      continue;
    }
    std::vector<repack::Recipe> left;
    for (const repack::Recipe& fit : fits)
      if (evidence.agrees(fit, evidence.size() - 1)) left.push_back(fit);
    if (left.empty()) return;  // no fit predicts this answer; it stays in the evidence for the caller
    fits = left;
  }
}

}  // namespace w4::cases::probe
