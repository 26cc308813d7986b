// SPDX-License-Identifier: Apache-2.0
#include "kernel/child/case_folder.h"

#include "fixtures/error.h"
#include "fixtures/files/container.h"
#include "fixtures/files/new_file.h"
#include "fixtures/files/npy.h"
#include "fixtures/files/write_beside.h"
#include "kernel/child/errors.h"

#include <nlohmann/json.hpp>

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

namespace w4::kernel::child {
namespace {

namespace fs = std::filesystem;

nlohmann::json launch_of(const Launch& launch) {
  return {{"number", launch.number},
          {"thread_k", launch.block_tile.thread_k},
          {"thread_n", launch.block_tile.thread_n},
          {"thread_blocks", launch.thread_blocks},
          {"reduce_bits", launch.reduce_bits}};
}

fs::path new_name() {
  std::error_code error;
  const fs::path folder = fs::temp_directory_path(error);
  if (error) throw ToolFailed("no folder can be made for a run, TMPDIR names none: {}", error.message());
  return folder / ("w4_run_" + fixtures::files::sixteen_random_digits());
}

}  // namespace

TemporaryFolder::TemporaryFolder() : folder_(new_name()) {
  if (::mkdir(path().c_str(), S_IRWXU) != 0)
    throw ToolFailed("{}: no folder can be made for a run: {}", path().string(), std::strerror(errno));
}

void write_case(const Task& task, const fs::path& folder, const std::string& layer) {
  const repack::Packed& packed = task.packed;
  fs::create_directory(folder);
  nlohmann::json files = nlohmann::json::object();
  const auto write = [&](const std::string& name, DType dtype, const auto& grid) {
    if (grid.empty()) return;
    fixtures::files::Tensor tensor = fixtures::files::tensor_of(name, dtype == DType::bf16 ? DType::u16 : dtype, grid);
    if (name == "perm" || name == "bias") tensor.shape = {grid.cols()};
    files[name] = name + ".npy";
    fixtures::files::write_npy(tensor, folder / (name + ".npy"));
  };
  write("A", packed.dtype, task.A);
  write("B", DType::u32, packed.words);
  write("scales", packed.dtype, packed.scales);
  write("zeros", DType::u32, packed.zeros);
  write("perm", DType::i32, packed.perm);
  write("bias", packed.dtype, packed.bias);
  write("C", packed.dtype, Grid<std::uint16_t>::filled(task.A.rows(), packed.stored_N, task.launch.fill));
  nlohmann::ordered_json json = {{"w4", 1},
                                 {"M", task.A.rows()},
                                 {"N", packed.stored_N},
                                 {"K", packed.stored_K},
                                 {"padded_N", packed.N},
                                 {"padded_K", packed.K},
                                 {"group_size", packed.group_size},
                                 {"groups", packed.groups()},
                                 {"dtype", name_of(packed.dtype)},
                                 {"symmetric", packed.zeros.empty()},
                                 {"launch", launch_of(task.launch)},
                                 {"files", files}};
  if (!layer.empty()) json["layer"] = layer;
  const std::string text = json.dump(2) + "\n";
  fixtures::files::write_file(folder / "task.json", {text});
}

void write_layer(const fixtures::Layer& layer, const fs::path& folder) {
  fixtures::files::write_container(fixtures::container_of(layer), folder, fixtures::files::ContainerKind::npy_folder);
}

}  // namespace w4::kernel::child
