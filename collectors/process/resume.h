/* SPDX-License-Identifier: Apache-2.0 */
/* A collector goes on from what the engine knows of the one before it.
 *
 * Layer: collectors; of this folder alone. */
#pragma once

#include "collectors/process/model.h"

/* Counters go on where they were. */
void resume_value(struct collector *c, const struct known_value *v);
/* Services that were discovered before and are not configured: they are gone on with, but for those
 * that are too many. */
int resume_discovered(struct collector *c, const struct known *known);
/* Processes of discovered services go on with them; those of configured ones are found by the first
 * listing, but for those that show a title by now. What is gone is told before that, so that successors
 * count as restarts. LIVED[i] is set for those that are there. */
void resume_processes(struct collector *c, const struct known *known, bool *lived);
/* What ended between the two looks, and what lives on but is found no more. */
void resume_settle(struct collector *c, const struct known *known, const bool *lived);
