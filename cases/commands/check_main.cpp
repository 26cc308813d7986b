// SPDX-License-Identifier: Apache-2.0
// check PATH [--kernel KERNEL]: every layer of a fixture or a model, and the first fault by its name. See --help.
#include "cases/check/check_layers.h"
#include "cases/commands/main.h"
#include "cases/report/write_file.h"
#include "fixtures/error.h"
#include "fixtures/files/hub.h"
#include "fixtures/files/json_dump.h"
#include "fixtures/terminal.h"
#include "fixtures/text.h"
#include "kernel/child/open_kernel.h"

#include <nlohmann/json.hpp>

#include <CLI/CLI.hpp>

#include <cstdlib>
#include <utility>

namespace {

using namespace w4;
using namespace w4::cases;
namespace fs = std::filesystem;

constexpr const char* kAbout =
    R"(Checks every layer of PATH, each with its own numbers, groups and type:
what lint says of it, and whether a kernel computes it right. The first fault
is searched for and named. No MODE, no GROUP.

PATH is a fixture, a model's folder, a .safetensors file, packed tensors
(Marlin's), or hf:OWNER/MODEL with --layer NAME.

Examples:
  check MODEL                          every layer, through our own path
  check MODEL --kernel mine.so         which layer breaks with my kernel
  check MODEL --kernel mine.py --layer '*.mlp.*'
  check LAYER --packed mine.npz        the tensors that my repacker made

Exit: 0 all match, 1 a mismatch or a layer that lint calls wrong,
125 a layer cannot be tested here, 129 bad input.)";

struct Words {
  std::string path, kernel, packed, trust, rounding;
  bool no_color = false;
};

/// A file that torch.save() wrote holds code as well as tensors, and is not read.
void refuse_pickle(const std::string& path) {
  const std::string ending = fs::path(path).extension().string();
  if (ending != ".pt" && ending != ".pth" && ending != ".bin") return;
  throw InputError(
      "{0}: a pickle of PyTorch is not read; this converts it: python3 -c \"import torch; from safetensors.torch "
      "import "
      "save_file; save_file({{k: v.contiguous() for k, v in torch.load('{0}', weights_only=True).items()}}, "
      "'{1}')\"",
      path, fs::path(path).replace_extension(".safetensors").string());
}

/// What --kernel takes elsewhere, from a word as people type it: a shared object, a script, a command.
std::string kernel_of(const std::string& word) {
  if (word.empty() || word == "cpu" || kernel::child::is_foreign(word)) return word == "cpu" ? "" : word;
  const std::string ending = fs::path(word).extension().string();
  if (ending == ".so") return "plugin:" + word;
  return ending == ".py" && fs::exists(word) ? "exec:python3 " + shell_word(word) : "exec:" + word;
}

check::Question understood(const Words& words, check::Question question) {
  Options& options = question.options;
  refuse_pickle(words.path);
  options.request.fixture = words.path;
  options.request.source = Source::b;
  if (!words.trust.empty()) options.request.trust = fixtures::parse_trust(words.trust);
  options.outputs.color = !words.no_color && wants_color();
  const std::string spec = kernel_of(words.kernel);
  if (!words.packed.empty() && !spec.empty())
    throw InputError("--packed and --kernel ask two questions: give one of them");
  if (!words.packed.empty()) refuse_pickle(words.packed), options.asked = asked::PackedTensors{words.packed};
  if (!spec.empty()) options.asked = asked::Kernel{.spec = spec};
  if (!words.rounding.empty()) options.effort.rounding = judge::parse_rounding(words.rounding);
  if (options.effort.rounding && !has_classes(options.asked))
    throw InputError("--rounding says how your kernel rounds: it goes with --kernel");
  if (fixtures::files::is_on_hub(words.path)) {
    if (question.patterns.size() != 1) throw InputError("{}: --layer NAME says which layer is fetched", words.path);
    options.request.layer = std::exchange(question.patterns, {})[0];
  }
  return question;
}

void declare(CLI::App& app, Words& words, check::Question& question) {
  auto& [asked, request, effort, outputs] = question.options;
  app.add_option("PATH", words.path, "a fixture, a model, packed tensors")->required();
  app.add_option(
      "--kernel", words.kernel,
      "mine.so, mine.py, a command, or as bisect takes it: plugin:FILE, exec:COMMAND, cuda (default: our path)");
  app.add_option("--packed", words.packed, "tensors that another packer made of the one layer PATH");
  app.add_option("--layer", question.patterns, "only layers whose names fit this shell pattern (repeatable)")
      ->allow_extra_args(false);
  app.add_option("--m", request.M, "rows of A (default: those of the fixture, else 16)")->check(CLI::PositiveNumber);
  app.add_option("--trust", words.trust, "data or config: which counts where they contradict each other");
  app.add_option("--rounding", words.rounding, "the class of rounding that the kernel is judged by");
  app.add_flag("--strict", outputs.strict, "exit 1 for every layer that looks wrong, warnings too");
  app.add_option("--timeout", effort.timeout_seconds, "seconds before a launch is ended")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--seconds", effort.seconds, "seconds that may be spent on the cause")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_flag("--thorough", effort.thorough, "no such limit, and known faults of all stages");
  app.add_option("--json", outputs.json, "the findings as JSON: a file, or - for standard output");
  app.add_flag("--quiet", outputs.quiet, "no progress on stderr");
  app.add_flag("--no-color", words.no_color, "no colours");
}

/// A strip of layers as it goes: a character a layer, 64 in a line; of one layer, none.
class Strip {
 public:
  explicit Strip(bool shown) : shown_(shown) {}
  void add(const check::CheckedLayer& layer, std::size_t layers) {
    if (!shown_ || layers == 1) return;
    fmt::print("{}{}", check::letter_of(layer.finding), ++layers_ % kPerLine == 0 ? "\n" : "");
    std::fflush(stdout);
  }
  void end() const {
    if (layers_ > 0) fmt::print("{}\n", layers_ % kPerLine == 0 ? "" : "\n");
  }

 private:
  static constexpr int kPerLine = 64;
  bool shown_;
  int layers_ = 0;
};

int run(int argc, char** argv) {
  Words words;
  check::Question question;
  CLI::App app(kAbout, "check");
  declare(app, words, question);
  parse_words(app, [&] { app.parse(argc, argv); });
  question = understood(words, std::move(question));
  const Outputs& outputs = question.options.outputs;
  report::check_writable(outputs.json);
  const search::Progress progress = progress_to_stderr("check", outputs.quiet);
  Strip strip(outputs.json != "-");
  const auto told = [&](const check::CheckedLayer& layer, std::size_t layers) {
    progress("");
    strip.add(layer, layers);
  };
  check::Checked checked = check::check_layers(question, told, progress);
  progress("");
  strip.end();
  checked.made = made_here();
  checked.made.merge(made_with(kernel_spec(question.options.asked), this_program()));
  const std::string report = fixtures::files::dumped(check::json_of(checked), 2);
  if (!outputs.json.empty() && outputs.json != "-") report::write_json(outputs.json, report);
  if (outputs.json == "-")
    fmt::print("{}\n", report);  // never wrapped: it is read by programs
  else
    print(check::text_of(checked, outputs.color));
  return checked.exit_code(outputs.strict);
}

}  // namespace

int main(int argc, char** argv) { return w4::cases::run_program("check", argc, argv, run); }
