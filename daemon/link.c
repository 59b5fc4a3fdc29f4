/* SPDX-License-Identifier: Apache-2.0 */
/* A packet on the wire is header and body as message.h has them. A body that does not fit leaves the
 * packet: then the header travels alone with a sealed memory file as its first descriptor. */
#include "daemon/link.h"

#include <endian.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/base/file.h"

#define QUEUE_BYTES_MAX	  (4 * 1024 * 1024) /* waiting for a peer that does not read */
#define QUEUE_PACKETS_MAX 4096
#define BURST_MAX	  64 /* packets handled in one turn of the loop */
#define DRAIN_MAX	  100000 /* packets of a peer that is dropped */
#define DESCRIPTORS_MAX	  2  /* of one packet: a memory file and one more */

struct packet {
	struct packet *next;
	int fds[DESCRIPTORS_MAX];
	size_t fd_count;
	size_t size;
	uint8_t data[];
};

struct link {
	int fd;
	sd_event_source *source;
	unsigned sender;
	const struct link_ops *ops;
	void *userdata;
	struct packet *first, **last;
	size_t queued_bytes, queued_packets;
	bool ended;
	bool reading; /* callbacks run: a link freed by one is released behind the last */
	bool freed;
};

static void packet_free(struct packet *p)
{
	for (size_t i = 0; i < p->fd_count; i++)
		close(p->fds[i]);
	free(p);
}

static void drop_queue(struct link *l)
{
	while (l->first) {
		struct packet *next = l->first->next;

		packet_free(l->first);
		l->first = next;
	}
	l->last = &l->first;
	l->queued_bytes = l->queued_packets = 0;
}

struct link *link_free(struct link *l)
{
	if (!l)
		return NULL;
	l->ended = l->freed = true;
	l->source = sd_event_source_disable_unref(l->source);
	drop_queue(l);
	close_fd(&l->fd);
	if (!l->reading)
		free(l);
	return NULL;
}

static void link_end(struct link *l, int reason)
{
	if (l->ended)
		return;
	l->ended = true;
	l->source = sd_event_source_disable_unref(l->source);
	drop_queue(l);
	l->ops->closed(l, reason, l->userdata);
}

/* One packet as it came. */
struct received {
	uint8_t data[MESSAGE_PACKET_MAX];
	size_t size;
	int fds[DESCRIPTORS_MAX];
	size_t fd_count;
};

static void received_done(struct received *p)
{
	for (size_t i = 0; i < p->fd_count; i++)
		close_fd(&p->fds[i]);
	p->fd_count = 0;
}

static void take_descriptors(struct msghdr *header, struct received *p)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count && p->fd_count < DESCRIPTORS_MAX; i++)
			memcpy(&p->fds[p->fd_count++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
	}
}

