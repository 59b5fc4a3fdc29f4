/* SPDX-License-Identifier: Apache-2.0 */
/* Why a configured service has no process.
 *
 * Layer: collectors; of this folder alone. */
#pragma once

#include "collectors/process/model.h"

/* Tells that it has none, and why, as far as can be seen. */
void missing_tell(struct service *s);
/* Now and then, whether what was told of services that have none is still the reason. */
void missing_check(struct collector *c);
