// SPDX-License-Identifier: Apache-2.0
// A plug-in with the fault W4_PLANTED.
#include "planted.h"

extern "C" const W4Plugin* w4_plugin(void) { return w4::tests::planted_plugin(W4_PLANTED); }
