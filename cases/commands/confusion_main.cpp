// SPDX-License-Identifier: Apache-2.0
// confusion: plants every known fault, every pair, nothing, and unknown faults in black boxes, and counts what bisect
// names. See --help.
#include "cases/commands/main.h"
#include "cases/proof/catalogue_report.h"
#include "cases/proof/confusion.h"
#include "cases/proof/confusion_report.h"
#include "cases/proof/held_out.h"
#include "fixtures/error.h"

#include <unistd.h>
#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <mutex>

namespace {

using namespace w4;
using namespace w4::cases;

constexpr int kHeldOut = 40;     // of each kind
constexpr int kQuickPairs = 40;  // stride: every 40th pair
constexpr int kQuickHealthy = 100;
constexpr std::chrono::seconds kLimit(60);  // of one run of the user's kernel

struct Asked {
  bool quick = false;
  int healthy = 1000;
  std::string markdown;
  std::string catalogue;
  std::string gpu;
  std::string kernel;
};

/// On a terminal after each trial, elsewhere every 500 trials.
void tell(const char* what, int done, int count) {
  static std::mutex one_at_a_time;
  const std::scoped_lock lock(one_at_a_time);
  if (::isatty(STDERR_FILENO) != 0)
    fmt::print(stderr, "\r\033[K{}: {} of {}{}", what, done, count, done == count ? "\n" : "");
  else if (done == count || done % 500 == 0)
    fmt::print(stderr, "{}: {} of {}\n", what, done, count);
}

auto progress(const char* what) {
  return [what](int done, int count) { tell(what, done, count); };
}

proof::HeldOutResult try_held_out(const char* what, proof::HeldOut (*make)(int), int count) {
  const proof::ProofCase& proof_case = proof::pair_cases()[0];
  proof::HeldOutResult result{.what = what, .count = count, .localised = 0, .missed = {}};
  for (int i = 0; i < count; ++i) {
    const proof::HeldOut held_out = make(i);
    std::string said;
    if (proof::localised(held_out, proof_case, said))
      ++result.localised;
    else
      result.missed.push_back(held_out.what + " -> " + said);
    tell(what, i + 1, count);
  }
  return result;
}

proof::Proof prove(const Asked& asked) {
  proof::Proof proof;
  proof.singles = proof::try_all(proof::singles_in(proof::single_cases()), progress("single faults"));
  const std::vector<proof::Trial> alone =
      proof::try_all(proof::singles_in(proof::pair_cases()), progress("single faults, cases of pairs"));
  proof.pairs = proof::try_all(proof::pairs_in(proof::pair_cases(), alone, asked.quick ? kQuickPairs : 1),
                               progress("faults in twos"));
  proof.healthy = asked.quick ? std::min(asked.healthy, kQuickHealthy) : asked.healthy;
  proof.accused = proof::accused_healthy(proof.healthy, progress("healthy cases"));
  const int held_out = asked.quick ? 8 : kHeldOut;
  proof.held_out = {try_held_out("random permutations", proof::random_permutation, held_out),
                    try_held_out("random misfits", proof::random_misfit, held_out)};
  return proof;
}

void write(const std::string& file, const std::string& text) {
  if (!file.empty() && !(std::ofstream(file) << text)) throw InputError("{}: cannot be written", file);
}

/// Faults of the repack in front of the user's kernel, and healthy cases on it.
int prove_on_kernel(const Asked& asked) {
  const auto kernel = kernel::child::open_kernel(asked.kernel, kLimit);
  proof::Proof proof;
  proof.singles = proof::try_on_kernel(*kernel, asked.kernel, progress("faults of the repack"));
  proof.healthy = asked.quick ? std::min(asked.healthy, kQuickHealthy) : asked.healthy;
  proof.accused = proof::accused_on_kernel(*kernel, asked.kernel, proof.healthy, progress("healthy cases"));
  if (!asked.gpu.empty()) proof::write_gpu_column(proof::gpu_column(proof.singles), asked.gpu);
  fmt::print("{}", proof::summary_of(proof));
  return proof.holds() ? kMatch : kMismatch;
}

int run(int argc, char** argv) {
  Asked asked;
  CLI::App app{
      "Plants every known fault, every two of different stages, nothing, and what no catalogue has in black\n"
      "boxes on the CPU, and tabulates what bisect says. Exit: 0 all as it must be, 1 not, 129 bad input.",
      "confusion"};
  app.add_flag("--quick", asked.quick, "every 40th pair, 100 healthy cases, 8 of each kind that no catalogue has");
  app.add_option("--healthy", asked.healthy, "healthy random cases")->capture_default_str();
  app.add_option("--markdown", asked.markdown, "write the tables to FILE");
  app.add_option("--catalogue", asked.catalogue, "write the catalogue, row by row, to FILE");
  app.add_option("--kernel", asked.kernel,
                 "faults of the repack and healthy cases on this kernel instead: cuda, plugin:FILE");
  app.add_option("--gpu", asked.gpu,
                 "with --kernel: write what it named to FILE; otherwise: put it into the catalogue");
  parse_words(app, [&] { app.parse(argc, argv); });
  if (!asked.kernel.empty()) return prove_on_kernel(asked);
  const proof::OnGpu on_gpu = asked.gpu.empty() ? proof::OnGpu() : proof::read_gpu_column(asked.gpu);
  const proof::Proof proof = prove(asked);
  write(asked.markdown, proof::markdown_of(proof));
  write(asked.catalogue, proof::catalogue_markdown(proof.singles, on_gpu));
  fmt::print("{}", proof::summary_of(proof));
  return proof.holds() ? kMatch : kMismatch;
}

}  // namespace

int main(int argc, char** argv) { return w4::cases::run_program("confusion", argc, argv, run); }
