// SPDX-License-Identifier: Apache-2.0
#include "cases/case/prepare.h"
#include "cases/matrix/case_runner.h"
#include "cases/matrix/matrix_run.h"
#include "cases/matrix/selection.h"
#include "cases/tests/cases/ask.h"
#include "cases/tests/kernel/cuda/gpu_case.h"
#include "cases/tests/kernel/cuda/planted.h"

#include <doctest/doctest.h>

#include <set>

namespace {

using namespace w4;
using namespace w4::tests;
using namespace w4::cases;

std::string plugin(const std::string& file) { return "plugin:" W4_GPU_PLUGINS "/" + file + ".so"; }

matrix::Results results_of(const matrix::Selection& selection) {
  matrix::MatrixOptions options;
  options.selection = selection;
  options.quiet = true;
  options.budget = {.jobs = 4, .gpus = {""}};
  return matrix::run_matrix(options, W4_MATRIX).results;
}

std::set<std::string> texts_of(const matrix::Selection& selection) {
  std::set<std::string> texts;
  for (const CaseId& id : matrix::selected(selection)) texts.insert(id.text());
  return texts;
}

/// What a case cannot say: launches that are repeated and watched by a tool, activations that are scaled.
bool needs_more_than_a_case(const std::string& command) {
  return command.find("--sanitize") != std::string::npos || command.find("--magnitude") != std::string::npos;
}

}  // namespace

TEST_CASE("the matrix on the GPU: each planted fault turns its case red, and no case is without one") {
  if (!on_gpu()) return;
  for (const PlantedOnGpu& planted : kPlantedOnGpu) {
    if (needs_more_than_a_case(planted.command)) continue;
    CAPTURE(planted.file);
    const Options options = test::options_of(planted.command);
    CaseId id = prepare(options.request).id;
    id.thread_blocks = options.request.thread_blocks;
    matrix::CaseRunner runner({.timeout_seconds = 5});
    id.kernel = plugin("none");
    CHECK(runner.check(id).outcome == matrix::Outcome::pass);
    id.kernel = plugin(planted.file);
    const matrix::Record record = runner.check(id);
    CHECK_MESSAGE(matrix::is_red(record.outcome), record.reason);
  }
}

TEST_CASE("the matrix on the GPU: the L2 hint turns exactly its instantiation red, and is found there") {
  if (!on_gpu()) return;
  matrix::Selection selection{.set = "edges", .axes = {"kernel=" + plugin("l2-hint-illegal")}, .where = {"K == 512"}};
  const matrix::Results results = results_of(selection);
  selection.where.push_back("M <= 16 and group < K");
  std::set<std::string> red;
  for (const matrix::Record& record : results.records) {
    if (!matrix::is_red(record.outcome)) continue;
    red.insert(record.case_text);
    CHECK(matrix::finding_line(record) == "l2-hint-illegal in stage launch");
  }
  CHECK(red == texts_of(selection));
  CHECK(results.records.size() > red.size());
}

TEST_CASE("the matrix on the GPU: a sound kernel passes") {
  if (!on_gpu()) return;
  for (const matrix::Record& record : results_of({.set = "smoke", .axes = {"kernel=cuda"}}).records)
    CHECK_MESSAGE(record.outcome == matrix::Outcome::pass, record.case_text, ": ", record.reason);
}
