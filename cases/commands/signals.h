// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace w4::cases {

/// From now on a signal that ends the program (SIGINT, SIGTERM, SIGHUP, ...) removes its temporary files and folders
/// first. Signals that are ignored stay so.
void clean_up_at_signals();

/// Whether SIGINT or SIGTERM came. From the first call on, the first of them ends nothing, which is said on stderr; the
/// second ends the program.
bool interrupted();

}  // namespace w4::cases
