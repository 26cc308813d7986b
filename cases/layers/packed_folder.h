// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/files/container.h"
#include "fixtures/layer/model.h"

#include <filesystem>
#include <string>
#include <vector>

namespace w4::cases::layers {

/// A folder into which a model is repacked, one file a layer; itself a model's folder when all is done. It belongs to
/// one run at a time, and can be gone on with after an interruption.
class PackedFolder {
 public:
  /// Makes the folder, or goes on with one that was begun from the same files: repack.json in it names them, with their
  /// sizes and times. What an interrupted run left half written is removed. Throws InputError for a folder that holds
  /// something else, was begun from other files, or is another run's at the moment.
  PackedFolder(std::filesystem::path folder, const fixtures::Model& model);
  ~PackedFolder();
  PackedFolder(const PackedFolder&) = delete;
  PackedFolder& operator=(const PackedFolder&) = delete;

  /// NAME.safetensors. Throws InputError for a name that no file in this folder can have.
  std::filesystem::path file_of(const std::string& layer) const;

  /// model.safetensors.index.json and config.json, so that the folder is read as a model: of layers whose files are
  /// there. Written anew each time.
  void write_index(const std::vector<std::string>& layers) const;

 private:
  std::filesystem::path folder_;
  int lock_ = -1;
};

}  // namespace w4::cases::layers
