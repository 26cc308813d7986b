// SPDX-License-Identifier: Apache-2.0
#include "cases/tests/kernel/child/kernel_case.h"

#include "cases/tests/fixtures/scratch.h"
#include "fixtures/files/npy.h"
#include "kernel/lane_model/lane_model.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>

namespace {

using namespace w4;
using namespace std::chrono_literals;
using cases::report::Report;
using cases::report::Verdict;
using test::ask_kernel;
using test::evidence_of;
using test::ForeignCase;

/// Shell scripts that have the right C at hand, and a temporary folder that is watched.
struct Commands {
  Commands() {
    const kernel::RunResult good = kernel::lane_model::run_lane_model(ready.task);
    fixtures::files::write_npy(fixtures::files::tensor_of("C", DType::fp16, good.C), scratch / "good.npy");
    std::filesystem::create_directory(scratch / "tmp");
    ::setenv("TMPDIR", (scratch / "tmp").c_str(), 1);
  }
  ~Commands() { ::unsetenv("TMPDIR"); }
  Commands(const Commands&) = delete;
  Commands& operator=(const Commands&) = delete;

  /// The spec of a script; $good is the right output, $1 the folder.
  std::string script(const std::string& text) const {
    const std::string name = fmt::format("script{}.sh", scripts++);
    return "exec:sh " + scratch.file(name, "good=" + (scratch / "good.npy").string() + "\n" + text + "\n").string();
  }
  bool clean() const { return std::filesystem::is_empty(scratch / "tmp"); }

  ForeignCase ready;
  fixtures::test::Scratch scratch;
  mutable int scripts = 0;
};

constexpr const char* kAlive = R"(while read -r line; do
  folder=${line#*'"folder":"'}
  folder=${folder%%'"'*}
  cp "$good" "$folder/C.npy"
  echo case >> "$0.log"
  echo 'a line that is no answer'
  echo '{"done": true, "return_code": 0}'
done)";

int limit_for(const std::string& script) {
  return script.find("sleep 60") == std::string::npos ? test::kLong : test::kShort;
}

}  // namespace

TEST_CASE("exec: a command that runs once and one that stays alive are matches") {
  const Commands commands;
  CHECK(ask_kernel(commands.script("cp \"$good\" \"$1/C.npy\"")).verdict == Verdict::match);
  CHECK(ask_kernel(commands.script(kAlive)).verdict == Verdict::match);
  CHECK(commands.clean());
}

TEST_CASE("exec: what a command says of a launch that is right is a note and no fault") {
  const Commands commands;
  const Report report = ask_kernel(commands.script(
      "cp \"$good\" \"$1/C.npy\"; echo '{\"done\": true, \"return_code\": 0, \"message\": \"took 3 ms\"}'"));
  CHECK(report.verdict == Verdict::match);
  CHECK(std::ranges::find(report.notes, "the kernel says: took 3 ms") != report.notes.end());
}

TEST_CASE("exec: a command that stays alive is started once and gets each case once") {
  const Commands commands;
  const auto kernel =
      kernel::child::open_kernel(commands.script("echo start >> \"$0.log\"\n" + std::string(kAlive)), 60s);
  for (int i = 0; i < 3; ++i) CHECK(kernel->run(commands.ready.task).ran());
  CHECK(fixtures::test::content_of(commands.scratch / "script0.sh.log") == "start\ncase\ncase\ncase\n");
}

TEST_CASE("exec: a command that answers and then ends is started again") {
  const Commands commands;
  const auto kernel = kernel::child::open_kernel(
      commands.script("cp \"$good\" \"$1/C.npy\"; echo '{\"done\": true}'; sleep 0.05"), 60s);
  for (int i = 0; i < 3; ++i) CHECK(kernel->run(commands.ready.task).C(0, 0) != kernel::Launch{}.fill);
}

TEST_CASE("exec: each way to go wrong is told apart") {
  const Commands commands;
  const std::pair<const char*, const char*> kWrong[] = {
      {"exit 3", "ended its process with exit code 3\n"},
      {"kill -SEGV $$", "ended by SIGSEGV\n"},
      {"sh -c 'kill -ABRT $$'; exit $?", "ended by SIGABRT\n"},
      {"sleep 60", "hangs: not done after 1 s, ended by force\n"},
      {"while :; do echo again; done 2>/dev/null | head -c 100000; sleep 60", "hangs: not done after 1 s"},
      {"while printf x; do sleep 0.1; done; sleep 60", "hangs: not done after 1 s"},
      {":", "6144 of 6144 outputs keep the fill: never written, not zero\n"},
      {"echo 'no such tile' >&2; exit 3", "ended its process with exit code 3: no such tile\n"},
      {"echo '{\"done\": true, \"return_code\": 4, \"message\": \"no such tile\"}'", "return code 4: no such tile\n"},
      {"cp \"$good\" \"$1/C.npy\"; echo '{\"done\": true, \"return_code\": 1}'", "return code 1\n"},
      {"echo '{\"done\": true, \"return_code\": 1, \"message\": \"M > 64\"}'", "return code 1: M > 64\n"},
  };
  for (const auto& [text, evidence] : kWrong) {
    const std::string script = text;
    CAPTURE(script);
    const Report report = ask_kernel(commands.script(script), limit_for(script));
    CHECK(report.verdict == Verdict::mismatch);
    CHECK_MESSAGE(test::says(report, evidence), evidence_of(report));
    CHECK(commands.clean());
  }
}

