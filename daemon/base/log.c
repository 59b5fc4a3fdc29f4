/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/file.h"
#include "daemon/base/text.h"

#define FIELDS_MAX 16   /* structured fields of one message, ours included */
#define VALUE_MAX  1024 /* bytes of a field's value */
#define TEXT_MAX   8192 /* of a message: it goes to the journal in one datagram, without further calls */

/* The one process-wide state of the program: where its messages go. */
static struct {
	const char *program;
	int level;
	bool journal;
	bool colour;
} log_state = {.program = "modelwatch", .level = LOG_INFO};

static const struct {
	const char *name;
	int level;
	const char *colour;
} levels[] = {
	{"error", LOG_ERR, "\x1b[1;31m"},
	{"warning", LOG_WARNING, "\x1b[1;33m"},
	{"notice", LOG_NOTICE, "\x1b[1m"},
	{"info", LOG_INFO, ""},
	{"debug", LOG_DEBUG, "\x1b[2m"},
};

/* $JOURNAL_STREAM names the device and inode of the stream that systemd gave the service; it is
 * ours only where stderr still is that stream (systemd.exec(5)). */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;
	char rest;

	if (!stream || sscanf(stream, "%llu:%llu%c", &device, &inode, &rest) != 2)
		return false;
	return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void log_open(const char *program)
{
	const char *none = getenv("NO_COLOR"); /* no-color.org: it counts when it is not empty */

	log_state.program = program;
	log_state.journal = stderr_is_journal();
	log_state.colour =
		!log_state.journal && isatty(STDERR_FILENO) && !(none && *none);
	/* Opens the journal's socket while that is still allowed. */
	if (log_state.journal)
		sd_journal_send("MESSAGE=%s: starting", program, "PRIORITY=%i", LOG_DEBUG,
			"SYSLOG_IDENTIFIER=%s", program, NULL);
}

void log_set_level(int level)
{
	log_state.level = level;
}

int log_level_parse(const char *name)
{
	for (size_t i = 0; i < ELEMENTS(levels); i++)
		if (text_equal(levels[i].name, name))
			return levels[i].level;
	return -EINVAL;
}

/* In the form that sd_journal_sendv() takes, which sends a value with line breaks by its length. */
static void add_field(struct iovec *io, struct buf *b, const char *name, const char *value)
{
	buf_printf(b, "%s=%s", name, value);
	*io = (struct iovec){b->data, b->size};
}

/* A field of which strangers may have written the value. */
static void add_foreign_field(struct iovec *io, struct buf *b, const struct log_field *field)
{
	_cleanup_free_ char *value = text_printable(field->value, strnlen(field->value, VALUE_MAX + 1));

	if (value)
		text_truncate(value, VALUE_MAX);
	add_field(io, b, field->name, value ? value : "");
}

static void write_journal(
	int level, const struct log_field fields[], size_t count, const char *message)
{
	struct buf bytes[FIELDS_MAX] = {0};
	struct iovec io[FIELDS_MAX];
	char priority[] = {(char) ('0' + level), '\0'};
	size_t n = 0;

	add_field(&io[n], &bytes[n], "MESSAGE", message);
	n++;
	add_field(&io[n], &bytes[n], "PRIORITY", priority);
	n++;
	add_field(&io[n], &bytes[n], "SYSLOG_IDENTIFIER", log_state.program);
	n++;
	for (size_t i = 0; i < count && n < FIELDS_MAX; i++, n++)
		add_foreign_field(&io[n], &bytes[n], &fields[i]);
	sd_journal_sendv(io, (int) n);
	for (size_t i = 0; i < n; i++)
		buf_done(&bytes[i]);
}

static void write_stderr(int level, const char *message)
{
	const char *colour = "";
	_cleanup_buf_ struct buf line = BUF_INIT;
	char now[RFC3339_MAX];

	for (size_t i = 0; i < ELEMENTS(levels) && log_state.colour; i++)
		if (levels[i].level == level)
			colour = levels[i].colour;
	clock_format(clock_wall(), now);
	buf_printf(&line, "%s %s: %s%s%s\n", now, log_state.program, colour, message,
		*colour ? "\x1b[0m" : "");
	if (line.data)
		file_write_all(STDERR_FILENO, line.data, line.size);
}

bool log_takes(int level)
{
	return level <= log_state.level;
}

void log_write(int level, const struct log_field fields[], size_t count, const char *text)
{
	/* What is logged may quote strangers: one message is one line without control characters. */
	_cleanup_free_ char *message = log_takes(level) ? text_printable(text, strlen(text)) : NULL;

	if (!message)
		return;
	text_truncate(message, TEXT_MAX);
	if (log_state.journal)
		write_journal(level, fields, count, message);
	else
		write_stderr(level, message);
}

void log_debug(const char *format, ...)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	va_list arguments;

	if (!log_takes(LOG_DEBUG))
		return;
	va_start(arguments, format);
	buf_vprintf(&text, format, arguments);
	va_end(arguments);
	if (text.data)
		log_write(LOG_DEBUG, NULL, 0, text.data);
}
