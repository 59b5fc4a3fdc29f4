/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config/problem.h"

#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>

#include "daemon/base/text.h"

void problems_done(struct problems *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->items[i].text);
	free(p->items);
	*p = (struct problems){0};
}

static void put_place(struct buf *b, const struct place *place)
{
	if (!place || !place->file)
		return;
	buf_add_string(b, place->file);
	if (place->line > 0)
		buf_printf(b, ":%u", place->line);
	buf_add_string(b, ": ");
}

static int append(struct problems *p, int level, const struct place *place, const struct buf *text)
{
	/* Names of files are foreign, and a value may have been cut inside a character. */
	char *printable = buf_error(text) == 0 ? text_printable(text->data, text->size) : NULL;
	struct problem *items = reallocarray(p->items, p->count + 1, sizeof(*items));

	p->items = items ? items : p->items;
	if (!items || !printable) {
		free(printable);
		return -ENOMEM;
	}
	items[p->count] = (struct problem){
		.place = place ? *place : (struct place){0},
		.sequence = (unsigned) p->count,
		.level = level,
		.text = printable,
	};
	p->count++;
	return 0;
}

void problem_add(struct problems *p, int level, const struct place *place, const char *format, ...)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	va_list arguments;

	if (level <= LOG_ERR)
		p->errors++;
	if (p->count >= PROBLEMS_MAX) {
		p->left_out++;
		return;
	}
	put_place(&text, place);
	va_start(arguments, format);
	buf_vprintf(&text, format, arguments);
	va_end(arguments);
	if (append(p, level, place, &text) < 0)
		p->failure = -ENOMEM;
}

const char *problem_hint(
	const char *word, const char *const candidates[], size_t count, char hint[static PROBLEM_HINT_MAX])
{
	const char *nearest = text_nearest(word, candidates, count);

	hint[0] = '\0';
	if (nearest)
		snprintf(hint, PROBLEM_HINT_MAX, ", did you mean '%.64s'?", nearest);
	return hint;
}

static int compare(const void *a, const void *b)
{
	const struct problem *one = a, *other = b;

	if (one->place.number != other->place.number)
		return one->place.number < other->place.number ? -1 : 1;
	if (one->place.line != other->place.line)
		return one->place.line < other->place.line ? -1 : 1;
	return one->sequence < other->sequence ? -1 : one->sequence > other->sequence;
}

void problems_report(struct problems *p, config_report_fn report, void *userdata)
{
	if (p->count > 0)
		qsort(p->items, p->count, sizeof(p->items[0]), compare);
	for (size_t i = 0; i < p->count; i++)
		report(userdata, p->items[i].level, p->items[i].text);
	if (p->left_out > 0) {
		char text[64];

		snprintf(text, sizeof(text), "%u more problem%s not shown here", p->left_out,
			p->left_out == 1 ? " is" : "s are");
		report(userdata, p->errors > 0 ? LOG_ERR : LOG_WARNING, text);
	}
}
