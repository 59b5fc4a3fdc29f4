/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/unit.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/cursor.h"
#include "daemon/base/glob.h"
#include "daemon/base/text.h"
#include "schema/event.h"

/* The texts, in the order of the wire. */
static const struct text {
	size_t offset, limit;
} texts[] = {
	{offsetof(struct unit_state, name), UNIT_NAME_MAX},
	{offsetof(struct unit_state, load), UNIT_WORD_MAX},
	{offsetof(struct unit_state, active), UNIT_WORD_MAX},
	{offsetof(struct unit_state, sub), UNIT_WORD_MAX},
	{offsetof(struct unit_state, file), UNIT_WORD_MAX},
	{offsetof(struct unit_state, result), UNIT_WORD_MAX},
	{offsetof(struct unit_state, job), UNIT_WORD_MAX},
	{offsetof(struct unit_state, cgroup), UNIT_PATH_MAX},
	{offsetof(struct unit_state, cause), UNIT_CAUSE_MAX},
};

bool unit_name_has_type(const char *name)
{
	static const char *const types[] = {"service", "scope", "slice", "socket", "timer", "target", "mount",
		"automount", "swap", "path", "device"};
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot && i < ELEMENTS(types); i++)
		if (fnmatch(dot + 1, types[i], 0) == 0)
			return true;
	return false;
}

char *unit_name_complete(const char *given)
{
	char *name;

	return asprintf(&name, "%s%s", given, unit_name_has_type(given) ? "" : ".service") < 0 ? NULL : name;
}

bool unit_name_is_template(const char *name)
{
	const char *at = strchr(name, '@');

	return at && at + 1 == strrchr(name, '.');
}

bool unit_name_is_glob(const char *name)
{
	return strpbrk(name, "*?[") != NULL;
}

bool unit_name_matches(const char *given, const char *name)
{
	return unit_name_is_glob(given) ? glob_match(given, name) : text_equal(given, name);
}

static char **text_of(const struct unit_state *u, const struct text *t)
{
	return (char **) ((char *) (uintptr_t) u + t->offset);
}

void unit_state_done(struct unit_state *u)
{
	for (size_t i = 0; i < ELEMENTS(texts); i++)
		free(*text_of(u, &texts[i]));
	*u = (struct unit_state){0};
}

void unit_state_write(const struct unit_state *u, struct buf *b)
{
	for (size_t i = 0; i < ELEMENTS(texts); i++)
		buf_put_string(b, *text_of(u, &texts[i]));
	buf_put_u64(b, (uint64_t) u->main_pid);
	buf_put_u64(b, (uint64_t) u->exit_pid);
	buf_put_u64(b, (uint64_t) u->exit_code);
	buf_put_u64(b, (uint64_t) u->exit_status);
	buf_put_u64(b, u->restarts);
}

static int read_all(struct cursor *c, struct unit_state *u)
{
	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		char *text = cursor_string(c, texts[i].limit);

		*text_of(u, &texts[i]) = text;
		if (c->failed || !text_is_utf8(text, strlen(text)))
			return -EBADMSG;
	}
	u->main_pid = (int64_t) cursor_u64(c);
	u->exit_pid = (int64_t) cursor_u64(c);
	u->exit_code = (int64_t) cursor_u64(c);
	u->exit_status = (int64_t) cursor_u64(c);
	u->restarts = cursor_u64(c);
	if (!cursor_complete(c) || !*u->name)
		return -EBADMSG;
	if ((u->main_pid != 0 && !process_id_is_valid(u->main_pid)) ||
		(u->exit_pid != 0 && !process_id_is_valid(u->exit_pid)))
		return -EBADMSG;
	return 0;
}

int unit_state_read(const void *data, size_t size, struct unit_state *ret)
{
	struct cursor c = cursor_init(data, size);
	struct unit_state u = {0};
	int r = read_all(&c, &u);

	if (r < 0) {
		unit_state_done(&u);
		return r;
	}
	*ret = u;
	return 0;
}

int unit_state_copy(const struct unit_state *u, struct unit_state *ret)
{
	_cleanup_buf_ struct buf bytes = BUF_INIT;

	unit_state_write(u, &bytes);
	return buf_error(&bytes) < 0 ? buf_error(&bytes) : unit_state_read(bytes.data, bytes.size, ret);
}
