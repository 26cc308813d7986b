// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/made_with.h"

#include "cases/tests/cases/matrix/made_results.h"
#include "cases/tests/fixtures/scratch.h"

#include <doctest/doctest.h>

namespace {

using namespace w4::cases;
using namespace w4::cases::matrix;
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

TEST_CASE("made with: results of different versions say how many there are") {
  std::vector<Record> records = {passed(0), passed(1), passed(2)};
  CHECK(versions_text(records).empty());
  for (Record& record : records) {
    record.case_text += "@plugin:./k.so";
    record.made_with = {{"kernel", "a"}, {"program", "b"}};
  }
  CHECK(versions_text(records).empty());
  records[1].made_with["kernel"] = "c";
  CHECK(versions_text(records) == "2 versions of plugin:./k.so");
  records[2].made_with = {{"kernel", "d"}, {"program", "e"}};
  CHECK(versions_text(records) == "3 versions of plugin:./k.so, 2 versions of the program");
}
