// SPDX-License-Identifier: Apache-2.0
// rounding: the proof of the classes of rounding. Simulates their variances, and asks right and wrong kernels that
// round in all ways. See --help.
#include "cases/case/options.h"
#include "cases/commands/main.h"
#include "cases/proof/rounding_proof.h"
#include "fixtures/error.h"

#include <unistd.h>
#include <CLI/CLI.hpp>

#include <cstdio>

namespace {

using namespace w4;
using namespace w4::cases;

auto progress(const char* what) {
  return [what](int done, int count) {
    if (::isatty(STDERR_FILENO) != 0)
      fmt::print(stderr, "\r\033[K{}: {} of {}{}", what, done, count, done == count ? "\n" : "");
  };
}

void list(const char* what, std::size_t count, int tried, const std::vector<std::string>& lines) {
  fmt::print("{}: {} of {}\n", what, count, tried);
  for (const std::string& line : lines) fmt::print("  {}\n", line);
}

int run(int argc, char** argv) {
  long long elements = 10'000'000;
  int healthy = 1000;
  CLI::App app{
      "Simulates outputs of each class of rounding and holds their errors against its variance, then asks right\n"
      "kernels that round in all ways, and wrong ones. Exit: 0 all as it must be, 1 not, 129 bad input.",
      "rounding"};
  app.add_option("--elements", elements, "outputs of each class")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--healthy", healthy, "right kernels, on random cases")->capture_default_str();
  parse_words(app, [&] { app.parse(argc, argv); });
  fmt::print("{}\n", proof::text_of(proof::simulate_variances(elements, progress("variances"))));
  const std::vector<std::string> accused = proof::accused_by_rounding(healthy, progress("right kernels"));
  list("right kernels accused", accused.size(), healthy, accused);
  const proof::WrongKernels wrong = proof::missed_by_rounding(proof::kWrongCaseCount, 1, progress("wrong kernels"));
  list("wrong kernels passed", wrong.missed.size(), wrong.tried, wrong.missed);
  return accused.empty() && wrong.missed.empty() ? kMatch : kMismatch;
}

}  // namespace

int main(int argc, char** argv) { return w4::cases::run_program("rounding", argc, argv, run); }
