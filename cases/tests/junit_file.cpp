// SPDX-License-Identifier: Apache-2.0
#include "cases/tests/skip.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

namespace w4::tests {
namespace {

namespace fs = std::filesystem;

/// As XML 1.0 takes it, in attributes too.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else if (c == '\n')
      out += "&#10;";
    else
      out += static_cast<unsigned char>(c) < ' ' && c != '\t' ? '?' : c;
  }
  return out;
}

/// Letters, digits, - and _ alone: what every file system and artifact store takes.
std::string file_name(std::string_view name) {
  constexpr std::size_t kLongest = 160;
  std::string out;
  for (const char c : name.substr(0, kLongest))
    out += std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' ? c : '_';
  return out;
}

/// What is known of the case that runs.
struct Case {
  std::string name, file;
  unsigned line = 0;
  std::vector<std::string> failures;
  std::string skipped;
};

Case current;
std::mutex lock;  // a case may check in threads

std::string outcome_of(const Case& of, bool finished, bool success) {
  if (!finished) return "<error message=\"it did not finish: a crash or a time-out\"/>";
  if (!success) {
    const std::string first =
        of.failures.empty() ? "failed" : of.failures.front().substr(0, of.failures.front().find('\n'));
    return fmt::format("<failure message=\"{}\">{}</failure>", escaped(first),
                       escaped(fmt::format("{}", fmt::join(of.failures, "\n"))));
  }
  return of.skipped.empty() ? "" : fmt::format("<skipped message=\"{}\"/>", escaped(of.skipped));
}

/// A file a case in the folder $W4_DOCTEST_JUNIT, beside what goes to the console: doctest's own JUnit report takes the
/// console's place and counts a case once for every way through its sub-cases. It says "did not finish" until it does.
struct JunitFile : doctest::IReporter {
  explicit JunitFile(const doctest::ContextOptions& options)
      : suite(fs::path(options.binary_name.c_str()).filename().string()) {
    if (const char* given = std::getenv("W4_DOCTEST_JUNIT")) folder = given;
  }

  void test_case_start(const doctest::TestCaseData& in) override {
    current = {.name = in.m_name, .file = in.m_file.c_str(), .line = in.m_line, .failures = {}, .skipped = {}};
    write(0, false, false);
  }
  void test_case_end(const doctest::CurrentTestCaseStats& in) override { write(in.seconds, true, in.testCaseSuccess); }
  void test_case_exception(const doctest::TestCaseException& in) override {
    add(fmt::format("{} {}", in.is_crash ? "crash:" : "exception:", in.error_string.c_str()));
  }
  void log_assert(const doctest::AssertData& in) override {
    if (!in.m_failed) return;
    std::ostringstream text;
    text << in.m_file << ':' << in.m_line << ": " << doctest::assertString(in.m_at) << "( " << in.m_expr << " )";
    if (in.m_threw)
      text << " threw " << in.m_exception.c_str();
    else
      text << " is " << in.m_decomp.c_str();
    add(text.str() + contexts());
  }
  void log_message(const doctest::MessageData& in) override {
    if (in.m_severity != doctest::assertType::is_warn)
      add(fmt::format("{}:{}: {}", in.m_file, in.m_line, in.m_string.c_str()) + contexts());
  }

  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}

 private:
  static std::string contexts() {
    std::ostringstream text;
    for (int i = 0; i < get_num_active_contexts(); ++i) {
      text << "\n  with: ";
      get_active_contexts()[i]->stringify(&text);
    }
    return text.str();
  }

  static void add(std::string failure) {
    const std::lock_guard guard(lock);
    current.failures.push_back(std::move(failure));
  }

  void write(double seconds, bool finished, bool success) const {
    if (folder.empty()) return;
    const std::lock_guard guard(lock);
    const std::string outcome = outcome_of(current, finished, success);
    const fs::path path = folder / (suite + "." + file_name(current.name) + ".xml");
    std::error_code seen_when_written;
    fs::create_directories(folder, seen_when_written);
    std::ofstream file(path);
    file << fmt::format(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"{0}\" tests=\"1\" failures=\"{1}\" "
        "errors=\"{2}\" "
        "skipped=\"{3}\" time=\"{4:.6f}\">\n<testcase classname=\"{0}\" name=\"{5}\" file=\"{6}\" line=\"{7}\" "
        "time=\"{4:.6f}\">{8}</testcase>\n</testsuite>\n",
        escaped(suite), outcome.starts_with("<failure") ? 1 : 0, outcome.starts_with("<error") ? 1 : 0,
        outcome.starts_with("<skipped") ? 1 : 0, seconds, escaped(current.name), escaped(current.file), current.line,
        outcome);
    if (!file.flush()) std::fprintf(stderr, "junit: cannot write %s\n", path.c_str());
  }

  std::string suite;
  fs::path folder;
};

REGISTER_LISTENER("junit_file", 2, JunitFile);

}  // namespace

void skip(const std::string& why) {
  std::printf("skipped: %s\n", why.c_str());
  const std::lock_guard guard(lock);
  current.skipped = why;
}

}  // namespace w4::tests
