/* SPDX-License-Identifier: Apache-2.0 */
/* A server that systemd stops ends like one that leaves by itself: that it was asked for systemd says, by the
 * job of its unit, most often before the end, and sometimes a little later. */
#include "collectors/process/stops.h"

#include <signal.h>
#include <sys/wait.h>

#include "collectors/process/scan.h"
#include "collectors/process/service.h"
#include "daemon/base/text.h"

#define WORD_WAIT (100 * USEC_PER_MSEC) /* for systemd's word, after an end as of one that was asked for */

/* As systemd has it (SuccessExitStatus= in systemd.service(5)). */
static bool is_clean(int status)
{
	int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	return status == 0 || number == SIGTERM || number == SIGINT || number == SIGHUP ||
	       number == SIGPIPE;
}

/* The unit whose main process it is or was, or, of one that names none, all of which was asked to stop. */
static const struct known_unit *find_unit(const struct process *p)
{
	const struct known_unit *u, *nameless = NULL;
	size_t position = 0;

	while ((u = units_next(p->service, &position))) {
		if (u->main == p->pid || u->asked == p->pid)
			return u;
		if (u->main == 0 && (!nameless || u->stopping))
			nameless = u;
	}
	return nameless;
}

static bool is_asked(const struct known_unit *u, const struct process *p)
{
	return u->asked == p->pid || (u->main == 0 && u->stopping);
}

bool stops_was_asked(const struct process *p, int status)
{
	const struct known_unit *u = units_has(p->service) ? find_unit(p) : NULL;

	return u && is_clean(status) && is_asked(u, p);
}

static bool is_for_memory(const struct known_unit *u)
{
	return text_equal(u->state.result, "oom-kill");
}

bool stops_was_for_memory(const struct process *p)
{
	const struct known_unit *u = units_has(p->service) ? find_unit(p) : NULL;

	return u && is_for_memory(u);
}

static void end(struct process *p)
{
	int status = p->watch.end_status;

	p->watch.word = sd_event_source_disable_unref(p->watch.word);
	p->collector->ends_waiting--;
	service_end_main(p, &status);
}

static int on_silence(sd_event_source *source, uint64_t now, void *userdata)
{
	end(userdata);
	return 0;
}

bool stops_await(struct process *p, int status)
{
	struct collector *c = p->collector;
	const struct known_unit *u;

	if (p->watch.word)
		return true;
	u = c->units_known && units_has(p->service) ? find_unit(p) : NULL;
	if (!u || !is_clean(status) || is_asked(u, p) || is_for_memory(u) ||
		sd_event_add_time_relative(c->event, &p->watch.word, CLOCK_MONOTONIC, WORD_WAIT, 1,
			on_silence, p) < 0)
		return false;
	p->watch.end_status = status;
	c->ends_waiting++;
	return true;
}

/* systemd knows of the end when it names another main process. */
static bool is_answered(const struct process *p)
{
	const struct known_unit *u = find_unit(p);

	return !u || is_asked(u, p) || is_for_memory(u) || (u->main > 0 && u->main != p->pid);
}

void stops_take_word(struct collector *c)
{
	size_t position = 0;
	struct process *p;

	while (c->ends_waiting > 0 && (p = map_next(c->processes, &position, NULL, NULL)))
		if (p->watch.word && is_answered(p)) {
			end(p);
			position = 0;
		}
}

bool stops_hold(const struct service *s, usec_t now)
{
	return s->stopped && s->mains == 0 &&
	       (!service_is_expected(s) || usec_since(now, s->stopped_at) < s->match->stop_grace);
}