TEST_CASE("exec: a damaged answer is told as such and accuses nothing") {
  const Commands commands;
  const std::pair<const char*, const char*> kDamaged[] = {
      {": > $1/C.npy", "C.npy: truncated: 0 bytes"},
      {"echo nonsense > $1/C.npy", "C.npy: not an .npy file"},
      {"head -c 1000 $good > $1/C.npy", "C.npy: truncated: shape (4, 1536) of fp16 takes 12288 bytes"},
      {"rm $1/C.npy", "C.npy: No such file or directory"},
      {"rm -r $1", "C.npy: No such file or directory"},
      {"rm -r ${1%/*}", "C.npy: No such file or directory"},
      {"cp $1/bias.npy $1/C.npy", "shape (1536), expected fp16 (4, 1536)"},
      {"cp $1/B.npy $1/C.npy", "dtype uint32, expected fp16 (4, 1536)"},
      {"LC_ALL=C sed 's/<f2/<i2/' $good > $1/C.npy", "dtype int16, expected fp16 (4, 1536)"},
      {"LC_ALL=C sed 's/(4, 1536)/(1536, 4)/' $good > $1/C.npy", "shape (1536, 4), expected fp16 (4, 1536)"},
      {"rm $1/C.npy; mkfifo $1/C.npy", "C.npy: is no regular file"},
      {"rm $1/C.npy; mkdir $1/C.npy", "C.npy: is no regular file"},
      {"truncate -s 5G $1/C.npy", "C.npy: has more than the 114688 bytes of its array"},
      {R"(printf '{"done": true, "message": "\377"}\n'; sleep 60)", R"(a line is no JSON in UTF-8: {"done": true, )"},
      {R"(printf '{"done": true, "message": "'; head -c 1100000 /dev/zero | tr '\0' x; sleep 60)",
       "a line is longer than 1048576 bytes"},
      {R"(echo '{"return_code": 0}'; sleep 60)", R"(a line has no "done": {"return_code": 0})"},
      {R"(echo '{"done": true, "return_code": 4294967296}'; sleep 60)", "return_code is 4294967296, expected an"},
      {R"(echo '{"done": true, "return_code": 1.5}'; sleep 60)", "return_code is 1.5, expected an integer of 32 bits"},
      {R"(cp $good $1/C.npy; printf '{"done": 1}\n{"done": 1}\n'; sleep 60)", "a second one to the case before"},
  };
  for (const auto& [text, why] : kDamaged) {
    const std::string script = text;
    CAPTURE(script);
    const Report report = ask_kernel(commands.script(script));
    CHECK(report.verdict == Verdict::unreadable);
    CHECK_MESSAGE(report.reason.find(std::string("the command's answer cannot be read: ") + why) == 0, report.reason);
    CHECK(report.culprits.empty());
    CHECK_FALSE(report.comparison.has_value());
    CHECK(commands.clean());
  }
}

TEST_CASE("exec: the case after a damaged answer is a case like any other") {
  const Commands commands;
  for (const char* damages :
       {"rm $1/C.npy", "rm -r ${1%/*}", R"(printf '{"done": true, \n{"done": true}\n'; sleep 60)"}) {
    const std::string text = std::string("[ -e $0.once ] || { : > $0.once; ") + damages + "; exit; }\n";
    const auto kernel = kernel::child::open_kernel(commands.script(text + "cp $good $1/C.npy"), 60s);
    CHECK_THROWS_AS(kernel->run(commands.ready.task), kernel::child::UnreadableAnswer);
    CHECK(kernel->run(commands.ready.task).ran());
  }
}

TEST_CASE("exec: lines of JSON that are no answer and a link to the output are sound") {
  const Commands commands;
  const std::string text = R"(echo '{"level": "info"}'; echo '{ broken'; ln -sf $good $1/C.npy)";
  CHECK(ask_kernel(commands.script(text)).verdict == Verdict::match);
}

