/* SPDX-License-Identifier: Apache-2.0 */
/* A server that systemd stops ends like one that leaves by itself, and one that systemd kills, because it did
 * not begin, stop or answer in time, like one that somebody else killed. systemd says which it was, sometimes
 * before the end, and most often a few milliseconds after it. */
#include "collectors/process/stops.h"

#include <signal.h>
#include <sys/wait.h>

#include "collectors/process/scan.h"
#include "collectors/process/service.h"
#include "collectors/process/unit_words.h"
#include "daemon/base/text.h"

/* For systemd's word after an end: it is busy while it stops many, and it is looked for why it does. */
#define WORD_WAIT (400 * USEC_PER_MSEC)

/* As systemd has it (SuccessExitStatus= in systemd.service(5)), unless the unit says more. */
static bool is_clean(int status)
{
	int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	return status == 0 || number == SIGTERM || number == SIGINT || number == SIGHUP ||
	       number == SIGPIPE;
}

/* The unit whose main process it is or was. */
static struct known_unit *find_unit(struct service *s, const char *name, pid_t pid)
{
	struct known_unit *u;
	size_t position = 0;

	if (!units_has(s))
		return NULL;
	if (name)
		return map_get_string(s->collector->units, name);
	while ((u = units_next(s, &position)))
		if (u->main == pid || u->state.exit_pid == pid)
			return u;
	return NULL;
}

static struct known_unit *unit_of(const struct process *p)
{
	return find_unit(p->service, p->unit, p->pid);
}

/* Of a unit that names no main process all of it was. */
static bool is_asked(const struct known_unit *u, pid_t pid)
{
	return u->asked == pid || (u->main == 0 && u->stopping);
}

bool stops_is_asked(const struct process *p)
{
	const struct known_unit *u = unit_of(p);

	return (u && is_asked(u, p->pid)) || (units_has(p->service) && !p->unit && units_rest(p->service));
}

static int status_of(const struct unit_state *u)
{
	if (u->exit_code == CLD_EXITED)
		return (int) (u->exit_status & 0xff) << 8;
	return (int) (u->exit_status & 0x7f) | (u->exit_code == CLD_DUMPED ? WCOREFLAG : 0);
}

/* True where its unit still shows how this very process ended. */
static bool is_recorded(const struct service *s, const struct known_unit *u, pid_t pid)
{
	return s->collector->units_known && u->state.exit_pid == pid && u->state.exit_code > 0;
}

/* A stop that fails after its process ended in order is no success. */
static bool is_success(const struct known_unit *u, bool recorded, int status)
{
	return recorded ? unit_is_successful(&u->state)
			: is_clean(status) && !unit_has_failed(&u->state);
}

static void judge(const struct service *s, struct known_unit *u, pid_t pid, struct exit_facts *f)
{
	bool recorded = is_recorded(s, u, pid);

	f->asked |= is_asked(u, pid);
	if (recorded && !f->has_status) {
		f->status = status_of(&u->state);
		f->has_status = true;
	}
	if (recorded || u->main == pid || u->main == 0) {
		f->result = u->state.result;
		f->cause = *u->state.cause && !f->asked ? u->state.cause : NULL;
	}
	if (f->out_of_memory != MEMORY_OUT && f->result && text_equal(f->result, "oom-kill"))
		f->out_of_memory = MEMORY_OF_UNIT;
	f->stopped = f->asked && f->has_status && is_success(u, recorded, f->status);
	/* The unit may fail still, when a stop that was asked for goes on. */
	if (u->main == pid || u->main == 0)
		u->told = !f->stopped;
}

void stops_judge(struct service *s, const char *unit, pid_t pid, struct exit_facts *f)
{
	struct known_unit *u = find_unit(s, unit, pid);

	f->of_unit = units_has(s);
	if (u)
		judge(s, u, pid, f);
}

void stops_judge_missed(struct service *s, pid_t pid, struct exit_facts *f)
{
	const struct known_unit *u = find_unit(s, NULL, pid);

	if (u && is_recorded(s, u, pid)) {
		f->observed = true;
		f->asked = unit_is_successful(&u->state) && text_equal(u->state.active, "inactive") &&
			   !*u->state.cause;
	}
	stops_judge(s, NULL, pid, f);
}

bool stops_was_restart(const struct service *s, pid_t pid, const struct exit_facts *f)
{
	return units_has(s) && (!f->has_status || is_clean(f->status)) && units_were_restarted(s, pid);
}

static void end(struct process *p)
{
	int status = p->watch.end_status;

	p->watch.word = sd_event_source_disable_unref(p->watch.word);
	p->collector->ends_waiting--;
	service_end_main(p, p->watch.end_known ? &status : NULL);
}

static int on_silence(sd_event_source *source, uint64_t now, void *userdata)
{
	end(userdata);
	return 0;
}

/* systemd knows of the end when it names the process no more. One that it did not name it waits for only as
 * long as the unit runs. */
static bool is_answered(const struct process *p, const struct known_unit *u)
{
	if (u->main == 0)
		return u->stopping || !unit_is_active(&u->state);
	return u->state.main_pid != p->pid;
}

bool stops_await(struct process *p, const int *status)
{
	struct collector *c = p->collector;
	const struct known_unit *u = unit_of(p);

	if (p->watch.word) {
		/* What was not known at first may be by now. */
		if (status && !p->watch.end_known) {
			p->watch.end_known = true;
			p->watch.end_status = *status;
		}
		return true;
	}
	if (!u || !c->units_known || is_answered(p, u) ||
		(u->main == 0 && !(status && is_clean(*status))) ||
		sd_event_add_time_relative(c->event, &p->watch.word, CLOCK_MONOTONIC, WORD_WAIT, 1,
			on_silence, p) < 0)
		return false;
	p->watch.end_known = status != NULL;
	p->watch.end_status = status ? *status : 0;
	c->ends_waiting++;
	return true;
}

void stops_take_word(struct collector *c)
{
	size_t position = 0;
	struct process *p;

	while (c->ends_waiting > 0 && (p = map_next(c->processes, &position, NULL, NULL))) {
		const struct known_unit *u = p->watch.word ? unit_of(p) : NULL;

		if (p->watch.word && (!u || is_answered(p, u))) {
			end(p);
			position = 0;
		}
	}
}
