/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/buf.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_done(struct buf *b)
{
	free(b->data);
	*b = BUF_INIT;
}

void buf_reset(struct buf *b)
{
	b->size = 0;
	b->error = 0;
	if (b->data)
		b->data[0] = '\0';
}

int buf_error(const struct buf *b)
{
	return b->error;
}

/* Makes room for EXTRA bytes and the NUL. */
static bool buf_reserve(struct buf *b, size_t extra)
{
	size_t needed, grown;
	char *data;

	if (b->error < 0)
		return false;
	if (__builtin_add_overflow(b->size, extra, &needed) ||
		__builtin_add_overflow(needed, 1, &needed) ||
		(b->limit > 0 && needed > b->limit + 1)) {
		b->error = -E2BIG;
		return false;
	}
	if (needed <= b->allocated)
		return true;
	if (__builtin_mul_overflow(b->allocated, 2, &grown) || grown < needed)
		grown = needed < 64 ? 64 : needed;
	data = realloc(b->data, grown);
	if (!data) {
		b->error = -ENOMEM;
		return false;
	}
	b->data = data;
	b->allocated = grown;
	return true;
}

void buf_add(struct buf *b, const void *data, size_t size)
{
	if (!buf_reserve(b, size))
		return;
	if (size > 0)
		memcpy(b->data + b->size, data, size);
	b->size += size;
	b->data[b->size] = '\0';
}

void buf_add_string(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_add_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_vprintf(struct buf *b, const char *format, va_list arguments)
{
	_cleanup_free_ char *text = NULL;
	int size = vasprintf(&text, format, arguments);

	if (size < 0) {
		text = NULL;
		if (b->error == 0)
			b->error = -ENOMEM;
		return;
	}
	buf_add(b, text, (size_t) size);
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	buf_vprintf(b, format, arguments);
	va_end(arguments);
}

void buf_add_double(struct buf *b, double value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.15g", value);
	if (strtod(text, NULL) != value)
		snprintf(text, sizeof(text), "%.17g", value);
	buf_add_string(b, text);
}

void buf_put_u8(struct buf *b, uint8_t value)
{
	buf_add(b, &value, sizeof(value));
}

void buf_put_u16(struct buf *b, uint16_t value)
{
	value = htole16(value);
	buf_add(b, &value, sizeof(value));
}

void buf_put_u32(struct buf *b, uint32_t value)
{
	value = htole32(value);
	buf_add(b, &value, sizeof(value));
}

void buf_put_u64(struct buf *b, uint64_t value)
{
	value = htole64(value);
	buf_add(b, &value, sizeof(value));
}

void buf_put_f64(struct buf *b, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	buf_put_u64(b, bits);
}

void buf_put_varint(struct buf *b, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		buf_put_u8(b, (uint8_t) (value | 0x80));
	buf_put_u8(b, (uint8_t) value);
}

void buf_put_zigzag(struct buf *b, int64_t value)
{
	buf_put_varint(b, (uint64_t) value << 1 ^ (value < 0 ? UINT64_MAX : 0));
}

void buf_put_field(struct buf *b, const void *data, size_t size)
{
	if (size > UINT32_MAX) {
		if (b->error == 0)
			b->error = -E2BIG;
		return;
	}
	buf_put_u32(b, (uint32_t) size);
	buf_add(b, data, size);
}

void buf_put_string(struct buf *b, const char *s)
{
	buf_put_field(b, s, strlen(s));
}

char *buf_take(struct buf *b)
{
	char *data;

	buf_add(b, "", 0);
	if (b->error < 0)
		return NULL;
	data = b->data;
	*b = (struct buf){.limit = b->limit};
	return data;
}
