/* SPDX-License-Identifier: Apache-2.0 */
/* Services that may run where we lack the rights to see.
 *
 * Layer: collectors; of this folder alone. */
#pragma once

#include "collectors/process/model.h"

/* True where a process may well be the configured service's, but we lack the rights to see that. */
bool unseen_may_run(struct service *s);
/* Now and then, whether that is so by now of services that were told to be missing: then they are not. */
void unseen_check_missing(struct collector *c);
