/* SPDX-License-Identifier: Apache-2.0 */
/* A growable byte buffer with a sticky error.
 *
 * Layer: base. Append freely and ask buf_error() once at the end: after the first failure the
 * buffer stays as it was and every later call does nothing. `data` is always NUL-terminated when
 * it is not NULL; the NUL is not counted in `size`. Numbers are written little-endian, as
 * cursor.h reads them. Initialise with BUF_INIT (or zeroes); release with buf_done(). */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/cleanup.h"

struct buf {
	char *data;
	size_t size;
	size_t allocated;
	size_t limit; /* largest size; 0 for none. Beyond it the error is -E2BIG */
	int error;
};

#define BUF_INIT ((struct buf){0})

#define _cleanup_buf_ _cleanup_(buf_done)

void buf_done(struct buf *b);

/* Empties the buffer and forgets the error; the memory stays. */
void buf_reset(struct buf *b);

/* 0, or the first failure: -ENOMEM, -E2BIG. */
int buf_error(const struct buf *b);

void buf_add(struct buf *b, const void *data, size_t size);
void buf_add_string(struct buf *b, const char *s);
void buf_add_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *format, va_list arguments)
	__attribute__((format(printf, 2, 0)));
/* A finite number in the fewer of 15 and 17 digits that read back as the same. */
void buf_add_double(struct buf *b, double value);

void buf_put_u8(struct buf *b, uint8_t value);
void buf_put_u16(struct buf *b, uint16_t value);
void buf_put_u32(struct buf *b, uint32_t value);
void buf_put_u64(struct buf *b, uint64_t value);
void buf_put_f64(struct buf *b, double value);

/* LEB128, 1 to 10 bytes: small numbers take less; and of the zigzag of a signed number, 0, -1, 1, -2, ... as
 * 0, 1, 2, 3, ... */
void buf_put_varint(struct buf *b, uint64_t value);
void buf_put_zigzag(struct buf *b, int64_t value);

/* A u32 length and so many bytes: what cursor_field() and cursor_string() read. */
void buf_put_field(struct buf *b, const void *data, size_t size);
void buf_put_string(struct buf *b, const char *s);

/* Hands the NUL-terminated bytes to the caller (free() them) and empties the buffer.
 * Returns NULL after an error; an empty buffer gives "". */
char *buf_take(struct buf *b);
