/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/time_in_text.h"

#include <string.h>

#define TIME_SIZE (sizeof("2026-01-31T10:00:00.123Z") - 1)

const char *time_in_text(const char *text, usec_t *ret_time, const char **ret_behind)
{
	char copy[TIME_SIZE + 1] = "";
	const char *end;

	for (const char *z = text; (z = strchr(z, 'Z')); z++) {
		end = z + 1;
		if ((size_t) (end - text) < TIME_SIZE)
			continue;
		memcpy(copy, end - TIME_SIZE, TIME_SIZE);
		if (clock_parse(copy, ret_time) < 0)
			continue;
		*ret_behind = end;
		return end - TIME_SIZE;
	}
	return NULL;
}
