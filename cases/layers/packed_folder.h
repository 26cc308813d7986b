// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/layer/model.h"

#include <filesystem>
#include <string>
#include <vector>

namespace w4::cases::layers {

/// The folder into which a model is repacked, one file a layer; a model folder itself when all is done. One run at a
/// time owns it, and an interrupted run can be resumed.
class PackedFolder {
 public:
  /// Makes the folder, or resumes one that was begun from the same files, config and trust (repack.json in it has their
  /// identity). Removes the temporary files of an interrupted run, and the model's layers where repack.json is empty or
  /// torn: nothing says then what they were made from. Throws InputError for a folder with other content, one begun
  /// from other files, and one that another run is using.
  PackedFolder(std::filesystem::path folder, const fixtures::Model& model,
               fixtures::Trust trust = fixtures::Trust::neither);
  ~PackedFolder();
  PackedFolder(const PackedFolder&) = delete;
  PackedFolder& operator=(const PackedFolder&) = delete;

  /// NAME.safetensors. Throws InputError for a name that cannot be a file name.
  std::filesystem::path file_of(const std::string& layer) const;

  /// Whether the layer's file is there and holds what was written: its tensors are those of its checksums.
  bool holds(const std::string& layer) const;

  /// Whether repack.json was empty or torn, so that everything is made anew.
  bool was_torn() const { return was_torn_; }

  /// Writes model.safetensors.index.json and config.json for those of the layers whose files are there and can be read,
  /// so that the folder can be read as a model.
  void write_index(const std::vector<std::string>& layers) const;

 private:
  std::filesystem::path folder_;
  bool was_torn_ = false;
  int lock_ = -1;
};

}  // namespace w4::cases::layers
