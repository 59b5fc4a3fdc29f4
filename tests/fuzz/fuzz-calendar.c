/* SPDX-License-Identifier: Apache-2.0 */
/* A calendar event: what is refused has a reason, and of what is taken every range is in its unit. */
#include <stdlib.h>

#include "daemon/base/buf.h"
#include "daemon/base/calendar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct calendar *c)
{
	static const uint64_t most[CALENDAR_UNITS] = {2199, 12, 31, 23, 59, 59999999};

	if (c->weekdays == 0 || c->weekdays > CALENDAR_EVERY_DAY)
		abort();
	if (c->is_window && (c->opens >= 86400 || c->closes > 86400 || c->opens == c->closes))
		abort();
	for (enum calendar_unit unit = 0; unit < CALENDAR_UNITS; unit++)
		for (size_t i = 0; i < c->units[unit].count; i++) {
			const struct calendar_range *r = &c->units[unit].ranges[i];

			if (r->first > most[unit] || r->last > most[unit])
				abort();
			if (r->step == 0 && r->first != r->last)
				abort();
		}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct calendar c;
	const char *why = NULL;

	buf_add(&text, data, size);
	buf_add_char(&text, '\0');
	if (calendar_parse(text.data, &c, &why) == 0)
		check(&c);
	else if (!why || !*why)
		abort();
	return 0;
}
