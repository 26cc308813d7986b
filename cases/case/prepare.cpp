// SPDX-License-Identifier: Apache-2.0
#include "cases/case/prepare.h"

#include "cases/case/install_paths.h"
#include "fixtures/error.h"
#include "fixtures/files/hub.h"
#include "fixtures/half.h"
#include "fixtures/layer/cut.h"
#include "fixtures/layer/model.h"
#include "fixtures/lint/lint_file.h"
#include "fixtures/random/random_layer.h"
#include "repack/layer_file.h"
#include "repack/plain_layer.h"

#include <algorithm>
#include <cmath>

namespace w4::cases {
namespace {

namespace fs = std::filesystem;
using fixtures::Layer;
using fixtures::files::Tensor;
using fixtures::random::RandomSpec;

constexpr int kMostElements = 1 << 30;
constexpr std::uint64_t kCostSeed = 1;
constexpr int kDefaultRows = 16;  // M when neither the command line nor the fixture says

void check_group(const CaseId& id) {
  if (id.K % id.group_size() != 0) throw InputError("K={} is not a multiple of group_size={}", id.K, id.group_size());
}

/// Findings of lint, as notes and doubts. Notes of lint itself are left out: sound layers have them too.
void note_lint(const std::vector<fixtures::lint::LintLine>& lines, const CaseRequest& request, Prepared& out) {
  for (const fixtures::lint::LintLine& line : lines) {
    if (line.severity == fixtures::lint::Severity::note) continue;
    const std::string note = "lint: " + line.sentence;
    const bool noted = std::find(out.notes.begin(), out.notes.end(), line.sentence) != out.notes.end();
    if (!noted) out.notes.push_back(note);
    if (!fixtures::lint::doubts_layer(line)) continue;
    out.doubts.push_back(line);
    if (out.doubts.size() > 1) continue;
    out.doubt_cure = fixtures::lint::cure_of(line);
    if (out.doubt_cure.empty())
      out.doubt_cure = fmt::format("look at the layer: ./bisect fixture lint {}{}", request.fixture.string(),
                                   request.layer.empty() ? "" : " --layer " + request.layer);
  }
}

/// The activations as the kernel is given them: the fixture's, times the factor of their column. They stay in fp32, so
/// that they are rounded once.
void undo_row_scale(Layer& layer) {
  if (!layer.row_scale || !layer.activations) return;
  const Tensor& stored = *layer.activations;
  const auto* wide = reinterpret_cast<const float*>(stored.data);
  const auto* bits = reinterpret_cast<const std::uint16_t*>(stored.data);
  const auto cells = Grid<float>::made(static_cast<int>(stored.shape[0]), layer.K, [&](std::span<float> out) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      const double value = stored.dtype == DType::fp32 ? wide[i] : value_of(bits[i], stored.dtype);
      out[i] =
          static_cast<float>(value * layer.row_scale->factor(static_cast<int>(i % static_cast<std::size_t>(layer.K))));
    }
  });
  layer.activations = fixtures::files::tensor_of(stored.name, DType::fp32, cells);
}

CaseId describe(const Layer& layer, const CaseRequest& request) {
  const CaseId launched = request.case_id.value_or(CaseId{});
  return {.K = layer.K,
          .N = layer.N,
          .group = request.group,
          .symmetric = layer.symmetric,
          .format = layer.format,
          .zero_encoding = layer.zero_encoding,
          .act_order = layer.act_order(),
          .bias = layer.bias.has_value(),
          .cuts = request.cuts,
          .dtype = layer.dtype,
          .source = request.source,
          .seed = request.seed,
          .block_tile = launched.block_tile,
          .thread_blocks = launched.thread_blocks,
          .reduce_bits = launched.reduce_bits,
          .kernel = launched.kernel};
}

