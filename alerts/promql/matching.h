/* SPDX-License-Identifier: Apache-2.0 */
/* Which elements of two vectors belong together.
 *
 * Layer: alerts; private to promql. Reference: prometheus.io/docs/prometheus/latest/querying/operators,
 * "Logical/set binary operators" and "Vector matching". */
#pragma once

#include "alerts/promql/tree.h"
#include "daemon/base/buf.h"
#include "daemon/base/map.h"

/* The elements of one vector, by the labels that partners have in common. */
struct partners {
	const struct matching *matching;
	struct map *keys;
	struct buf key; /* of the last one looked up */
};

/* 0 or -ENOMEM. MATCHING must outlive it. */
int partners_init(struct partners *p, const struct matching *matching);
void partners_done(struct partners *p);

/* 0 or -ENOMEM. */
int partners_add(struct partners *p, const struct labels *labels);
/* 1 or 0; -ENOMEM. */
int partners_has(struct partners *p, const struct labels *labels);

/* Writes the labels that M compares to KEY: two keys are equal where the labels are. 0 or -ENOMEM. */
int matching_key(const struct matching *m, const struct labels *labels, struct buf *key);
