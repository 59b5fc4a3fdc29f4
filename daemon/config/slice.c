/* SPDX-License-Identifier: Apache-2.0 */
/* The slice of one role, on its way through a sealed memory file.
 *
 * Format: u32 magic, u32 role, u32 count of sections; each section: u8 kind, string name, u16 count
 * of options; each option: string key, u32 count of values, each a field. Options travel by their
 * keys, so that a role of another build refuses what it does not know and takes nothing for
 * something else. */
#include <string.h>

#include "daemon/base/cursor.h"
#include "daemon/base/text.h"
#include "daemon/config/model.h"

#define SLICE_MAGIC 0x3143574dU /* "MWC1" */
#define KEY_MAX     64 /* bytes of an option's key */

static bool is_for(enum option option, unsigned role)
{
	return option_rows[option].roles & role;
}

static bool is_kind_for(enum section_kind kind, unsigned role)
{
	for (enum option option = 0; option < OPTIONS; option++)
		if (option_rows[option].kind == kind && is_for(option, role))
			return true;
	return false;
}

static void put_option(const struct option_value *v, enum option option, struct buf *b)
{
	buf_put_string(b, option_rows[option].key);
	buf_put_u32(b, (uint32_t)v->count);
	for (size_t i = 0; i < v->count; i++)
		buf_put_string(b, v->contents[i] ? v->contents[i] : v->texts[i]);
}

/* The value of an option that a file gave and the role gets, or NULL. */
static const struct option_value *given_for(const struct section *s, enum option option,
	unsigned role)
{
	const struct option_value *v = value_of(s, option);

	return v->given && is_for(option, role) ? v : NULL;
}

static void put_section(const struct section *s, unsigned role, struct buf *b)
{
	enum option first = kind_first(s->kind);
	size_t behind = first + kind_count(s->kind);
	uint16_t given = 0;

	for (enum option option = first; option < behind; option++)
		if (given_for(s, option, role))
			given++;
	buf_put_u8(b, (uint8_t)s->kind);
	buf_put_string(b, s->name);
	buf_put_u16(b, given);
	for (enum option option = first; option < behind; option++)
		if (given_for(s, option, role))
			put_option(given_for(s, option, role), option, b);
}

bool section_equal(const struct section *a, const struct section *b, unsigned role)
{
	_cleanup_buf_ struct buf left = BUF_INIT, right = BUF_INIT;

	put_section(a, role, &left);
	put_section(b, role, &right);
	return buf_error(&left) == 0 && buf_error(&right) == 0 && left.size == right.size &&
	       memcmp(left.data, right.data, left.size) == 0;
}

int config_slice(const struct config *c, unsigned role, struct buf *b)
{
	uint32_t count = 0;

	for (enum section_kind kind = 0; kind < SECTION_KINDS; kind++)
		if (is_kind_for(kind, role))
			for (const struct section *s = c->first[kind]; s; s = s->next)
				count++;
	buf_put_u32(b, SLICE_MAGIC);
	buf_put_u32(b, role);
	buf_put_u32(b, count);
	for (enum section_kind kind = 0; kind < SECTION_KINDS; kind++)
		if (is_kind_for(kind, role))
			for (const struct section *s = c->first[kind]; s; s = s->next)
				put_section(s, role, b);
	return buf_error(b);
}

/* A value: any bytes but NUL, since a secret may be any; the rest is text. */
static char *read_text(struct cursor *c, bool secret)
{
	size_t size;
	const char *bytes;
	char *copy;

	if (!secret)
		return cursor_string(c, CONFIG_VALUE_MAX);
	bytes = cursor_field(c, &size);
	if (!bytes || size > CONFIG_CONTENT_MAX || memchr(bytes, '\0', size)) {
		c->failed = true;
		return NULL;
	}
	copy = strndup(bytes, size);
	if (!copy)
		c->failed = true;
	return copy;
}

static int read_value(struct cursor *from, struct config *c, struct section *s, enum option option)
{
	_cleanup_free_ char *text = read_text(from, option_rows[option].flags & IS_SECRET);
	struct number number;
	int r;

	if (!text)
		return -EBADMSG;
	r = config_parse(option, text, &number);
	if (r < 0)
		return r == -ENOMEM ? r : -EBADMSG;
	r = section_put(c, s, option, text, &number, &(struct place){0});
	return r == -E2BIG ? -EBADMSG : r;
}

static int read_option(struct cursor *from, struct config *c, struct section *s)
{
	_cleanup_free_ char *key = cursor_string(from, KEY_MAX);
	uint32_t count = cursor_u32(from);
	enum option option;
	unsigned flags;
	int r = 0;

	if (from->failed || option_find(s->kind, key, &option) < 0 || !is_for(option, c->roles))
		return -EBADMSG;
	flags = option_rows[option].flags;
	if (section_value(s, option)->given || (!(flags & IS_LIST) && count != 1))
		return -EBADMSG;
	/* Also where the list is given and empty. */
	section_clear(c, s, option);
	for (uint32_t i = 0; i < count && r == 0; i++)
		r = read_value(from, c, s, option);
	return r;
}

static int read_section(struct cursor *from, struct config *c)
{
	unsigned kind = cursor_u8(from);
	_cleanup_free_ char *name = cursor_string(from, CONFIG_NAME_MAX);
	uint16_t count = cursor_u16(from);
	struct section *s;
	int r;

	if (from->failed || kind >= SECTION_KINDS || !is_kind_for(kind, c->roles))
		return -EBADMSG;
	s = config_section(c, kind, name);
	/* The sections without a name are there already. */
	if (!!s == section_rows[kind].named)
		return -EBADMSG;
	r = s ? 0 : config_add_section(c, kind, name, &(struct place){0}, &s);
	for (uint16_t i = 0; i < count && r == 0; i++)
		r = read_option(from, c, s);
	return r == -E2BIG ? -EBADMSG : r;
}

int config_unslice(const void *data, size_t size, struct config **ret)
{
	struct cursor from = cursor_init(data, size);
	uint32_t magic = cursor_u32(&from), role = cursor_u32(&from), count = cursor_u32(&from);
	_cleanup_config_ struct config *c = NULL;
	int r = 0;

	if (from.failed || magic != SLICE_MAGIC || count > CONFIG_SECTIONS_MAX)
		return -EBADMSG;
	if (__builtin_popcount(role) != 1 || !(role & FOR_ALL))
		return -EBADMSG;
	c = config_new(role);
	if (!c)
		return -ENOMEM;
	for (uint32_t i = 0; i < count && r == 0; i++)
		r = read_section(&from, c);
	if (r < 0)
		return r;
	if (!cursor_complete(&from))
		return -EBADMSG;
	*ret = TAKE_POINTER(c);
	return 0;
}
