/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/journal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/buf.h"
#include "daemon/base/log.h"

#define NUMBER_MAX 24 /* bytes of a 64 bit number, its NUL included */
#define FIELDS_MAX 9  /* the MESSAGE_ID and what a struct journal_fields can hold */

static const struct {
	int level;
	const char *id;
} entries[] = {
#define ENTRY(identifier, level, id, fields) [JOURNAL_##identifier] = {LOG_##level, id},
#include "daemon/journal.def"
#undef ENTRY
};

struct field_list {
	struct log_field items[FIELDS_MAX];
	size_t count;
	char incident[NUMBER_MAX], error[NUMBER_MAX];
};

static void add(struct field_list *list, const char *name, const char *value)
{
	if (value && *value)
		list->items[list->count++] = (struct log_field){name, value};
}

static void add_fields(struct field_list *list, const struct journal_fields *f)
{
	snprintf(list->incident, sizeof(list->incident), "%" PRIi64, f->incident);
	snprintf(list->error, sizeof(list->error), "%d", -f->error);
	add(list, "ROLE", f->role);
	add(list, "SERVICE", f->service);
	add(list, "SEVERITY", f->severity);
	add(list, "STATE", f->state);
	add(list, "RULE", f->rule);
	add(list, "WEBHOOK", f->webhook);
	add(list, "INCIDENT", f->incident != 0 ? list->incident : NULL);
	add(list, "ERRNO", f->error != 0 ? list->error : NULL);
}

static const struct journal_fields no_fields;

int journal_write(enum journal_entry entry, const struct journal_fields *fields, const char *format, ...)
{
	const struct journal_fields *f = fields ? fields : &no_fields;
	int level = f->level ? f->level : entries[entry].level;
	struct field_list list = {.count = 0};
	_cleanup_buf_ struct buf text = BUF_INIT;
	va_list arguments;

	if (!log_takes(level))
		return f->error;
	add(&list, "MESSAGE_ID", entries[entry].id);
	add_fields(&list, f);
	va_start(arguments, format);
	buf_vprintf(&text, format, arguments);
	va_end(arguments);
	if (f->error)
		buf_printf(&text, ": %s", strerror(-f->error));
	if (text.data)
		log_write(level, list.items, list.count, text.data);
	return f->error;
}
