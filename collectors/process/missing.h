/* SPDX-License-Identifier: Apache-2.0 */
/* Why a configured service has no process.
 *
 * Layer: collectors; of this folder alone. */
#pragma once

#include "collectors/process/model.h"

/* Nobody of the service is there: the next missing_check() tells so, and why, as far as can be seen. */
void missing_begin(struct service *s);
/* The same, told at once, by what is known of its units. */
void missing_tell(struct service *s);
/* The same, told at once, with this reason. */
void missing_begin_because(struct service *s, const char *why);
/* One turn of the look for the reasons; later, now and then, whether what was told is still the reason. */
void missing_check(struct collector *c);