TEST_CASE("exec: a hanging command is ended with all that it started") {
  const Commands commands;
  const std::string pid_file = (commands.scratch / "pid").string();
  (void)ask_kernel(commands.script("sleep 60 & echo $! > " + pid_file + "; wait"), test::kShort);
  const std::string pid = fixtures::test::content_of(pid_file);
  const std::string status =
      fixtures::test::content_of("/proc/" + pid.substr(0, pid.find('\n')) + "/status");  // empty: gone
  CHECK((status.empty() || status.find("State:\tZ") != std::string::npos));
}

TEST_CASE("exec: a command may be any text that a shell takes") {
  const Commands commands;
  const std::string script = commands.script("cp \"$good\" \"$1/C.npy\"").substr(std::string("exec:").size());
  for (const std::string before : {"", "NAME=value ", "cd / && ", "true; ", "exec "})
    CHECK(ask_kernel("exec:" + before + script).verdict == Verdict::match);
}

TEST_CASE("exec: an exception is the finding and nothing is searched behind it") {
  const Commands commands;
  const char* const kRaises[] = {
      R"(echo '{"done": true, "return_code": 1, "exception": "ValueError: no such tile"}')",
      R"(printf 'Traceback (most recent call last):\n  File "k.py", line 1\nValueError: no such tile\nand more\n' >&2; exit 1)"};
  for (const char* text : kRaises) {
    const Report report = ask_kernel(commands.script(text));
    CHECK(report.verdict == Verdict::mismatch);
    CHECK(report.reason == "ValueError: no such tile");
    CHECK(report.culprits.at(0).fault == "ValueError");
    CHECK(report.culprits[0].stage == "launch");
    CHECK(evidence_of(report) == "ValueError: no such tile\n");
    CHECK(report.probes.empty());
    CHECK(report.runs == 1);
  }
}

TEST_CASE("exec: a case that a command declines cannot be tested and what could not start says why") {
  const Commands commands;
  const std::pair<const char*, const char*> kCannot[] = {
      {"exit 125", "says that it does not take this case (code 125)"},
      {R"(echo '{"done": true, "return_code": 125, "message": "M > 64"}')", "take this case (code 125): M > 64"},
      {"no_such_command_here", "cannot start (exit code 127): "},
      {"exec sh no_such_script.sh", "No such file"},
      {R"(printf 'Traceback (most recent call last):\n  x\nModuleNotFoundError: no torch\n' >&2; exit 1)",
       "cannot start (exit code 1): ModuleNotFoundError: no torch"},
      {R"(echo '{"done": true, "return_code": 1, "exception": "ImportError: no torch"}')",
       "cannot start: ImportError: no torch"}};
  for (const auto& [text, reason] : kCannot) {
    const std::string said = test::refusal_of(commands.script(text));
    CHECK_MESSAGE(said.find("125: ") == 0, said);
    CHECK_MESSAGE(said.find(reason) != std::string::npos, said);
  }
  CHECK(test::refusal_of("exec:no_such_command_here").find("125: --kernel exec:no_such_command_here: cannot start") ==
        0);
}

TEST_CASE("exec: codes of the published entry point mean nothing of a command") {
  const Commands commands;
  const Report report = ask_kernel(commands.script(R"(echo '{"done": true, "return_code": 2}')"));
  CHECK(report.verdict == Verdict::mismatch);
  CHECK(report.culprits.at(0).fault == "unexplained");
  CHECK(evidence_of(report).find("published") == std::string::npos);
}

TEST_CASE("exec: a command that has answered and then misses a module has failed that case") {
  const Commands commands;
  const std::string later = R"(if [ -e "$0.once" ]; then
  printf 'Traceback (most recent call last):\n  x\nModuleNotFoundError: no torch\n' >&2; exit 1
fi
: > "$0.once"; cp "$good" "$1/C.npy")";
  const auto kernel = kernel::child::open_kernel(commands.script(later), 60s);
  CHECK(kernel->run(commands.ready.task).ran());
  const kernel::RunResult second = kernel->run(commands.ready.task);
  CHECK(second.exception == "ModuleNotFoundError: no torch");
  const std::string answers = R"(echo '{"done": true, "return_code": 0}'; read -r line
echo '{"done": true, "return_code": 1, "exception": "ImportError: no torch"}'; read -r line)";
  const auto alive =
      kernel::child::open_kernel(commands.script("read -r line; cp \"$good\" \"$1/C.npy\"\n" + answers), 60s);
  CHECK(alive->run(commands.ready.task).ran());
  CHECK(alive->run(commands.ready.task).exception == "ImportError: no torch");
}

TEST_CASE("exec: no process and no descriptor is left behind") {
  const Commands commands;
  (void)ask_kernel(commands.script(kAlive));
  const test::Belongings before = test::belongings();
  for (const char* text : {":", "exit 3", "kill -SEGV $$", "sleep 60", kAlive}) {
    (void)ask_kernel(commands.script(text), limit_for(text));
    CHECK((test::belongings() == before));
  }
  CHECK(before.children == 0);
}
