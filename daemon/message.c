/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/message.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

#include "daemon/base/text.h"

static const struct {
	const char *name;
	unsigned sender;
	const char *form;
} messages[] = {
#define MESSAGE(identifier, name, sender, form) [MESSAGE_##identifier] = {name, sender, form},
#include "daemon/messages.def"
#undef MESSAGE
};

/* A string as message_put_string() wrote it, or NULL (and failed). */
static const char *read_string(struct cursor *c)
{
	size_t size;
	const char *s = cursor_field(c, &size);

	if (!s)
		return NULL;
	if (size == 0 || memchr(s, '\0', size) != s + size - 1 || !text_is_utf8(s, size - 1)) {
		c->failed = true;
		return NULL;
	}
	return s;
}

static void check_field(struct cursor *c, char form)
{
	size_t size;

	switch (form) {
	case 'u':
		cursor_u64(c);
		break;
	case 'f':
		cursor_f64(c);
		break;
	case 's':
		read_string(c);
		break;
	case 'b':
		cursor_field(c, &size);
		break;
	case 'd':
		break; /* not in the body */
	default:
		assert(false);
	}
}

/* Walks the whole body by its form. Every repetition consumes bytes, so the loop is bounded by the
 * packet. */
static bool body_has_form(const void *body, size_t size, const char *form)
{
	struct cursor c = cursor_init(body, size);
	const char *group = strchr(form, '(');
	const char *end = group ? group : form + strlen(form);

	for (const char *f = form; f < end; f++)
		check_field(&c, *f);
	while (group && cursor_left(&c) > 0)
		for (const char *f = group + 1; *f != ')'; f++)
			check_field(&c, *f);
	return cursor_complete(&c);
}

int message_decode(
	const void *header, const void *body, size_t size, unsigned sender, struct message *ret)
{
	struct cursor c = cursor_init(header, MESSAGE_HEADER);
	uint16_t type = cursor_u16(&c), flags = cursor_u16(&c);

	if (type >= MESSAGE_TYPES || flags != 0 || cursor_u32(&c) != size)
		return -EBADMSG;
	if (!(messages[type].sender & sender) || !body_has_form(body, size, messages[type].form))
		return -EBADMSG;
	*ret = (struct message){.type = type, .body = cursor_init(body, size), .fd = -1};
	return 0;
}

size_t message_descriptors(const struct message *m)
{
	return strchr(messages[m->type].form, 'd') ? 1 : 0;
}

uint64_t message_u64(struct message *m)
{
	uint64_t value = cursor_u64(&m->body);

	assert(!m->body.failed);
	return value;
}

double message_f64(struct message *m)
{
	double value = cursor_f64(&m->body);

	assert(!m->body.failed);
	return value;
}

const char *message_string(struct message *m)
{
	const char *s = read_string(&m->body);

	assert(s);
	return s;
}

const void *message_bytes(struct message *m, size_t *ret_size)
{
	const void *bytes = cursor_field(&m->body, ret_size);

	assert(!m->body.failed);
	return bytes;
}

bool message_more(const struct message *m)
{
	return cursor_left(&m->body) > 0;
}

void message_begin(struct buf *b, enum message_type type)
{
	buf_reset(b);
	b->limit = MESSAGE_HEADER + MESSAGE_BODY_MAX;
	buf_put_u16(b, (uint16_t) type);
	buf_put_u16(b, 0);
	buf_put_u32(b, 0);
}

void message_put_u64(struct buf *b, uint64_t value)
{
	buf_put_u64(b, value);
}

void message_put_f64(struct buf *b, double value)
{
	buf_put_f64(b, value);
}

void message_put_string(struct buf *b, const char *s)
{
	buf_put_field(b, s, strlen(s) + 1);
}

void message_put_bytes(struct buf *b, const void *data, size_t size)
{
	buf_put_field(b, data, size);
}

int message_end(struct buf *b)
{
	uint32_t size;
	int r = buf_error(b);

	if (r < 0)
		return r;
	size = htole32((uint32_t) (b->size - MESSAGE_HEADER));
	memcpy(b->data + 4, &size, sizeof(size));
	return 0;
}
