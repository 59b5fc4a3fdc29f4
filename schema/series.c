/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/series.h"

#include <errno.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"

#define FNV_OFFSET UINT64_C(14695981039346656037)
#define FNV_PRIME  UINT64_C(1099511628211)

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* [a-zA-Z_][a-zA-Z0-9_]*, with ':' as one more letter where COLON is allowed. */
static bool name_is_valid(const char *name, bool colon)
{
	size_t size = 0;

	for (; name[size]; size++) {
		char c = name[size];
		bool fits = is_letter(c) || (colon && c == ':') || (size > 0 && is_digit(c));

		if (!fits || size >= METRIC_NAME_MAX)
			return false;
	}
	return size > 0;
}

bool series_metric_is_valid(const char *name)
{
	return name_is_valid(name, true);
}

bool series_label_is_valid(const char *name)
{
	return name_is_valid(name, false);
}

bool series_is_valid(const struct series *s)
{
	const struct labels *l = &s->labels;

	if (!series_metric_is_valid(s->metric) || l->count > LABELS_MAX)
		return false;
	for (size_t i = 0; i < l->count; i++) {
		size_t size = strlen(l->items[i].value);

		if (!series_label_is_valid(l->items[i].name) || size == 0 ||
			size > LABEL_VALUE_MAX || !text_is_utf8(l->items[i].value, size) ||
			(i > 0 && strcmp(l->items[i - 1].name, l->items[i].name) >= 0))
			return false;
	}
	return true;
}

static void label_done(struct label *l)
{
	free(l->name);
	free(l->value);
	*l = (struct label){0};
}

void labels_done(struct labels *l)
{
	for (size_t i = 0; i < l->count; i++)
		label_done(&l->items[i]);
	free(l->items);
	*l = (struct labels){0};
}

void series_done(struct series *s)
{
	free(s->metric);
	labels_done(&s->labels);
	*s = (struct series){0};
}

int labels_copy(const struct labels *from, struct labels *ret)
{
	*ret = (struct labels){0};
	if (from->count == 0)
		return 0;
	ret->items = calloc(from->count, sizeof(*ret->items));
	if (!ret->items)
		return -ENOMEM;
	for (size_t i = 0; i < from->count; i++) {
		struct label *l = &ret->items[ret->count++];

		l->name = strdup(from->items[i].name);
		l->value = strdup(from->items[i].value);
		if (!l->name || !l->value) {
			labels_done(ret);
			return -ENOMEM;
		}
	}
	return 0;
}

