/* SPDX-License-Identifier: Apache-2.0 */
/* The codec's table, and links over a real pair of sockets. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/base/text.h"
#include "daemon/link.h"

static void put_samples(struct buf *b)
{
	message_begin(b, MESSAGE_SAMPLES);
	message_put_string(b, "process");
	message_put_u64(b, 1);
	message_put_u64(b, 7);
	message_put_f64(b, 0.5);
	message_put_u64(b, 8);
	message_put_f64(b, -1);
	assert_int_equal(message_end(b), 0);
}

static int decode(const struct buf *b, unsigned sender, struct message *ret)
{
	return message_decode(
		b->data, b->data + MESSAGE_HEADER, b->size - MESSAGE_HEADER, sender, ret);
}

static void test_round_trip(void **state)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct message m;

	put_samples(&b);
	assert_int_equal(decode(&b, FROM_COLLECTOR, &m), 0);
	assert_int_equal(m.type, MESSAGE_SAMPLES);
	assert_string_equal(message_string(&m), "process");
	assert_int_equal(message_u64(&m), 1);
	assert_true(message_more(&m));
	assert_int_equal(message_u64(&m), 7);
	assert_true(message_f64(&m) == 0.5);
	assert_int_equal(message_u64(&m), 8);
	assert_true(message_f64(&m) == -1);
	assert_false(message_more(&m));
}

static void test_only_its_sender_may_say_it(void **state)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct message m;

	put_samples(&b);
	assert_int_equal(decode(&b, FROM_WEB, &m), -EBADMSG);
	assert_int_equal(decode(&b, FROM_SUPERVISOR | FROM_NOTIFY, &m), -EBADMSG);
}

/* Every truncation and every single changed byte of the header is refused or stays well-formed. */
static void test_broken_packets(void **state)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct message m;

	put_samples(&b);
	for (size_t size = MESSAGE_HEADER; size < b.size; size++)
		assert_int_equal(message_decode(b.data, b.data + MESSAGE_HEADER,
					 size - MESSAGE_HEADER, FROM_COLLECTOR, &m),
			-EBADMSG);
	for (size_t i = 0; i < MESSAGE_HEADER; i++) {
		b.data[i] ^= 0x40;
		assert_int_equal(decode(&b, FROM_COLLECTOR, &m), -EBADMSG);
		b.data[i] ^= 0x40;
	}
}

static void test_strings_are_checked(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
		int r;
	} cases[] = {
		{"ok", 3, 0},
		{"", 1, 0},
		{"", 0, -EBADMSG},	  /* no NUL at the end */
		{"ab", 2, -EBADMSG},	  /* no NUL at the end */
		{"a\0b", 4, -EBADMSG},	  /* one in the middle */
		{"\xff", 2, -EBADMSG},	  /* not UTF-8 */
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT;
		struct message m;

		message_begin(&b, MESSAGE_ALIVE);
		message_put_bytes(&b, cases[i].bytes, cases[i].size);
		assert_int_equal(message_end(&b), 0);
		assert_int_equal(decode(&b, FROM_ROLE, &m), cases[i].r);
	}
}

struct side {
	struct link *link;
	unsigned messages;
	uint64_t last;
	size_t bytes;
	int closed; /* 1 + -reason once closed */
	bool refuse;
	bool free_inside;
};

static int on_message(struct link *l, struct message *m, void *userdata)
{
	struct side *side = userdata;
	size_t size;

	side->messages++;
	if (side->refuse)
		return -EBADMSG;
	if (side->free_inside) {
		side->link = link_free(side->link);
		return 0;
	}
	if (m->type == MESSAGE_DELIVER) {
		side->last = message_u64(m);
		message_string(m);
		message_string(m);
		message_bytes(m, &size);
		side->bytes += size;
	}
	return 0;
}

static void on_closed(struct link *l, int reason, void *userdata)
{
	struct side *side = userdata;

	side->closed = 1 - reason;
	side->link = link_free(side->link);
}

