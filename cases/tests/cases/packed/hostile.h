// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/packed/finding.h"
#include "cases/tests/cases/ask.h"
#include "fixtures/half.h"

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace w4::test {

using repack::Packed;
using repack::Weights;
using Change = std::function<void(Weights&)>;
using Changes = std::map<StageId, Change>;  // applied behind a stage's definition

/// A packer that no list knows: the definition of every stage, with changes behind some, and what must be said of it.
struct Hostile {
  std::string what;
  std::string layer;  // a command
  Changes changes;
  std::vector<std::pair<std::string, std::string>> said;  // stage, part of the fault's name
  std::function<void(Packed&)> last = {};                 // a change of the tensors themselves
};

Packed packed_by(const Hostile& hostile, const fixtures::Layer& layer);
fixtures::Layer layer_of(const std::string& command);
cases::packed::PackedFinding found_of(const fixtures::Layer& layer, const Packed& seen);

// Changes. Places are (row, column); sources say whose value a place takes.
Change codes_to(const std::function<int(int code)>& f);
Change codes_from(const std::function<std::pair<int, int>(int k, int n)>& source);
Change zeros_to(const std::function<int(int g, int n, int zero)>& f);
Change zeros_from(const std::function<std::pair<int, int>(int g, int n)>& source);
Change scales_to(const std::function<std::uint16_t(int g, int n, std::uint16_t bits)>& f);
Change scales_from(const std::function<std::pair<int, int>(int g, int n)>& source);
Change scales_times(double gain);
Change scale_places_from(const std::function<int(int p)>& source);
Change zero_places_from(const std::function<int(int p)>& source);  // of nibbles
Change blocks_from(const std::function<std::pair<int, int>(int row, int col)>& source);
Change places_from(const std::function<int(int p)>& source);  // of the 1024 in each tile
Change rows_to(const std::function<std::vector<int>(const std::vector<int>&)>& rows);
Change perm_to(const std::function<std::vector<int>(const std::vector<int>&)>& perm);
std::function<void(Packed&)> words_to(const std::function<std::uint32_t(int row, int word, std::uint32_t value)>& f);

/// "stage: fault" of each culprit, a line each, with the evidence.
std::string text_of(const cases::packed::PackedFinding& finding);

}  // namespace w4::test
