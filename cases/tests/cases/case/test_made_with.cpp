// SPDX-License-Identifier: Apache-2.0
#include "cases/case/made_with.h"

#include "cases/tests/fixtures/scratch.h"

#include <doctest/doctest.h>

namespace {

using namespace w4::cases;
using w4::fixtures::test::Scratch;

constexpr const char* kCpu = "M1_K64_N64_g64_sym_fp16_r_s7";

MadeWith made(const std::string& case_text, const std::filesystem::path& program) {
  return made_with({parse_case(case_text)}, program).at(case_text);
}

}  // namespace

TEST_CASE("made with: a case depends on the program and its kernel's files and the tensors that it takes") {
  const Scratch scratch;
  const auto program = scratch.file("matrix", "program");
  const std::string plugin = scratch.file("k.so", "kernel").string();
  const std::string text = kCpu + ("@plugin:" + plugin);
  const MadeWith before = made(text, program);
  CHECK(before.at("kernel").size() == 16);
  CHECK(difference(before, made(text, program)).empty());
  scratch.file("k.so", "another");
  CHECK(difference(before, made(text, program)) == "kernel");
  scratch.file("matrix", "another");
  CHECK(difference(before, made(text, program)) == "kernel and program");
  scratch.file("w4_worker", "worker");
  CHECK(difference(made(kCpu, program), made(kCpu + std::string("@exec:true"), program)).empty());
  CHECK(difference(made(kCpu, program), made(text, program)) == "kernel and program");
  CHECK(made("M1_K384_N1536_g128_sym_bias_fp16_b_s7", program).at("fixture").size() == 16);
  CHECK(difference({}, before) == "kernel and program");
}

TEST_CASE("made with: of a command the words that are files count whatever stands around them") {
  const Scratch scratch;
  const auto program = scratch.file("matrix", "program");
  const std::string script = scratch.file("k.py", "script").string(), data = scratch.file("d.bin", "data").string();
  const std::string text = kCpu + ("@exec:cd /tmp && python3 '" + script + "' --data=" + data + " -x | tee");
  const MadeWith before = made(text, program);
  scratch.file("k.py", "script.");
  const MadeWith then = made(text, program);
  CHECK(difference(before, then) == "kernel");
  scratch.file("d.bin", "");
  CHECK(difference(then, made(text, program)) == "kernel");
  CHECK(made(kCpu + std::string("@exec:true"), program).count("kernel") == 0);
}

TEST_CASE("made with: of several each value stands once and the latest date counts") {
  const MadeWith a = {{"host", "a"}, {"date", "2026-01-02T00:00:00Z"}, {"gpu", "NVIDIA H200, sm_90"}};
  const MadeWith b = {{"host", "b"}, {"date", "2026-01-01T00:00:00Z"}};
  const MadeWith both = {{"host", "a; b"}, {"date", "2026-01-02T00:00:00Z"}, {"gpu", "NVIDIA H200, sm_90"}};
  CHECK(joined_made({a, b}) == both);
  CHECK(joined_made({both, a, joined_made({b, both})}) == both);
  CHECK(joined_made({}).empty());
}