static const struct link_ops ops = {on_message, on_closed};

static void open_pair(sd_event **event, struct side *a, struct side *b)
{
	int pair[2];

	assert_true(sd_event_new(event) >= 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(link_new(*event, pair[0], FROM_NOTIFY, &ops, a, &a->link), 0);
	assert_int_equal(link_new(*event, pair[1], FROM_ENGINE, &ops, b, &b->link), 0);
}

static void close_pair(sd_event *event, struct side *a, struct side *b)
{
	link_free(a->link);
	link_free(b->link);
	sd_event_unref(event);
}

static int send_body(struct link *l, uint64_t number, size_t size)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	_cleanup_free_ char *body = calloc(1, size + 1);

	message_begin(&b, MESSAGE_DELIVER);
	message_put_u64(&b, number);
	message_put_string(&b, "hook");
	message_put_string(&b, "id");
	message_put_bytes(&b, body, size);
	assert_int_equal(message_end(&b), 0);
	return link_send(l, &b, -1);
}

/* More than the socket holds and larger than a packet: all arrives, in order. */
static void test_link_carries_everything(void **state)
{
	struct side a = {0}, b = {0};
	sd_event *event;
	size_t sent = 0;

	open_pair(&event, &a, &b);
	for (uint64_t i = 1; i <= 500; i++) {
		size_t size = i % 50 == 0 ? 100000 : 1000;

		assert_int_equal(send_body(a.link, i, size), 0);
		sent += size;
	}
	while (b.messages < 500)
		assert_true(sd_event_run(event, 5000000) > 0);
	assert_int_equal(b.last, 500);
	assert_int_equal(b.bytes, sent);
	close_pair(event, &a, &b);
}

static void test_link_bounds_its_queue(void **state)
{
	struct side a = {0}, b = {0};
	sd_event *event;
	int r = 0;

	open_pair(&event, &a, &b);
	for (uint64_t i = 0; i < 100000 && r == 0; i++)
		r = send_body(a.link, i, 8000);
	assert_int_equal(r, -ENOBUFS);
	close_pair(event, &a, &b);
}

static void test_link_ends_on_bad_packet(void **state)
{
	struct side a = {0}, b = {0};
	sd_event *event;
	_cleanup_buf_ struct buf packet = BUF_INIT;

	open_pair(&event, &a, &b);
	message_begin(&packet, MESSAGE_REPLY); /* not for this sender */
	message_put_u64(&packet, 1);
	assert_int_equal(message_end(&packet), 0);
	assert_int_equal(link_send(a.link, &packet, -1), 0);
	while (!b.closed || !a.closed)
		assert_true(sd_event_run(event, 5000000) > 0);
	assert_int_equal(b.messages, 0);
	assert_int_equal(b.closed, 1 + EBADMSG);
	assert_int_equal(a.closed, 1); /* to the other side it is a plain end */
	close_pair(event, &a, &b);
}

/* Sends a packet with COUNT copies of FD. */
static void send_descriptors(int to, const struct buf *packet, int fd, size_t count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(4 * sizeof(int))];
	} control = {0};
	struct iovec io = {packet->data, packet->size};
	struct msghdr header = {.msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(count * sizeof(int))};
	struct cmsghdr *c = CMSG_FIRSTHDR(&header);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(count * sizeof(int));
	for (size_t i = 0; i < count; i++)
		memcpy(CMSG_DATA(c) + i * sizeof(int), &fd, sizeof(fd));
	assert_int_equal(sendmsg(to, &header, 0), packet->size);
}

static void put_command(struct buf *b)
{
	message_begin(b, MESSAGE_COMMAND);
	message_put_u64(b, 1);
	for (size_t i = 0; i < 4; i++)
		message_put_string(b, "");
}

static void put_delivered(struct buf *b)
{
	message_begin(b, MESSAGE_DELIVERED);
	for (size_t i = 0; i < 3; i++)
		message_put_u64(b, 0);
	message_put_string(b, "");
}

