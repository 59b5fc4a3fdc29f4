/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/cli/show.h"

#include <string.h>
#include <time.h>

#include "daemon/base/text.h"
#include "daemon/time_in_text.h"

const char *show_string(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

int show_severity_rank(const char *severity)
{
	return text_equal(severity, "critical") ? 0 : text_equal(severity, "warning") ? 1 : 2;
}

enum colour show_severity_colour(const char *severity)
{
	static const enum colour colours[] = {RED, YELLOW, PLAIN};

	return colours[show_severity_rank(severity)];
}

void show_paint(struct buf *b, const struct style *style, enum colour colour, const char *text)
{
	/* ECMA-48, select graphic rendition. */
	static const char *const codes[] = {
		[PLAIN] = "",
		[BOLD] = "\033[1m",
		[DIM] = "\033[2m",
		[RED] = "\033[1;31m",
		[GREEN] = "\033[32m",
		[YELLOW] = "\033[33m",
	};
	_cleanup_free_ char *printable = text_printable(text, strlen(text));
	bool painted = style->colour && colour != PLAIN && *text;

	if (painted)
		buf_add_string(b, codes[colour]);
	buf_add_string(b, printable ? printable : "");
	if (painted)
		buf_add_string(b, "\033[0m");
}

void show_heading(struct buf *b, const struct style *style, const char *text)
{
	if (b->size > 0)
		buf_add_char(b, '\n');
	show_paint(b, style, BOLD, text);
	buf_add_char(b, '\n');
}

void show_lines(struct buf *b, const char *prefix, const char *text)
{
	while (*text) {
		size_t size = strcspn(text, "\n");
		_cleanup_free_ char *line = text_printable(text, size);

		buf_printf(b, "%s%s\n", prefix, line ? line : "");
		text += size + (text[size] == '\n');
	}
}

void show_time_alone(struct buf *b, const char *rfc3339)
{
	char text[RFC3339_MAX];
	struct tm tm;
	time_t seconds;
	usec_t t;

	if (clock_parse(rfc3339, &t) < 0)
		return;
	seconds = (time_t) (t / USEC_PER_SEC);
	if (localtime_r(&seconds, &tm) &&
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) > 0)
		buf_add_string(b, text);
}

void show_ago(struct buf *b, const struct style *style, const char *rfc3339)
{
	char text[RFC3339_MAX];
	usec_t t, age;

	if (clock_parse(rfc3339, &t) < 0)
		return;
	age = usec_since(style->now, t);
	if (age < USEC_PER_SEC)
		buf_add_string(b, "just now");
	else if (age < USEC_PER_MIN)
		buf_printf(b, "%us ago", (unsigned) (age / USEC_PER_SEC));
	else
		buf_printf(b, "%s ago", clock_format_duration(age, text));
}

void show_time(struct buf *b, const struct style *style, const char *rfc3339)
{
	usec_t t;

	if (clock_parse(rfc3339, &t) < 0)
		return;
	show_time_alone(b, rfc3339);
	buf_add_string(b, " (");
	show_ago(b, style, rfc3339);
	buf_add_char(b, ')');
}

void show_sentence(struct buf *b, const struct style *style, enum colour colour, const char *text)
{
	_cleanup_buf_ struct buf sentence = BUF_INIT;
	const char *at, *behind;
	usec_t when;

	while ((at = time_in_text(text, &when, &behind))) {
		char time[RFC3339_MAX];

		buf_add(&sentence, text, (size_t) (at - text));
		show_time(&sentence, style, clock_format(when, time));
		text = behind;
	}
	buf_add_string(&sentence, text);
	show_paint(b, style, colour, sentence.data ? sentence.data : "");
}
