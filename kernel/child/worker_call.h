// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/child/worker_protocol.h"

#include <type_traits>

namespace w4::kernel::worker {

/// The call of a request with its pointers set: `at` maps a place to an address.
template <class At>
W4Call placed_call(const Request& request, const At& at) {
  W4Call call = request.call;
  const auto point = [&](auto*& pointer, const Place& place) {
    using Pointer = std::remove_reference_t<decltype(pointer)>;
    pointer = place.at == 0 ? nullptr : reinterpret_cast<Pointer>(at(place));
  };
  const Places& places = request.places;
  point(call.A, places.A);
  point(call.words, places.words);
  point(call.scales, places.scales);
  point(call.zeros, places.zeros);
  point(call.perm, places.perm);
  point(call.bias, places.bias);
  point(call.C, places.C);
  point(call.workspace, places.workspace);
  point(call.scratch, places.scratch);
  return call;
}

}  // namespace w4::kernel::worker