/// The 16-bit tensor in another type, each value rounded to nearest.
Tensor converted(const Tensor& tensor, DType to) {
  const auto from = fixtures::files::grid_of<std::uint16_t>(tensor);
  const auto cells = from.mapped([&](std::uint16_t bits) { return bits_of(value_of(bits, tensor.dtype), to); });
  Tensor result = fixtures::files::tensor_of(tensor.name, to, cells);
  result.shape = tensor.shape;
  return result;
}

void change_dtype(Layer& layer, DType to, std::vector<std::string>& notes) {
  if (layer.dtype == to) return;
  notes.push_back(fmt::format("scales rounded from {} to {}: another layer, by at most half a unit in the last place",
                              name_of(layer.dtype), name_of(to)));
  layer.scales = converted(layer.scales, to);
  if (layer.bias) layer.bias = converted(*layer.bias, to);
  layer.dtype = to;
}

/// The layer, with random activations where it has none: the cost of a conversion is measured on outputs too.
Layer with_activations(Layer layer) {
  if (!layer.activations)
    layer.activations =
        fixtures::files::tensor_of("activations", layer.dtype,
                                   fixtures::random::random_activations(kDefaultRows, layer.K, layer.dtype, kCostSeed));
  return layer;
}

std::string_view name_of(repack::PerColumn way) {
  return way == repack::PerColumn::averaged ? "averaged scales" : "requantised codes";
}

/// A grouped layer made one group of K, and notes with the cost of both ways to do that.
Layer to_one_group(const Layer& layer, repack::PerColumn way, std::vector<std::string>& notes) {
  Layer chosen;
  for (const auto each : {repack::PerColumn::averaged, repack::PerColumn::requantised}) {
    repack::PerColumnCost cost;
    Layer result = repack::per_column(with_activations(layer), each, &cost);
    notes.push_back(
        fmt::format("per column from group_size {} by {}: NOT an equivalent layer, weights differ by {:.2f} %, "
                    "outputs by {:.2f} % (normalised RMS){}",
                    layer.group_size, name_of(each), 100 * cost.weight_nrmse, 100 * cost.output_nrmse,
                    each == way ? "; this one is tested" : ""));
    result.activations = layer.activations;
    if (each == way) chosen = std::move(result);
  }
  return chosen;
}

/// The fixture's layer with the requested groups.
Layer regrouped(const Layer& layer, int group, const CaseRequest& request, std::vector<std::string>& notes) {
  const int wanted = group == -1 ? layer.K : group;
  if (wanted == layer.group_size) return layer;
  if (group == -1) return to_one_group(layer, request.per_column, notes);
  if (layer.group_size % wanted != 0)
    throw InputError(
        "{}: group {} asked of a layer with group_size {}: its scales do not exist; a divisor of {}, -1, or mode r "
        "is possible",
        layer.name, wanted, layer.group_size, layer.group_size);
  notes.push_back(fmt::format("group_size {} written as {}: the same weights, each scale {} times", layer.group_size,
                              wanted, layer.group_size / wanted));
  return repack::split_groups(layer, wanted);
}

/// The codes of one layer, and all else of the other. Both have the same shape, format and groups.
Layer with_codes_of(const Layer& codes, Layer rest) {
  rest.qweight = codes.qweight;
  return rest;
}

Layer mixed(const Layer& real, const CaseRequest& request) {
  if (request.source == Source::b) return real;
  CaseId id = describe(real, request);
  id.group = real.group_size == real.K ? -1 : real.group_size;
  id.act_order = id.act_order && id.group != -1;
  Layer random = fixtures::random::random_layer(spec_of(id));
  random.bias = real.bias;
  random.activations = real.activations;
  random.name = real.name;
  if (request.source == Source::r) return random;
  random.g_idx = real.g_idx;  // real codes and scales belong to the real order of rows
  return real_codes(request.source) ? with_codes_of(real, random) : with_codes_of(random, real);
}

