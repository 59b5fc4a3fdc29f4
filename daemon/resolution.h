/* SPDX-License-Identifier: Apache-2.0 */
/* How an incident ended, from the API's JSON of it: its timeline says by whom, its alerts whether what
 * it was about has ended, too.
 *
 * Layer: daemon. Pure. */
#pragma once

#include <jansson.h>

#include "daemon/base/buf.h"

/* The person who resolved INCIDENT; NULL where modelwatch did, while it is open, and where that is not
 * known. */
const char *resolution_person(const json_t *incident);

/* Appends which rules fire though INCIDENT is resolved: "ServiceDown still fires", "A and B still
 * fire"; nothing where none does. */
void resolution_write_firing(const json_t *incident, struct buf *b);
