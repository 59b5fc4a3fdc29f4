/* SPDX-License-Identifier: Apache-2.0 */
/* What `modelwatch doctor` is told.
 *
 * Layer: collectors; of this folder alone. */
#pragma once

#include "collectors/process/model.h"

/* Whether it is there cannot be seen. */
void doctor_unseen(struct service *s);
/* It is not there, and is found by names of containers alone, which not every one shows. */
void doctor_unnamed(struct service *s);
/* It is seen: nothing of this is so any more. */
void doctor_seen(struct service *s);
/* Finds out what the daemon's rights suffice for: facts for `modelwatch doctor`. */
void doctor_rights(struct collector *c);
/* Says once that rights do not suffice for everything. */
void doctor_denied(struct collector *c);
/* Says once that a service has more main processes than are told of. */
void doctor_many_mains(struct service *s);
/* Which processes keep us waiting; NULL: none any more. */
void doctor_stuck(struct collector *c, const char *text);
/* Says once that no more services are discovered. */
void doctor_crowded(struct collector *c);
/* Says once that more sockets listen than are looked at. */
void doctor_many_sockets(struct collector *c);