/* Where NAME stands, or where it belongs. */
static size_t find_place(const struct labels *l, const char *name, bool *ret_found)
{
	size_t low = 0, high = l->count;

	*ret_found = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(l->items[middle].name, name);

		if (order == 0) {
			*ret_found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void remove_label(struct labels *l, size_t place)
{
	label_done(&l->items[place]);
	l->count--;
	memmove(l->items + place, l->items + place + 1, (l->count - place) * sizeof(*l->items));
}

static int replace_value(struct label *l, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(l->value);
	l->value = copy;
	return 0;
}

static int insert_label(struct labels *l, size_t place, const char *name, const char *value)
{
	struct label added = {0};
	struct label *items;

	if (l->count >= LABELS_MAX)
		return -E2BIG;
	items = reallocarray(l->items, l->count + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	l->items = items;
	added.name = strdup(name);
	added.value = strdup(value);
	if (!added.name || !added.value) {
		label_done(&added);
		return -ENOMEM;
	}
	memmove(items + place + 1, items + place, (l->count - place) * sizeof(*items));
	items[place] = added;
	l->count++;
	return 0;
}

int labels_set(struct labels *l, const char *name, const char *value)
{
	size_t size = strlen(value), place;
	bool found;

	if (strlen(name) > METRIC_NAME_MAX || size > LABEL_VALUE_MAX)
		return -E2BIG;
	if (!series_label_is_valid(name) || !text_is_utf8(value, size))
		return -EINVAL;
	place = find_place(l, name, &found);
	if (found && size > 0)
		return replace_value(&l->items[place], value);
	if (found)
		remove_label(l, place);
	return found || size == 0 ? 0 : insert_label(l, place, name, value);
}

const char *labels_get(const struct labels *l, const char *name)
{
	bool found;
	size_t place = find_place(l, name, &found);

	return found ? l->items[place].value : NULL;
}

int labels_compare(const struct labels *a, const struct labels *b)
{
	size_t common = a->count < b->count ? a->count : b->count;

	for (size_t i = 0; i < common; i++) {
		int order = strcmp(a->items[i].name, b->items[i].name);

		if (order == 0)
			order = strcmp(a->items[i].value, b->items[i].value);
		if (order != 0)
			return order;
	}
	return (a->count > b->count) - (a->count < b->count);
}

static void write_value(const char *value, struct buf *b)
{
	for (; *value; value++) {
		size_t plain = strcspn(value, "\\\"\n");

		buf_add(b, value, plain);
		value += plain;
		if (!*value)
			return;
		buf_add_char(b, '\\');
		buf_add_char(b, *value == '\n' ? 'n' : *value);
	}
}

void labels_write(const struct labels *l, struct buf *b)
{
	buf_add_char(b, '{');
	for (size_t i = 0; i < l->count; i++) {
		if (i > 0)
			buf_add_char(b, ',');
		buf_add_string(b, l->items[i].name);
		buf_add_string(b, "=\"");
		write_value(l->items[i].value, b);
		buf_add_char(b, '"');
	}
	buf_add_char(b, '}');
}

/* Reads NAME="VALUE" at *AT and moves *AT behind it. NAME and VALUE are buffers of the caller. */
static int parse_label(const char **at, struct buf *name, struct buf *value)
{
	const char *p = *at;
	size_t size = strcspn(p, "=");

	if (size > METRIC_NAME_MAX || p[size] != '=' || p[size + 1] != '"')
		return -EBADMSG;
	buf_add(name, p, size);
	for (p += size + 2; *p != '"'; p++) {
		char c = *p;

		if (c == '\\') {
			c = *++p;
			if (c != '\\' && c != '"' && c != 'n')
				return -EBADMSG;
			c = c == 'n' ? '\n' : c;
		} else if (c == '\0' || c == '\n')
			return -EBADMSG;
		if (value->size >= LABEL_VALUE_MAX)
			return -EBADMSG;
		buf_add_char(value, c);
	}
	*at = p + 1;
	return buf_error(name) < 0 ? buf_error(name) : buf_error(value);
}

/* Appends one label, which must sort behind those before it. */
static int parse_next(const char **at, struct buf *name, struct buf *value, struct labels *l)
{
	int r;

	buf_reset(name);
	buf_reset(value);
	r = parse_label(at, name, value);
	if (r < 0)
		return r;
	if (name->size == 0 || value->size == 0 ||
		(l->count > 0 && strcmp(l->items[l->count - 1].name, name->data) >= 0))
		return -EBADMSG;
	r = labels_set(l, name->data, value->data);
	return r < 0 && r != -ENOMEM ? -EBADMSG : r;
}

int labels_parse(const char *text, struct labels *ret)
{
	_cleanup_(labels_done) struct labels l = {0};
	_cleanup_buf_ struct buf name = BUF_INIT, value = BUF_INIT;
	int r;

	if (*text++ != '{')
		return -EBADMSG;
	for (bool first = true; *text != '}'; first = false) {
		if (!first && *text++ != ',')
			return -EBADMSG;
		r = parse_next(&text, &name, &value, &l);
		if (r < 0)
			return r;
	}
	if (text[1] != '\0')
		return -EBADMSG;
	*ret = l;
	l = (struct labels){0};
	return 0;
}

static uint64_t fnv_add(uint64_t hash, const char *text)
{
	for (; *text; text++)
		hash = (hash ^ (uint8_t) *text) * FNV_PRIME;
	return (hash ^ 0xff) * FNV_PRIME;
}

unsigned long long labels_fingerprint(const struct labels *l)
{
	uint64_t hash = FNV_OFFSET;

	for (size_t i = 0; i < l->count; i++) {
		hash = fnv_add(hash, l->items[i].name);
		hash = fnv_add(hash, l->items[i].value);
	}
	return hash;
}
