/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config/ini.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "daemon/base/text.h"

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

/* Bytes of the text, neither copied nor ended by a NUL. */
struct span {
	const char *data;
	size_t size;
};

void ini_init(struct ini *i, const void *data, size_t size)
{
	size_t mark = strlen(BYTE_ORDER_MARK);

	*i = (struct ini){.data = data, .size = size};
	if (size >= mark && memcmp(data, BYTE_ORDER_MARK, mark) == 0)
		i->position = mark;
}

void ini_done(struct ini *i)
{
	buf_done(&i->text);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct span trim(struct span s)
{
	while (s.size > 0 && is_blank(s.data[s.size - 1]))
		s.size--;
	while (s.size > 0 && is_blank(s.data[0])) {
		s.data++;
		s.size--;
	}
	return s;
}

static bool is_comment(struct span s)
{
	return s.size > 0 && (s.data[0] == '#' || s.data[0] == ';');
}

/* The next line without its end and without blanks around it; false where there is none. */
static bool take_line(struct ini *i, struct span *ret)
{
	struct span line = {i->data + i->position, i->size - i->position};
	const char *end;

	if (line.size == 0)
		return false;
	end = memchr(line.data, '\n', line.size);
	if (end)
		line.size = (size_t) (end - line.data);
	i->position += line.size + (end ? 1 : 0);
	i->line++;
	if (line.size > 0 && line.data[line.size - 1] == '\r')
		line.size--;
	*ret = trim(line);
	return true;
}

/* Formats what is wrong into the buffer; the item's pointer is set when it is complete. */
static int fail(struct ini *i, struct ini_item *item, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static int fail(struct ini *i, struct ini_item *item, const char *format, ...)
{
	va_list arguments;
	int r;

	buf_reset(&i->text);
	va_start(arguments, format);
	buf_vprintf(&i->text, format, arguments);
	va_end(arguments);
	r = buf_error(&i->text);
	if (r < 0)
		return r;
	item->type = INI_ERROR;
	item->error = i->text.data;
	return 1;
}

static bool is_control(const struct span *s, size_t at)
{
	uint8_t c = (uint8_t) s->data[at];

	/* U+0080..U+009F are control characters, too. */
	if (c == 0xc2 && at + 1 < s->size)
		return (uint8_t) s->data[at + 1] <= 0x9f;
	return (c < 0x20 && c != '\t') || c == 0x7f;
}

/* 0 where the line may be read, else fail()'s. */
static int check_bytes(struct ini *i, struct span s, struct ini_item *item)
{
	if (s.size > INI_LINE_MAX)
		return fail(i, item, "the line is longer than %d bytes", INI_LINE_MAX);
	if (!text_is_utf8(s.data, s.size))
		return fail(i, item, "the line is not valid UTF-8");
	for (size_t at = 0; at < s.size; at++)
		if (is_control(&s, at))
			return fail(i, item, "control character 0x%02x in the line",
				(uint8_t) s.data[at]);
	return 0;
}

static bool goes_on(struct span s)
{
	return s.size > 0 && s.data[s.size - 1] == '\\' &&
	       (s.size == 1 || s.data[s.size - 2] != '\\');
}

static void add_part(struct ini *i, struct span s)
{
	if (goes_on(s)) {
		s.size--;
		s = trim(s);
	}
	if (s.size > 0 && i->text.size > 0 && i->text.data[i->text.size - 1] != '\0')
		buf_add_char(&i->text, ' ');
	buf_add(&i->text, s.data, s.size);
}

/* Takes the lines in which a value goes on, also behind an error. 0 or the first fail(). */
static int take_rest(struct ini *i, struct span s, struct ini_item *item, size_t key_size)
{
	int r = 0;

	while (goes_on(s) && take_line(i, &s)) {
		if (is_comment(s)) {
			s = (struct span){"\\", 1};
			continue;
		}
		if (r != 0)
			continue;
		r = check_bytes(i, s, item);
		if (r == 0)
			add_part(i, s);
		if (r == 0 && i->text.size - key_size > INI_LINE_MAX)
			r = fail(i, item, "the value is longer than %d bytes", INI_LINE_MAX);
		if (r != 0)
			item->line = i->line;
	}
	return r;
}

static int parse_key(struct ini *i, struct span s, struct ini_item *item)
{
	const char *equals = memchr(s.data, '=', s.size);
	struct span key = s, value;
	size_t key_size;
	int r;

	if (equals)
		key = trim((struct span){s.data, (size_t) (equals - s.data)});
	buf_reset(&i->text);
	buf_add(&i->text, key.data, key.size);
	buf_add_char(&i->text, '\0');
	key_size = i->text.size;
	value = equals ? (struct span){equals + 1, (size_t) (s.data + s.size - equals - 1)} : s;
	add_part(i, trim(value));
	r = take_rest(i, s, item, key_size);
	if (r != 0)
		return r;
	if (!equals)
		return fail(i, item, "expected [SECTION], KEY = VALUE or a # comment");
	if (key.size == 0)
		return fail(i, item, "there is no key before '='");
	r = buf_error(&i->text);
	if (r < 0)
		return r;
	item->type = INI_KEY;
	item->key = i->text.data;
	item->value = i->text.data + key_size;
	return 1;
}

static int parse_section(struct ini *i, struct span s, struct ini_item *item)
{
	const char *end = memchr(s.data, ']', s.size);
	struct span inside, kind, name;
	int r;

	if (!end)
		return fail(i, item, "the section's ']' is missing");
	if (end != s.data + s.size - 1)
		return fail(i, item, "nothing may follow the section's ']'; a comment has a line "
				     "of its own");
	inside = trim((struct span){s.data + 1, s.size - 2});
	kind = inside;
	for (kind.size = 0; kind.size < inside.size && !is_blank(inside.data[kind.size]);)
		kind.size++;
	if (kind.size == 0)
		return fail(i, item, "the section has no kind");
	name = trim((struct span){inside.data + kind.size, inside.size - kind.size});
	buf_reset(&i->text);
	buf_add(&i->text, kind.data, kind.size);
	buf_add_char(&i->text, '\0');
	buf_add(&i->text, name.data, name.size);
	r = buf_error(&i->text);
	if (r < 0)
		return r;
	item->type = INI_SECTION;
	item->kind = i->text.data;
	item->name = i->text.data + kind.size + 1;
	return 1;
}

int ini_next(struct ini *i, struct ini_item *ret)
{
	struct ini_item item = {0};
	struct span s;
	int r;

	do {
		if (!take_line(i, &s))
			return 0;
	} while (s.size == 0 || is_comment(s));
	item.line = i->line;
	r = check_bytes(i, s, &item);
	if (r == 0)
		r = s.data[0] == '[' ? parse_section(i, s, &item) : parse_key(i, s, &item);
	if (r > 0)
		*ret = item;
	return r;
}
