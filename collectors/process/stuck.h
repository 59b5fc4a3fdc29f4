/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that keep us waiting.
 *
 * Layer: collectors; of this folder alone. */
#pragma once

#include "collectors/process/model.h"

/* Looks again at processes that kept us waiting, and tells of those that do so for long. */
void stuck_look_again(struct collector *c);