/* 1 with a packet, 0 where there is none now, -errno; -ENOTCONN after the peer closed. */
static int receive(struct link *l, struct received *p)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * DESCRIPTORS_MAX)];
	} control;
	struct iovec io = {p->data, sizeof(p->data)};
	struct msghdr header = {.msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	ssize_t size = recvmsg(l->fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	/* Said once, where a peer closed without reading everything; what it sent is still there. */
	if (size < 0 && errno == ECONNRESET)
		size = recvmsg(l->fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (size < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	p->fd_count = 0;
	take_descriptors(&header, p);
	if (size == 0) {
		received_done(p);
		return -ENOTCONN;
	}
	p->size = (size_t) size;
	if (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC) || p->size < MESSAGE_HEADER) {
		received_done(p);
		return -EBADMSG;
	}
	return 1;
}

/* The body's size that the header names. */
static size_t body_size(const uint8_t *header)
{
	uint32_t size;

	memcpy(&size, header + 4, sizeof(size));
	return le32toh(size);
}

static int dispatch(struct link *l, struct received *p)
{
	_cleanup_buf_ struct buf file = BUF_INIT;
	const void *body = p->data + MESSAGE_HEADER;
	size_t size = p->size - MESSAGE_HEADER, taken = 0;
	struct message m;
	int r;

	if (size == 0 && body_size(p->data) > 0) {
		if (p->fd_count == 0)
			return -EBADMSG;
		r = file_read_sealed(p->fds[taken++], MESSAGE_BODY_MAX, &file);
		if (r < 0)
			return r;
		body = file.data;
		size = file.size;
	}
	r = message_decode(p->data, body, size, l->sender, &m);
	if (r < 0)
		return r;
	if (p->fd_count > taken + message_descriptors(&m))
		return -EBADMSG;
	if (taken < p->fd_count)
		m.fd = TAKE_FD(p->fds[taken]);
	r = l->ops->message(l, &m, l->userdata);
	close_fd(&m.fd);
	return r;
}

/* Handles what is there, at most BURST packets. L may be gone when it returns. */
static void read_packets(struct link *l, size_t burst)
{
	l->reading = true;
	for (size_t i = 0; i < burst && !l->ended; i++) {
		struct received p;
		int r = receive(l, &p);

		if (r == 0)
			break;
		if (r > 0) {
			r = dispatch(l, &p);
			received_done(&p);
		}
		if (r < 0)
			link_end(l, r == -ENOTCONN ? 0 : r);
	}
	l->reading = false;
	if (l->freed)
		free(l);
}

/* 0, -EAGAIN where the socket is full, -EPIPE after the peer closed. */
static int send_packet(struct link *l, const void *data, size_t size, const int *fds, size_t fd_count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * DESCRIPTORS_MAX)];
	} control = {0};
	struct iovec io = {(void *) (uintptr_t) data, size};
	struct msghdr header = {.msg_iov = &io, .msg_iovlen = 1};
	struct cmsghdr *c;

	if (fd_count > 0) {
		header.msg_control = &control;
		header.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		c = CMSG_FIRSTHDR(&header);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * fd_count);
	}
	while (sendmsg(l->fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return errno == ENOBUFS || errno == EWOULDBLOCK ? -EAGAIN
			       : errno == ECONNRESET			? -EPIPE
									: -errno;
	return 0;
}

static int write_queue(struct link *l)
{
	while (l->first) {
		struct packet *p = l->first;
		int r = send_packet(l, p->data, p->size, p->fds, p->fd_count);

		if (r < 0)
			return r;
		l->first = p->next;
		if (!l->first)
			l->last = &l->first;
		l->queued_bytes -= p->size;
		l->queued_packets--;
		packet_free(p);
	}
	return 0;
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct link *l = userdata;
	int r;

	if (events & EPOLLOUT) {
		r = write_queue(l);
		if (r == 0)
			sd_event_source_set_io_events(source, EPOLLIN);
		else if (r == -EPIPE) {
			/* What the peer sent before it closed is read yet, and then its end. */
			drop_queue(l);
			sd_event_source_set_io_events(source, EPOLLIN);
		} else if (r != -EAGAIN) {
			link_end(l, r);
			return 0;
		}
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		read_packets(l, BURST_MAX);
	return 0;
}

int link_new(sd_event *event, int fd, unsigned sender, const struct link_ops *ops, void *userdata,
	struct link **ret)
{
	struct link *l = calloc(1, sizeof(*l));
	int r;

	if (!l) {
		close(fd);
		return -ENOMEM;
	}
	*l = (struct link){.fd = fd, .sender = sender, .ops = ops, .userdata = userdata};
	l->last = &l->first;
	r = sd_event_add_io(event, &l->source, fd, EPOLLIN, on_io, l);
	if (r < 0) {
		link_free(l);
		return r;
	}
	*ret = l;
	return 0;
}

static int enqueue(struct link *l, const void *data, size_t size, const int *fds, size_t fd_count)
{
	struct packet *p;

	if (l->queued_packets >= QUEUE_PACKETS_MAX || l->queued_bytes + size > QUEUE_BYTES_MAX)
		return -ENOBUFS;
	p = malloc(sizeof(*p) + size);
	if (!p)
		return -ENOMEM;
	*p = (struct packet){.size = size};
	memcpy(p->data, data, size);
	for (size_t i = 0; i < fd_count; i++) {
		p->fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
		if (p->fds[i] < 0) {
			int r = -errno;

			packet_free(p);
			return r;
		}
		p->fd_count++;
	}
	*l->last = p;
	l->last = &p->next;
	l->queued_bytes += size;
	l->queued_packets++;
	return sd_event_source_set_io_events(l->source, EPOLLIN | EPOLLOUT);
}

int link_send(struct link *l, const struct buf *packet, int fd)
{
	_cleanup_close_ int body = -1;
	size_t size = packet->size, fd_count = 0;
	int fds[DESCRIPTORS_MAX], r;

	if (l->ended)
		return -EPIPE;
	if (size > MESSAGE_PACKET_MAX) {
		body = file_seal("message", packet->data + MESSAGE_HEADER, size - MESSAGE_HEADER);
		if (body < 0)
			return body;
		fds[fd_count++] = body;
		size = MESSAGE_HEADER;
	}
	if (fd >= 0)
		fds[fd_count++] = fd;
	if (l->first)
		return enqueue(l, packet->data, size, fds, fd_count);
	r = send_packet(l, packet->data, size, fds, fd_count);
	if (r == -EAGAIN)
		return enqueue(l, packet->data, size, fds, fd_count);
	return r;
}

void link_drain(struct link *l)
{
	read_packets(l, DRAIN_MAX);
}

int link_flush(struct link *l, usec_t timeout)
{
	usec_t until = usec_add(clock_monotonic(), timeout);

	while (!l->ended) {
		struct pollfd p = {.fd = l->fd, .events = POLLOUT};
		usec_t now = clock_monotonic();
		int r = write_queue(l);

		if (r != -EAGAIN)
			return r;
		if (now >= until)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int) ((until - now) / USEC_PER_MSEC) + 1) < 0 && errno != EINTR)
			return -errno;
	}
	return -EPIPE;
}
