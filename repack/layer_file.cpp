// SPDX-License-Identifier: Apache-2.0
#include "repack/layer_file.h"

#include "fixtures/error.h"
#include "fixtures/files/bytes.h"
#include "fixtures/files/container.h"
#include "fixtures/layer/encode.h"
#include "fixtures/layer/layer_inference.h"
#include "fixtures/layer/model.h"
#include "fixtures/lint/lint_file.h"
#include "fixtures/text.h"
#include "repack/marlin_tensors.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <vector>

namespace w4::repack {
namespace {

namespace fs = std::filesystem;
using fixtures::Layer;
using fixtures::LayerFile;
using fixtures::files::Container;
using fixtures::files::Tensor;

std::pair<std::string, std::string> parted(const std::string& name) {  // prefix, last part
  const std::size_t dot = name.rfind('.');
  if (dot == std::string::npos) return {"", name};
  return {name.substr(0, dot), name.substr(dot + 1)};
}

std::string joined(const std::string& prefix, const char* name) { return prefix.empty() ? name : prefix + "." + name; }

bool is_packed_matrix(const Tensor& words, const Tensor& scales) {
  return words.shape.size() == 2 && scales.shape.size() == 2 && words.shape[1] == 2 * scales.shape[1] &&
         (words.dtype == DType::i32 || words.dtype == DType::u32);
}

/// The container with Marlin's words called B where they are called qweight.
Container with_marlin_names(const Container& stored) {
  Container out = stored;
  for (const auto& [name, tensor] : stored.tensors) {
    const auto [prefix, last] = parted(name);
    const auto scales = stored.tensors.find(joined(prefix, "scales"));
    if (last != "qweight" || scales == stored.tensors.end() || !is_packed_matrix(tensor, scales->second)) continue;
    auto node = out.tensors.extract(name);
    node.key() = joined(prefix, "B");
    out.tensors.insert(std::move(node));
  }
  return out;
}

std::vector<std::string> packed_prefixes(const Container& container) {
  std::vector<std::string> prefixes;
  for (const auto& [name, tensor] : container.tensors) {
    const auto [prefix, last] = parted(name);
    const auto has = [&, &at = prefix](const char* part) { return container.tensors.contains(joined(at, part)); };
    if (last == "B" && (has("s") || has("scales"))) prefixes.push_back(prefix);
  }
  return prefixes;
}

bool holds_stored_layer(const Container& container) {
  return std::any_of(container.tensors.begin(), container.tensors.end(), [](const auto& named) {
    const std::string last = parted(named.first).second;
    return last == "qweight" || last == "weight_packed";
  });
}

std::string manifest_name(const Container& container) {
  const auto found = container.manifest.find("name");
  return found != container.manifest.end() && found->is_string() ? found->template get<std::string>() : "";
}

/// The group of each stored row: row i of B is stored row perm[i], in group i / group_size. Empty for one group.
Grid<std::int32_t> g_idx_of(const Packed& packed) {
  if (packed.perm.empty() || packed.one_group()) return {};
  return Grid<std::int32_t>::made(1, packed.stored_K, [&](std::span<std::int32_t> out) {
    for (int i = 0; i < packed.stored_K; ++i) out[static_cast<std::size_t>(packed.perm(0, i))] = i / packed.group_size;
  });
}

Layer undone(const Packed& packed, const std::string& where) {
  const Unpacked unpacked = unpack(packed);
  const bool symmetric = unpacked.zeros.empty();
  fixtures::PlainLayer plain;
  plain.name = where;
  plain.group_size = packed.one_group() ? packed.stored_K : packed.group_size;
  plain.symmetric = symmetric;
  plain.dtype = packed.dtype;
  plain.codes = unpacked.codes;
  const Grid<std::uint16_t>& scales = unpacked.scales;
  plain.zeros = symmetric ? Grid<std::uint8_t>::filled(scales.rows(), scales.cols(), kSymmetricZero) : unpacked.zeros;
  plain.scales = scales;
  plain.g_idx = g_idx_of(packed);
  plain.bias = packed.bias;
  return encode(plain, fixtures::Format::gptq, fixtures::ZeroEncoding::plain);
}

/// What stands beside the words, and scales and bias in 16 bits: as fixtures::layer_from() has them of any layer.
Container settled(const Container& container, const std::string& prefix, LayerFile& file) {
  const std::string where = container.path.string();
  nlohmann::json claims = container.manifest;
  claims.erase("format");  // marlin is no checkpoint's
  const fixtures::Manifest manifest = fixtures::manifest_of(claims, where);
  fixtures::Parts parts;
  parts.prefix = prefix;
  pick_beside(container, parts);
  const char* scales = find_tensor(container, prefix, "s") ? "s" : "scales";
  file.layer.scales = *find_tensor(container, prefix, scales);
  fixtures::Inference inference{where, manifest, file};
  inference.beside(parts);
  inference.dtypes();
  Container out = container;
  out.tensors[joined(prefix, scales)] = file.layer.scales;
  if (file.layer.bias) out.tensors[joined(prefix, "bias")] = *file.layer.bias;
  return out;
}

bool in_order(const Grid<std::int32_t>& g_idx, int group_size) {
  for (int k = 0; k < g_idx.cols(); ++k)
    if (g_idx(0, k) != k / group_size) return false;
  return true;
}

}  // namespace

std::optional<std::string> marlin_prefix(const Container& stored, const std::string& name) {
  const Container container = with_marlin_names(stored);
  const std::vector<std::string> prefixes = packed_prefixes(container);
  if (prefixes.empty()) return std::nullopt;
  if (name.empty()) {
    if (prefixes.size() == 1 && !holds_stored_layer(container)) return prefixes[0];
    throw InputError("{}: holds {} Marlin-packed layers{}, name one: '{}' is the first", container.path.string(),
                     prefixes.size(), holds_stored_layer(container) ? " and others" : "",
                     fixtures::files::printable(prefixes[0]));
  }
  std::vector<std::string> found;
  for (const std::string& prefix : prefixes) {
    const std::string called = prefix.empty() ? manifest_name(container) : prefix;
    if (called == name) return prefix;
    if (called.ends_with("." + name)) found.push_back(prefix);
  }
  if (found.size() > 1)
    throw InputError("{}: layer '{}' may be '{}' or '{}'", container.path.string(), fixtures::files::printable(name),
                     fixtures::files::printable(found[0]), fixtures::files::printable(found[1]));
  if (found.size() == 1) return found[0];
  if (holds_stored_layer(container)) return std::nullopt;
  throw InputError("{}: no layer '{}'; it holds '{}'{}", container.path.string(), fixtures::files::printable(name),
                   fixtures::files::printable(prefixes[0]), prefixes.size() > 1 ? ", ..." : "");
}

LayerFile layer_from(const Container& stored, const std::string& name) {
  const Container container = with_marlin_names(stored);
  const std::optional<std::string> prefix = marlin_prefix(container, name);
  if (!prefix) return fixtures::layer_from(container, name);
  LayerFile file;
  const Packed packed = read_marlin(settled(container, *prefix, file), *prefix, file.inferred);
  Layer layer = undone(packed, container.path.string());
  layer.activations = file.layer.activations;
  layer.row_scale = file.layer.row_scale;
  file.layer = std::move(layer);
  file.layer.name = !prefix->empty() ? *prefix : manifest_name(container);
  if (file.layer.name.empty()) file.layer.name = as_utf8(container.path.stem().string());
  file.inferred.push_back(fmt::format("Marlin-packed: B {} undone to codes (K={}, N={}), as gptq v2",
                                      fixtures::files::shape_text({packed.words.rows(), packed.words.cols()}),
                                      packed.stored_K, packed.stored_N));
  if (file.layer.g_idx && in_order(fixtures::files::grid_of<std::int32_t>(*file.layer.g_idx), file.layer.group_size))
    file.layer.g_idx.reset();
  fixtures::validate(file.layer, container.path.string());
  return file;
}

LayerFile trusted_layer_from(const Container& container, const std::string& name, fixtures::Trust trust) {
  using fixtures::Trust;
  const auto read = [&](const Container& all) { return layer_from(all, name); };
  try {
    return read(container);
  } catch (const InputError& error) {
    if (!container.manifest.contains("said_by")) throw;
    const std::vector<fixtures::lint::Refuted> refuted = fixtures::lint::refuted_claims(container, read);
    if (refuted.empty()) throw;
    if (trust != Trust::data)
      throw InputError("{}; {}", error.what(),
                       trust == Trust::config ? "only --trust data can read it" : "--trust data goes by the tensors");
    LayerFile file = read(fixtures::lint::without_claims(container, refuted));
    for (const fixtures::lint::Refuted& claim : refuted)
      file.inferred.push_back(claim.sentence + "; the tensors are trusted");
    return file;
  }
}

LayerFile read_layer(const fs::path& path, const std::string& name, fixtures::Trust trust) {
  return trusted_layer_from(fixtures::read_container_with(path, name, trust), name, trust);
}

Container container_of(const Packed& packed, const Layer& layer) {
  Container out;
  const auto put = [&](Tensor tensor) { out.tensors[tensor.name] = std::move(tensor); };
  put(fixtures::files::tensor_of("B", DType::i32, packed.words));
  put(fixtures::files::tensor_of("scales", packed.dtype, packed.scales));
  if (!packed.zeros.empty()) put(fixtures::files::tensor_of("zeros", DType::i32, packed.zeros));
  if (!packed.perm.empty()) put(fixtures::files::vector_of("perm", DType::i32, packed.perm));
  if (!packed.bias.empty()) put(fixtures::files::vector_of("bias", packed.dtype, packed.bias));
  if (layer.activations) put(*layer.activations);
  if (layer.row_scale) put(layer.row_scale->tensor);
  out.manifest = {{"schema", 1},
                  {"name", layer.name},
                  {"format", "marlin"},
                  {"K", packed.stored_K},
                  {"N", packed.stored_N},
                  {"group_size", packed.group_size},
                  {"symmetric", packed.zeros.empty()},
                  {"act_order", !packed.perm.empty()},
                  {"dtype", w4::name_of(packed.dtype)}};
  return out;
}

}  // namespace w4::repack