/* However many descriptors come, none stays open; more than the message has refuse it. */
static void test_link_closes_descriptors(void **state)
{
	static const struct {
		void (*put)(struct buf *b);
		size_t descriptors;
		unsigned messages;
		int closed;
	} cases[] = {
		{put_command, 1, 1, 0},
		{put_command, 2, 0, 1 + EBADMSG},
		{put_command, 4, 0, 1 + EBADMSG},
		{put_delivered, 1, 0, 1 + EBADMSG},
		{put_delivered, 2, 0, 1 + EBADMSG},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT;
		struct side side = {0};
		sd_event *event;
		int pair[2], watched[2];
		char byte;

		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
		assert_int_equal(pipe2(watched, O_NONBLOCK), 0);
		assert_true(sd_event_new(&event) >= 0);
		assert_int_equal(link_new(event, pair[0], FROM_WEB | FROM_NOTIFY, &ops, &side,
					 &side.link),
			0);
		cases[i].put(&b);
		assert_int_equal(message_end(&b), 0);
		send_descriptors(pair[1], &b, watched[1], cases[i].descriptors);
		close(watched[1]);
		link_drain(side.link);
		assert_int_equal(side.messages, cases[i].messages);
		assert_int_equal(side.closed, cases[i].closed);
		/* The end of the pipe: nobody holds its other side. */
		assert_int_equal(read(watched[0], &byte, 1), 0);
		close(watched[0]);
		close(pair[1]);
		link_free(side.link);
		sd_event_unref(event);
	}
}

static void test_link_may_be_freed_inside(void **state)
{
	struct side a = {0}, b = {.free_inside = true};
	sd_event *event;

	open_pair(&event, &a, &b);
	assert_int_equal(send_body(a.link, 1, 10), 0);
	assert_int_equal(send_body(a.link, 2, 10), 0);
	while (b.link)
		assert_true(sd_event_run(event, 5000000) > 0);
	assert_int_equal(b.messages, 1);
	assert_int_equal(b.closed, 0);
	close_pair(event, &a, &b);
}

static void test_drain_reads_all(void **state)
{
	struct side a = {0}, b = {0};
	sd_event *event;

	open_pair(&event, &a, &b);
	for (uint64_t i = 1; i <= 100; i++)
		assert_int_equal(send_body(a.link, i, 100), 0);
	a.link = link_free(a.link);
	link_drain(b.link);
	assert_int_equal(b.last, 100);
	assert_int_equal(b.closed, 1);
	close_pair(event, &a, &b);
}

/* Whoever closes without having read everything has said things, too. */
static void test_last_words_are_read(void **state)
{
	static const bool send_first[] = {false, true};

	for (size_t i = 0; i < ELEMENTS(send_first); i++) {
		struct side a = {0}, b = {0};
		sd_event *event;

		open_pair(&event, &a, &b);
		assert_int_equal(send_body(b.link, 1, 10), 0);
		for (uint64_t n = 1; n <= 100; n++)
			assert_int_equal(send_body(a.link, n, 100), 0);
		a.link = link_free(a.link);
		if (send_first[i])
			assert_int_equal(send_body(b.link, 2, 10), -EPIPE);
		link_drain(b.link);
		assert_int_equal(b.last, 100);
		assert_int_equal(b.closed, 1);
		close_pair(event, &a, &b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_only_its_sender_may_say_it),
		cmocka_unit_test(test_broken_packets),
		cmocka_unit_test(test_strings_are_checked),
		cmocka_unit_test(test_link_carries_everything),
		cmocka_unit_test(test_link_bounds_its_queue),
		cmocka_unit_test(test_link_ends_on_bad_packet),
		cmocka_unit_test(test_link_closes_descriptors),
		cmocka_unit_test(test_link_may_be_freed_inside),
		cmocka_unit_test(test_drain_reads_all),
		cmocka_unit_test(test_last_words_are_read),
	};

	return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
