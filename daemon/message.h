/* SPDX-License-Identifier: Apache-2.0 */
/* The packets that roles exchange: one codec, one table (messages.def).
 *
 * Layer: daemon. Pure: no I/O. A packet is a header (u16 type, u16 flags, u32 size of the body) and a
 * body of fields whose form the table gives; numbers are little-endian, strings and bytes have a u32
 * length, a string ends with a NUL that is counted, is UTF-8 and has no other NUL. message_decode()
 * checks the whole packet as if its sender had been taken over: after it, reading fields in the
 * table's order cannot fail. A body larger than a packet travels in a sealed memory file (link.c). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/buf.h"
#include "daemon/base/cursor.h"

#define MESSAGE_PACKET_MAX (16 * 1024)	     /* bytes of a packet, its header included */
#define MESSAGE_BODY_MAX   (8 * 1024 * 1024) /* bytes of a body in a memory file */
#define MESSAGE_HEADER	   8

/* Who may send what, as bits. */
enum {
	FROM_SUPERVISOR = 1 << 0,
	FROM_ENGINE = 1 << 1,
	FROM_COLLECTOR = 1 << 2,
	FROM_NOTIFY = 1 << 3,
	FROM_WEB = 1 << 4,
	FROM_ROLE = 1 << 5, /* any role, to the supervisor */
	FROM_UNITS = 1 << 6,
};

enum message_type {
#define MESSAGE(identifier, ...) MESSAGE_##identifier,
#include "daemon/messages.def"
#undef MESSAGE
	MESSAGE_TYPES,
};

/* A decoded packet: read its fields in order. Points into the packet. */
struct message {
	enum message_type type;
	struct cursor body;
	int fd; /* a descriptor that came with it, or -1; the receiver takes it or it is closed */
};

/* 0, or -EBADMSG: the type is unknown or not for this sender (a FROM_ bit), or the body is not of
 * its form. */
int message_decode(const void *header, const void *body, size_t size, unsigned sender,
	struct message *ret);

/* How many descriptors may come with it. */
size_t message_descriptors(const struct message *m);

uint64_t message_u64(struct message *m);
double message_f64(struct message *m);
const char *message_string(struct message *m);
const void *message_bytes(struct message *m, size_t *ret_size);
/* True while another repetition of the last fields, in parentheses in the table, follows. */
bool message_more(const struct message *m);

/* Starts a packet in B (emptied first): put the fields, then give it to link_send(). */
void message_begin(struct buf *b, enum message_type type);
void message_put_u64(struct buf *b, uint64_t value);
void message_put_f64(struct buf *b, double value);
void message_put_string(struct buf *b, const char *s);
void message_put_bytes(struct buf *b, const void *data, size_t size);
/* Completes the header. 0 or the buffer's error. */
int message_end(struct buf *b);
