/* SPDX-License-Identifier: Apache-2.0 */
/* When each collector last succeeded, as the database knows it.
 *
 * Layer: daemon/web. */
#pragma once

#include "daemon/web/health.h"
#include "schema/store_read.h"

#define COLLECTORS_MAX 64 /* that are looked at */

struct collector_reports {
	struct collector_report items[COLLECTORS_MAX];
	char *names[COLLECTORS_MAX]; /* of the items, owned */
	size_t count;
};

/* C is empty before. As of the newest values that there are: an engine that is gone for long leaves
 * its last word. -ENOMEM, or that of the reader. */
int collector_reports_read(struct reader *reader, struct collector_reports *c);
void collector_reports_done(struct collector_reports *c);

/* Adds those of ROLES that collect and have not reported. -ENOMEM. */
int collector_reports_expect(
	struct collector_reports *c, const struct role_record *roles, size_t count);
