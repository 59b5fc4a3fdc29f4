/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/cursor.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/text.h"

size_t cursor_left(const struct cursor *c)
{
	return c->failed ? 0 : c->size - c->position;
}

bool cursor_complete(const struct cursor *c)
{
	return !c->failed && c->position == c->size;
}

/* SIZE raw bytes, or NULL where so many are not left. */
static const void *take(struct cursor *c, size_t size)
{
	const void *bytes;

	if (c->failed || size > c->size - c->position) {
		c->failed = true;
		return NULL;
	}
	bytes = c->data + c->position;
	c->position += size;
	return bytes;
}

uint8_t cursor_u8(struct cursor *c)
{
	const uint8_t *bytes = take(c, 1);

	return bytes ? *bytes : 0;
}

uint16_t cursor_u16(struct cursor *c)
{
	const void *bytes = take(c, sizeof(uint16_t));
	uint16_t value = 0;

	if (bytes)
		memcpy(&value, bytes, sizeof(value));
	return le16toh(value);
}

uint32_t cursor_u32(struct cursor *c)
{
	const void *bytes = take(c, sizeof(uint32_t));
	uint32_t value = 0;

	if (bytes)
		memcpy(&value, bytes, sizeof(value));
	return le32toh(value);
}

uint64_t cursor_u64(struct cursor *c)
{
	const void *bytes = take(c, sizeof(uint64_t));
	uint64_t value = 0;

	if (bytes)
		memcpy(&value, bytes, sizeof(value));
	return le64toh(value);
}

double cursor_f64(struct cursor *c)
{
	uint64_t bits = cursor_u64(c);
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

uint64_t cursor_varint(struct cursor *c)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte = cursor_u8(c);

		/* Of the tenth byte one bit fits. */
		if (c->failed || (shift == 63 && byte > 1))
			break;
		value |= (uint64_t) (byte & 0x7f) << shift;
		if (byte & 0x80)
			continue;
		if (byte == 0 && shift > 0)
			break;
		return value;
	}
	c->failed = true;
	return 0;
}

int64_t cursor_zigzag(struct cursor *c)
{
	uint64_t code = cursor_varint(c);

	return (int64_t) (code >> 1 ^ -(code & 1));
}

const void *cursor_field(struct cursor *c, size_t *ret_size)
{
	uint32_t size = cursor_u32(c);
	const void *bytes = take(c, size);

	*ret_size = bytes ? size : 0;
	return bytes;
}

char *cursor_string(struct cursor *c, size_t limit)
{
	size_t size;
	const char *bytes = cursor_field(c, &size);
	char *copy;

	if (!bytes)
		return NULL;
	if (size > limit || memchr(bytes, '\0', size) || !text_is_utf8(bytes, size)) {
		c->failed = true;
		return NULL;
	}
	copy = strndup(bytes, size);
	if (!copy)
		c->failed = true;
	return copy;
}

int cursor_array(struct cursor *c, size_t limit, size_t entry_bytes, size_t entry_size,
	void *ret_array, size_t *ret_count)
{
	size_t count = cursor_u32(c);
	void *array = NULL;

	if (c->failed || count > limit || count > cursor_left(c) / entry_bytes)
		return -EBADMSG;
	if (count > 0) {
		array = calloc(count, entry_size);
		if (!array)
			return -ENOMEM;
	}
	memcpy(ret_array, &array, sizeof(array));
	*ret_count = count;
	return 0;
}
