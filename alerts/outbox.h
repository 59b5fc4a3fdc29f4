/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a notification after a try, and which may be tried now.
 *
 * Layer: alerts. Pure. 2xx is delivered; 408, 425, 429, 5xx and transport errors are tried again
 * (Retry-After obeyed, else exponential backoff with full jitter, for 24 h); 410 disables the webhook
 * until the next reload; 3xx and other 4xx are permanent failures. For one incident at one webhook,
 * order is kept. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/records.h"

#define OUTBOX_ERROR_MAX 1024 /* bytes of what a receiver's failure is called; more is cut */

enum delivery_result {
	DELIVERY_DONE,
	DELIVERY_AGAIN,	   /* at the due time that outbox_settle() sets */
	DELIVERY_FAILED,   /* for good */
	DELIVERY_DISABLED, /* its webhook takes nothing until the next reload; a test is given up */
};

/* What the receiver said. */
struct delivery_answer {
	unsigned status;     /* HTTP status, or 0 after a transport error */
	int64_t retry_after; /* seconds; -1 where it gave none */
	const char *text;    /* what went wrong, for people, without secrets; "" after success */
};

/* Settles a try that ended at NOW_MS: sets state, attempts, due_ms, delivered_ms and last_error of N.
 * AGE_MS: how long N has been waiting, by a clock that nobody sets, so that a step of the wall clock
 * gives nothing up. RANDOM is a uniformly random number for the jitter. -ENOMEM leaves N as it was. */
int outbox_settle(struct notification *n, const struct delivery_answer *d, int64_t now_ms,
	int64_t age_ms, uint64_t random, enum delivery_result *ret);

/* True where N is not tried any more, be it that it never was: nobody wants to be woken by what is a
 * day old. */
bool outbox_is_over(const struct notification *n, int64_t age_ms);

/* The age of one that the database held at start. Over the time in which nothing ran only the wall
 * clock tells, and it may have been set: it counts for 23 h at most, so that whatever it says, what
 * waits is tried for an hour more. */
int64_t outbox_restored_age(const struct notification *n, int64_t now_ms);

/* Which of the pending notifications (in the order of their ids) may be sent at NOW_MS: due, its
 * webhook takes it (not disabled, fewer than PER_WEBHOOK of its own under way), and no older one of
 * the same incident and webhook before it. IN_FLIGHT and DISABLED are parallel to PENDING. Writes
 * the chosen indices to CHOSEN (room for COUNT) and returns how many; *RET_NEXT_MS is when the next
 * one is due that must wait (INT64_MAX for none). */
size_t outbox_choose(const struct notification *pending, const bool *in_flight,
	const bool *disabled, size_t count, size_t per_webhook, int64_t now_ms, size_t *chosen,
	int64_t *ret_next_ms);
