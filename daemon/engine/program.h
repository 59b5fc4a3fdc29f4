/* SPDX-License-Identifier: Apache-2.0 */
/* The engine as role_run() takes it.
 *
 * Layer: daemon. */
#pragma once

#include "daemon/role.h"

extern const struct role_program engine_program;
