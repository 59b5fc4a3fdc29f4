/* SPDX-License-Identifier: Apache-2.0 */
/* A value of a series, as it travels and as the store takes it.
 *
 * Layer: schema. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/buf.h"

struct sample {
	uint32_t series; /* the id that the taker of the sample gave to it */
	double value;
};

/* The series ended: Prometheus's stale NaN, in one bit pattern. */
double sample_stale(void);
bool sample_is_stale(double value);

/* The wire form inside messages. The reader takes foreign bytes: -EBADMSG, -ENOMEM; its list is the
 * caller's. */
void samples_write(const struct sample *list, size_t count, struct buf *b);
int samples_read(const void *data, size_t size, struct sample **ret, size_t *ret_count);
