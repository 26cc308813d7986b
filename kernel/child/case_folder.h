// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/files/temporaries.h"
#include "fixtures/layer/layer.h"
#include "kernel/run.h"

#include <filesystem>

namespace w4::kernel::child {

/// A new folder w4_run_... under the system's temporary folder, removed with this object and by remove_temporaries().
class TemporaryFolder {
 public:
  TemporaryFolder();  // throws ToolFailed
  const std::filesystem::path& path() const { return folder_.path(); }

 private:
  fixtures::files::Temporary folder_;
};

/// Writes a task as files: A, B, scales, where there are any zeros, perm and bias, C full of launch.fill, and
/// task.json:
///   {"w4": 1, "M": 4, "N": 1536, "K": 384, "padded_N": 1536, "padded_K": 384, "group_size": 128, "groups": 3,
///    "dtype": "fp16", "symmetric": true, "launch": {"number": 0, "thread_k": 128, ...}, "files": {"A": "A.npy", ...},
///    "layer": "../layer1"}
/// Arrays have the shapes of kernel/plugin.h; B is its `words`. bf16 is stored as uint16, which NumPy can read.
/// `layer`: path, relative to `folder`, of the layer as its checkpoint stores it; empty: none.
void write_case(const Task& task, const std::filesystem::path& folder, const std::string& layer);

/// Writes the layer as a fixture to `folder`, which must not exist yet.
void write_layer(const fixtures::Layer& layer, const std::filesystem::path& folder);

}  // namespace w4::kernel::child
