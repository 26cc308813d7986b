// SPDX-License-Identifier: Apache-2.0
#include "cases/case/made_with.h"

#include "cases/case/prepare.h"
#include "fixtures/error.h"
#include "fixtures/files/checksum.h"
#include "fixtures/layer/model.h"
#include "kernel/child/open_kernel.h"
#include "kernel/child/worker_protocol.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace w4::cases {
namespace {

namespace fs = std::filesystem;
using fixtures::files::checksum_of;

constexpr const char* kProgram = "program";
constexpr const char* kKernel = "kernel";
constexpr const char* kFixture = "fixture";
constexpr std::string_view kExec = "exec:";

/// One sum of all, 16 digits: they tell versions apart, and do not protect against forgery.
std::string short_sum(const std::vector<std::string>& sums) {
  constexpr std::size_t kMethod = std::string_view("sha256:").size(), kDigits = 16;
  const std::string one = sums.size() == 1 ? sums[0] : checksum_of(fmt::format("{}", fmt::join(sums, " ")));
  return one.substr(kMethod, kDigits);
}

/// Files that are missing, empty or unreadable are left out: the case itself says what is wrong with them.
std::string short_sum_of_files(const std::vector<fs::path>& files) {
  std::vector<std::string> sums;
  for (const fs::path& file : files) {
    std::error_code none;
    if (fs::is_regular_file(file, none) && fs::file_size(file, none) > 0) try {
        sums.push_back(fixtures::files::checksum_of_file(file));
      } catch (const InputError&) {
      }
  }
  return sums.empty() ? "" : short_sum(sums);
}

/// Words as they stand between spaces, quotes and operators of the shell: no variable and no PATH is looked up.
std::vector<fs::path> words_of(const std::string& command) {
  constexpr const char* kBetween = " \t\n'\"();&|<>`$=";
  std::vector<fs::path> words;
  for (std::size_t begin = 0; (begin = command.find_first_not_of(kBetween, begin)) != command.npos;) {
    const std::size_t end = std::min(command.find_first_of(kBetween, begin), command.size());
    words.emplace_back(command.substr(begin, end - begin));
    begin = end;
  }
  return words;
}

std::vector<fs::path> files_of_program(const fs::path& program, bool has_worker) {
  if (!has_worker) return {program};
  std::error_code none;
  return {program, fs::canonical(program, none).replace_filename(kernel::worker::kProgram)};
}

std::vector<fs::path> files_of_kernel(const std::string& kernel) {
  if (kernel.starts_with(kExec)) return words_of(kernel.substr(kExec.size()));
  try {
    return {kernel::child::plugin_file(kernel)};
  } catch (const CannotTest&) {  // this build has none: the cases are skipped
    return {};
  }
}

std::string sum_of_fixture(const CaseRequest& request) {
  std::vector<std::string> sums;
  for (const auto& [name, tensor] :
       fixtures::read_container_with(fixture_path(request), request.layer, request.trust).tensors)
    sums.push_back(checksum_of(tensor));
  return short_sum(sums);
}

/// Computes each sum once.
class Sums {
 public:
  template <class Sum>
  void add(MadeWith& made, const char* what, const std::string& of, const Sum& sum) {
    const auto [place, is_new] = known_.try_emplace(what + of);
    if (is_new) place->second = sum();
    if (!place->second.empty()) made[what] = place->second;
  }

 private:
  std::map<std::string, std::string> known_;
};

/// Of the program and the kernel.
MadeWith sums_of(const std::string& kernel, const fs::path& program, Sums& sums) {
  MadeWith made;
  const bool has_worker = !kernel.empty() && !kernel.starts_with(kExec);
  sums.add(made, kProgram, has_worker ? " and worker" : "",
           [&] { return short_sum_of_files(files_of_program(program, has_worker)); });
  if (!kernel.empty()) sums.add(made, kKernel, kernel, [&] { return short_sum_of_files(files_of_kernel(kernel)); });
  return made;
}

}  // namespace

MadeWith made_with(const std::string& kernel, const fs::path& program) {
  Sums sums;
  return sums_of(kernel, program, sums);
}

MadeWith made_with(const Options& options, const fs::path& program) {
  Sums sums;
  MadeWith made = sums_of(kernel_spec(options.asked), program, sums);
  if (const auto* packed = std::get_if<asked::PackedTensors>(&options.asked))
    sums.add(made, kKernel, "", [&] { return short_sum_of_files({packed->file}); });
  if (const auto* recorded = std::get_if<asked::RecordedOutput>(&options.asked))
    sums.add(made, kKernel, "", [&] { return short_sum_of_files({recorded->file}); });
  if (!is_random(options.request)) sums.add(made, kFixture, "", [&] { return sum_of_fixture(options.request); });
  return made;
}

std::map<std::string, MadeWith> made_with(const std::vector<CaseId>& cases, const fs::path& program) {
  std::map<std::string, MadeWith> all;
  Sums sums;
  for (const CaseId& id : cases) {
    MadeWith& made = all[id.text()] = sums_of(id.kernel, program, sums);
    if (id.source != Source::r) sums.add(made, kFixture, "", [&] { return sum_of_fixture(options_of(id).request); });
  }
  return all;
}

std::string difference(const MadeWith& a, const MadeWith& b) {
  std::vector<std::string> differing;
  for (const char* what : {kKernel, kProgram, kFixture}) {
    const auto in_a = a.find(what), in_b = b.find(what);
    const bool same = in_a == a.end() ? in_b == b.end() : in_b != b.end() && in_a->second == in_b->second;
    if (!same) differing.emplace_back(what);
  }
  return fmt::format("{}", fmt::join(differing, " and "));
}

}  // namespace w4::cases
