/* SPDX-License-Identifier: Apache-2.0 */
/* Backoff is exponential with full jitter (Brooker, "Exponential Backoff And Jitter", 2015). */
#include "alerts/outbox.h"

#include <errno.h>
#include <string.h>

#include "daemon/base/buf.h"
#include "daemon/base/map.h"

#define BASE_MS	       INT64_C(1000)		  /* the longest first wait */
#define CAP_MS	       (5 * INT64_C(60000))	  /* the longest wait of our own */
#define RETRY_AFTER_MS (23 * 60 * INT64_C(60000)) /* the longest that a receiver may ask for: one
						   * more try comes before it is given up */
#define GIVE_UP_MS     (24 * 60 * INT64_C(60000)) /* of its age */
#define RESTORED_MS    (23 * 60 * INT64_C(60000)) /* the most that a wall clock counts for it */

/* The statuses that stand for something other than their hundred. */
static const struct {
	unsigned status;
	enum delivery_result result;
} exceptions[] = {
	{0, DELIVERY_AGAIN}, /* transport */
	{408, DELIVERY_AGAIN},
	{410, DELIVERY_DISABLED},
	{425, DELIVERY_AGAIN},
	{429, DELIVERY_AGAIN},
};

static enum delivery_result classify(unsigned status)
{
	for (size_t i = 0; i < ELEMENTS(exceptions); i++)
		if (exceptions[i].status == status)
			return exceptions[i].result;
	if (status >= 200 && status <= 299)
		return DELIVERY_DONE;
	return status >= 500 && status <= 599 ? DELIVERY_AGAIN : DELIVERY_FAILED;
}

/* How long to wait after try number ATTEMPTS: from 1 ms up to BASE_MS * 2^(ATTEMPTS - 1) or the cap. */
static int64_t backoff(int64_t attempts, uint64_t random)
{
	int64_t longest = CAP_MS;

	/* 2^9 s are beyond the cap already. */
	if (attempts < 10)
		longest = BASE_MS << (attempts > 1 ? attempts - 1 : 0);
	if (longest > CAP_MS)
		longest = CAP_MS;
	return 1 + (int64_t) (random % (uint64_t) longest);
}

static int64_t wait_for(const struct notification *n, const struct delivery_answer *d,
	uint64_t random)
{
	int64_t wait = backoff(n->attempts + 1, random), asked = 0;

	if (d->retry_after > 0)
		asked = d->retry_after > RETRY_AFTER_MS / 1000 ? RETRY_AFTER_MS
							       : d->retry_after * 1000;
	return wait > asked ? wait : asked;
}

int64_t outbox_restored_age(const struct notification *n, int64_t now_ms)
{
	int64_t age = now_ms - n->created_ms;

	if (age < 0)
		return 0;
	return age < RESTORED_MS ? age : RESTORED_MS;
}

bool outbox_is_over(const struct notification *n, int64_t age_ms)
{
	return n->incident != 0 && age_ms >= GIVE_UP_MS;
}

int outbox_settle(struct notification *n, const struct delivery_answer *d, int64_t now_ms,
	int64_t age_ms, uint64_t random, enum delivery_result *ret)
{
	enum delivery_result result = classify(d->status);
	int64_t wait = wait_for(n, d, random);
	char *error = strdup(d->text);

	if (!error)
		return -ENOMEM;
	/* Somebody waits for a test's answer; and what is a day old wakes nobody any more. */
	if (result == DELIVERY_AGAIN && (n->incident == 0 || age_ms + wait > GIVE_UP_MS))
		result = DELIVERY_FAILED;
	free(n->last_error);
	n->last_error = error;
	n->attempts++;
	if (result == DELIVERY_DONE) {
		n->state = NOTIFICATION_DELIVERED;
		n->delivered_ms = now_ms;
	} else if (result == DELIVERY_AGAIN) {
		n->due_ms = now_ms + wait;
	} else if (result == DELIVERY_DISABLED && n->incident != 0) {
		n->due_ms = now_ms; /* it is the first to go after the reload */
	} else {
		n->state = NOTIFICATION_FAILED;
	}
	*ret = result;
	return 0;
}

/* What is remembered while the pending ones are gone through, oldest first. */
struct round {
	struct map *seen;   /* incident and webhook: there is an older one */
	struct map *counts; /* webhook -> how many are under way */
	size_t *room;	    /* for the counts, one for each pending one */
};

static void round_done(struct round *s)
{
	map_free(s->seen, NULL);
	map_free(s->counts, NULL);
	free(s->room);
}

static bool round_init(struct round *s, size_t count)
{
	*s = (struct round){
		.seen = map_new(),
		.counts = map_new(),
		.room = calloc(count, sizeof(*s->room)),
	};
	return s->seen && s->counts && s->room;
}

/* How many of the webhook of number INDEX are under way: to be read and counted up. NULL without
 * memory. */
static size_t *webhook_count(struct round *s, const char *webhook, size_t index)
{
	size_t *count = map_get_string(s->counts, webhook);

	if (!count && map_put_string(s->counts, webhook, &s->room[index], NULL) == 0)
		count = &s->room[index];
	return count;
}

/* True for the oldest of its incident and webhook, and for a test, which waits for nobody. Without
 * memory it waits, too. */
static bool is_first(struct round *s, const struct notification *n, struct buf *key)
{
	if (n->incident == 0)
		return true;
	buf_reset(key);
	buf_put_u64(key, (uint64_t) n->incident);
	buf_add_string(key, n->webhook);
	if (buf_error(key) < 0 || map_get(s->seen, key->data, key->size))
		return false;
	return map_put(s->seen, key->data, key->size, s, NULL) == 0;
}

/* Those under way count before any is chosen, whatever their place. */
static bool count_in_flight(
	struct round *s, const struct notification *pending, const bool *in_flight, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t *under_way = webhook_count(s, pending[i].webhook, i);

		if (!under_way)
			return false;
		*under_way += in_flight[i];
	}
	return true;
}

size_t outbox_choose(const struct notification *pending, const bool *in_flight,
	const bool *disabled, size_t count, size_t per_webhook, int64_t now_ms, size_t *chosen,
	int64_t *ret_next_ms)
{
	_cleanup_(round_done) struct round s = {0};
	_cleanup_buf_ struct buf key = BUF_INIT;
	int64_t next = INT64_MAX;
	size_t found = 0;

	*ret_next_ms = INT64_MAX;
	if (count == 0)
		return 0;
	if (!round_init(&s, count) || !count_in_flight(&s, pending, in_flight, count)) {
		*ret_next_ms = now_ms + BASE_MS;
		return 0;
	}
	for (size_t i = 0; i < count; i++) {
		const struct notification *n = &pending[i];
		size_t *under_way = map_get_string(s.counts, n->webhook);

		if (!is_first(&s, n, &key) || in_flight[i] || disabled[i])
			continue;
		if (n->due_ms > now_ms) {
			next = n->due_ms < next ? n->due_ms : next;
			continue;
		}
		if (*under_way >= per_webhook)
			continue;
		++*under_way;
		chosen[found++] = i;
	}
	*ret_next_ms = next;
	return found;
}