/// The layer as it is stored, with what reading and lint say of it.
Layer stored_layer(const fixtures::files::Container& container, const CaseRequest& request, Prepared& out) {
  fixtures::LayerFile file = repack::trusted_layer_from(container, request.layer, request.trust);
  for (const std::string& line : file.inferred) out.notes.push_back(line);
  if (request.source != Source::r)  // as stored: a conversion makes another layer
    note_lint(fixtures::lint::lint_read(container, file), request, out);
  undo_row_scale(file.layer);
  return std::move(file.layer);
}

Layer fixture_layer(const CaseRequest& request, Prepared& out) {
  std::vector<std::string>& notes = out.notes;
  const auto container = fixtures::read_container_with(fixture_path(request), request.layer, request.trust);
  Layer real = stored_layer(container, request, out);
  check_group(describe(real, request));
  if (request.dtype) change_dtype(real, *request.dtype, notes);
  if (request.source != Source::r) return mixed(regrouped(real, request.group, request, notes), request);
  real.group_size = request.group == -1 ? real.K : request.group;  // mode r makes all that depends on it
  return mixed(real, request);
}

Layer made_layer(const CaseRequest& request) {
  if (request.source != Source::r)
    throw InputError("mode {} takes real tensors: it needs --fixture; a random layer is mode r",
                     letter_of(request.source));
  CaseId id = request.case_id.value_or(CaseId{});
  id.group = request.group;
  id.seed = request.seed;
  if (request.dtype) id.dtype = *request.dtype;
  if (request.shape) std::tie(id.K, id.N) = *request.shape;
  check_group(id);
  Layer layer = fixtures::random::random_layer(spec_of(id));
  layer.name = "random";
  return layer;
}

/// A * 2^magnitude, clamped to the type's range.
Grid<std::uint16_t> scaled(const Grid<std::uint16_t>& A, int magnitude, DType dtype) {
  if (magnitude == 0) return A;
  const float most = dtype == DType::fp16 ? 65504.0f : 0x1.FEp127f;
  return A.mapped([&](std::uint16_t bits) {
    return bits_of(std::clamp(std::ldexp(value_of(bits, dtype), magnitude), -most, most), dtype);
  });
}

/// M rows: those of the fixture first, then random ones.
Grid<std::uint16_t> activations_of(const Layer& layer, int M, std::uint64_t seed, std::vector<std::string>& notes) {
  const Grid<std::uint16_t> random = fixtures::random::random_activations(M, layer.K, layer.dtype, seed);
  if (!layer.activations) return random;
  const Tensor& tensor = *layer.activations;
  const int rows = std::min(M, static_cast<int>(tensor.shape[0]));
  if (rows < M) notes.push_back(fmt::format("rows {}..{} of A are random: the fixture has {}", rows, M - 1, rows));
  const auto with_stored = [&](const auto& stored, const auto& value) {
    return Grid<std::uint16_t>::from(
        M, layer.K, [&](int m, int k) { return m < rows ? bits_of(value(stored(m, k)), layer.dtype) : random(m, k); });
  };
  if (tensor.dtype == DType::fp32)
    return with_stored(fixtures::files::grid_of<float>(tensor), [](float value) { return value; });
  return with_stored(fixtures::files::grid_of<std::uint16_t>(tensor),
                     [&](std::uint16_t bits) { return value_of(bits, tensor.dtype); });
}

int rows_of(const CaseRequest& request, const Layer& layer) {
  if (request.M) return *request.M;
  return layer.activations ? static_cast<int>(layer.activations->shape[0]) : kDefaultRows;
}

Prepared with_cuts(Prepared out, const std::vector<fixtures::Cut>& cuts) {
  for (const fixtures::Cut& cut : cuts) {
    const int group_size = out.layer.group_size, K = out.layer.K;
    out.layer = fixtures::cut_of(out.layer, cut);
    std::string note = fmt::format("slice {}: K={} N={}", text_of(cut), out.layer.K, out.layer.N);
    if (group_size < K && out.layer.group_size != group_size)
      note += fmt::format("; it cuts a group, so group_size {} is written as {}: the same weights", group_size,
                          out.layer.group_size);
    out.notes.push_back(std::move(note));
  }
  return out;
}

