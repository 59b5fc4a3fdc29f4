/* SPDX-License-Identifier: Apache-2.0 */
/* A channel between two roles: a SOCK_SEQPACKET pair on the event loop.
 *
 * Layer: daemon. Sending never blocks: what the socket does not take is queued up to a bound; past
 * it the link fails with -ENOBUFS and is to be closed by its owner. A bad packet or a closed peer
 * ends the link: `closed` is called once and the link does nothing more. The owner frees it, also
 * from within its callbacks. */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/base/clock.h"
#include "daemon/message.h"

struct link;

struct link_ops {
	/* A negative return ends the link with it. */
	int (*message)(struct link *l, struct message *m, void *userdata);
	/* REASON: 0 the peer closed, -EBADMSG a bad packet, or another -errno. */
	void (*closed)(struct link *l, int reason, void *userdata);
};

/* Takes FD. SENDER is the FROM_ bit of the peer: what it may say. */
int link_new(sd_event *event, int fd, unsigned sender, const struct link_ops *ops, void *userdata,
	struct link **ret);
struct link *link_free(struct link *l);

/* Sends the packet that message_end() completed, with a copy of FD (-1 for none). 0; -ENOBUFS where
 * the peer does not read; -EPIPE after it closed; -errno. */
int link_send(struct link *l, const struct buf *packet, int fd);

/* Handles all that the peer has sent until now, without waiting: before a link is dropped. */
void link_drain(struct link *l);

/* Waits until everything queued is written, at most TIMEOUT: before a process exits. */
int link_flush(struct link *l, usec_t timeout);