/// The case's description, its cuts and its activations, once there is a layer.
Prepared with_data(Prepared out, const CaseRequest& request) {
  out.id = describe(out.layer, request);
  out.id.M = rows_of(request, out.layer);
  if (request.case_id && *request.case_id != out.id)
    throw InputError("case {} is asked of {}, which makes it {}", request.case_id->text(), out.fixture, out.id.text());
  if (out.id.M > kMostElements / std::max(out.id.K, out.id.N))
    throw CannotTest("M={} with K={} and N={}: more than {} elements", out.id.M, out.id.K, out.id.N, kMostElements);
  out = with_cuts(std::move(out), request.cuts);
  out.A = scaled(activations_of(out.layer, out.id.M, request.seed, out.notes), request.magnitude, out.layer.dtype);
  if (request.magnitude != 0) out.notes.push_back(fmt::format("activations times 2^{}", request.magnitude));
  return out;
}

}  // namespace

Prepared for_kernel(Prepared prepared, bool takes_bias) {
  if (takes_bias || !prepared.layer.bias) return prepared;
  prepared.layer.bias.reset();
  prepared.id.bias = false;
  prepared.notes.push_back("the kernel takes no bias: this layer's is left out");
  return prepared;
}

fs::path shipped_fixture(const std::string& name) { return source_root() / "fixtures/data" / name; }

fs::path fixture_path(const CaseRequest& request) {
  if (request.fixture.empty()) return shipped_fixture("up");
  if (!fixtures::files::is_on_hub(request.fixture)) return request.fixture;
  return fixtures::files::fetched_from_hub(request.fixture, request.layer, source_root());
}

bool is_random(const CaseRequest& request) {
  return request.fixture.empty() && (request.shape || (request.case_id && request.source == Source::r));
}

RandomSpec spec_of(const CaseId& id) {
  int shards = 1;
  for (const fixtures::Cut& cut : id.cuts)
    if (cut.kind == fixtures::Cut::Kind::rows) shards *= cut.count;
  return {.format = id.format,
          .zero_encoding = id.zero_encoding,
          .K = id.K,
          .N = id.N,
          .group_size = id.group_size(),
          .symmetric = id.symmetric,
          .act_order = id.act_order,
          .shards = shards,
          .bias = id.bias,
          .dtype = id.dtype,
          .seed = id.seed};
}

Prepared random_case(const CaseId& id, int magnitude) {
  Prepared out{
      .id = id, .fixture = "random", .layer = fixtures::random::random_layer(spec_of(id)), .A = {}, .notes = {}};
  out.layer.name = "random";
  out.A = scaled(fixtures::random::random_activations(id.M, id.K, id.dtype, id.seed), magnitude, id.dtype);
  return out;
}

Prepared prepare(const fixtures::files::Container& container, const CaseRequest& request) {
  Prepared out{.id = {}, .fixture = request.fixture.string(), .layer = {}, .A = {}, .notes = {}};
  out.layer = stored_layer(container, request, out);
  CaseRequest own = request;
  own.group = out.layer.group_size == out.layer.K ? -1 : out.layer.group_size;
  return with_data(std::move(out), own);
}

Prepared prepare(const CaseRequest& request) {
  Prepared out;
  const bool made = is_random(request);
  out.layer = made ? made_layer(request) : fixture_layer(request, out);
  if (request.source == Source::r) note_lint(fixtures::lint::lint(out.layer), request, out);
  out.fixture = made ? "random" : (request.fixture.empty() ? "fixtures/data/up" : request.fixture.string());
  return with_data(std::move(out), request);
}

}  // namespace w4::cases
