/* SPDX-License-Identifier: Apache-2.0 */
/* A service's life: processes join and leave it, its main processes begin and end. */
#include "collectors/process/service.h"

#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "collectors/process/doctor.h"
#include "collectors/process/grace.h"
#include "collectors/process/memory.h"
#include "collectors/process/missing.h"
#include "collectors/process/pace.h"
#include "collectors/process/resume.h"
#include "collectors/process/sample.h"
#include "collectors/process/scan.h"
#include "collectors/process/search.h"
#include "collectors/process/stops.h"
#include "collectors/process/tell.h"
#include "collectors/process/unit_search.h"
#include "collectors/process/unseen.h"
#include "collectors/process/watch.h"
#include "daemon/base/text.h"

/* A main process that ends in order again and again takes no more than a fiftieth of the time for the
 * look at all processes that each end calls for. */
#define SUCCESSOR_REST	   49 /* times as long as the last look took */
#define SUCCESSOR_REST_MAX (10 * USEC_PER_SEC)

struct service *service_get(struct collector *c, const char *name)
{
	return map_get_string(c->services, name);
}

/* A name that was given counts once, however often its service comes and goes. */
static int take_name(struct collector *c, const char *name)
{
	if (map_get_string(c->names, name))
		return 0;
	if (map_size(c->names) >= DISCOVERED_MAX) {
		doctor_crowded(c);
		return -E2BIG;
	}
	return map_put_string(c->names, name, c->names, NULL);
}

int service_new(struct collector *c, const char *name, const struct service_match *match,
	const struct server_kind *kind, struct service **ret)
{
	struct service *s;
	int r = match ? 0 : take_name(c, name);

	if (r < 0)
		return r;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	/* A stop that a predecessor does not say the time of counts from now. */
	*s = (struct service){.collector = c,
		.match = match,
		.kind = kind,
		.grace = {.since = clock_boot(), .first = clock_boot()}};
	s->name = strdup(name);
	r = s->name ? map_put_string(c->services, name, s, NULL) : -ENOMEM;
	if (r < 0) {
		service_free(s);
		return r;
	}
	if (!match)
		tell_fact(s, "discovered", "yes");
	*ret = s;
	return 0;
}

void service_free(void *service)
{
	struct service *s = service;

	unit_telling_done(&s->units);
	free(s->name);
	free(s);
}

bool service_is_expected(const struct service *s)
{
	if (!s->match || !s->match->expected)
		return false;
	if (!s->match->expected_by_unit)
		return true;
	return s->expectation == EXPECTATION_UNKNOWN ? units_are_enabled(s) : s->expectation == EXPECTED;
}

static void begin_main(struct service *s, struct process *p)
{
	if (s->mains >= MAINS_MAX) {
		doctor_many_mains(s);
		return;
	}
	p->main = true;
	s->mains++;
	watch_begin(p);
	tell_identity(p);
	/* While an end is being told, what begins is the successor and no restart. */
	if (s->owed > 0 && s->ending == 0) {
		s->owed--;
		s->restarts++;
	}
	s->was_up = true;
	s->ended = s->missing = s->grace.held = false;
	s->fresh = true;
	s->down_since = s->grace.begins_at = 0;
	if (s->doubted)
		doctor_seen(s);
	tell_started(s, p);
}

/* True where the process is most likely one that the crash left. Its parent is gone, then: who has the one
 * that the crashed process had is its sibling, unless its group or session was the crashed one's own. */
static bool is_left(const struct crash *c, const struct process *p)
{
	bool own = p->group == c->pid || p->session == c->pid;

	return p->start < c->lived &&
	       (own || (p->group == c->group && p->parent != c->parent));
}

/* What is executed in a container beside its first process, as to look whether that is well, is a main
 * process no more than what that would have started itself. */
static bool is_visitor(const struct service *s, const struct process *p)
{
	return s->match && s->match->container_count > 0 && s->mains > 0 &&
	       !proc_begins_namespace(s->collector->root, p->pid);
}

void service_adopt(struct service *s, struct process *p)
{
	const struct process *parent = scan_find(s->collector, p->parent);

	p->service = s;
	p->server.kind = NULL;
	p->use.proportional_due = s->proportional_due;
	s->members++;
	p->use.active = true;
	sample_process(p);
	if ((parent && parent->service == s) || is_visitor(s, p))
		return;
	/* What a crash left may be seen after it only. */
	if (s->orphans_due == 0 || !is_left(&s->crash, p))
		begin_main(s, p);
	scan_adopt_descendants(s);
}

void service_leave(struct process *p, bool counted_by_parent)
{
	struct service *s = p->service;
	struct usage *gone = &s->gone;

	if (!p->dead)
		s->members--;
	p->service = NULL;
	process_close_kept(p);
	if (counted_by_parent)
		return;
	gone->user += p->use.total.user;
	gone->system += p->use.total.system;
	gone->major_faults += p->use.total.major_faults;
	gone->bytes_read += p->use.total.bytes_read;
	gone->bytes_written += p->use.total.bytes_written;
}

/* True where it lives without a parent among the members. */
static bool is_orphan(struct service *s, struct process *p)
{
	struct collector *c = s->collector;
	const struct process *parent;
	struct proc_stat stat;

	if (p->service != s || p->main || p->dead ||
		proc_read_stat(c->root, p->pid, &stat) < 0 || stat.start != p->start ||
		proc_stat_is_dead(&stat))
		return false;
	p->parent = stat.parent;
	parent = scan_find(c, p->parent);
	return !parent || parent->service != s;
}

bool service_has_left(const struct process *p)
{
	const struct process *parent = scan_find(p->collector, p->parent);

	return !p->main && (!parent || parent->service != p->service);
}

void service_confirm(struct process *p)
{
	struct service *s = p->service;

	p->matched = true;
	if (s->mains == 0 && s->orphans_due == 0 && is_orphan(s, p))
		begin_main(s, p);
}

void service_promote(struct process *p)
{
	p->matched = true;
	begin_main(p->service, p);
}

/* What was found some time ago may not hold any more. */
static void search_anew(struct service *s)
{
	struct process *p;
	size_t position = 0;

	while ((p = map_next(s->collector->processes, &position, NULL, NULL)))
		if (p->service == s && !p->main)
			p->matched = false;
	search_service(s);
}

/* A matching child whose parent ended is a main process now: so a server that forks into the
 * background lives on. */
static void promote_orphans(struct service *s)
{
	struct process *p;
	size_t position = 0;

	while ((p = map_next(s->collector->processes, &position, NULL, NULL)))
		if (is_orphan(s, p) && scan_matches(p))
			begin_main(s, p);
}

void service_take_orphans(struct collector *c)
{
	usec_t now = clock_monotonic();
	struct service *s;
	size_t position = 0;

	while ((s = map_next(c->services, &position, NULL, NULL))) {
		if (s->orphans_due == 0 || now < s->orphans_due)
			continue;
		s->orphans_due = 0;
		if (s->match && search_is_needed(s->match))
			search_anew(s);
		promote_orphans(s);
	}
}

/* The look that is not made now is made by a tick, at once for all that ended until then. */
static void put_off_successors(struct service *s)
{
	s->collector->listed = 0;
	if (s->orphans_due > 0)
		return;
	s->crash = (struct crash){0};
	s->orphans_due = s->successors_due;
}

/* A server that put itself into the background, or was replaced by its successor, ends its first process
 * with success. True where anybody goes on in its place. */
static bool adopt_successors(struct service *s)
{
	unsigned before = s->mains;
	usec_t begin = clock_monotonic(), end;

	if (begin < s->successors_due) {
		put_off_successors(s);
		return false;
	}
	scan_list(s->collector);
	if (s->match)
		search_service(s);
	promote_orphans(s);
	end = clock_monotonic();
	s->successors_due =
		end + pace_rest(usec_since(end, begin), SUCCESSOR_REST, SUCCESSOR_REST_MAX);
	return s->mains > before;
}

/* Whoever takes the place of P: true where somebody has by now. The children of one that failed most often
 * die with it: only those that live on for a while are the service now, but another one may have come to take
 * its place before. */
static bool find_successor(struct service *s, const struct process *p, const int *status)
{
	unsigned before = s->mains;

	if (status && *status == 0)
		return adopt_successors(s);
	s->crash = (struct crash){p->pid, p->parent, p->group, p->session, p->watch.lived};
	s->orphans_due = clock_monotonic() + s->collector->options.orphan_wait;
	if (s->match)
		search_service(s);
	return s->mains > before;
}

/* True where nobody needs to know that it is down: it was not expected and ended in order, by itself. */
static bool ends_quietly(const struct service *s, const struct exit_facts *f)
{
	return !service_is_expected(s) && !f->stopped && !f->cause && s->mains == 0 && f->has_status &&
	       WIFEXITED(f->status) && WEXITSTATUS(f->status) == 0;
}

static void count_exit(struct service *s, const struct exit_facts *f)
{
	enum exit_reason reason = exit_classify(f);

	s->exits[reason]++;
	s->oom_kills += reason == EXIT_OOM;
	s->grace.held = false;
	if (f->stopped && s->mains == 0)
		grace_begin(s, clock_boot());
	/* A discovered one that was taken over meanwhile is over for good. */
	s->ended = (!s->match && s->ended) || ends_quietly(s, f);
	if (s->mains == 0)
		s->down_since = clock_monotonic();
}

/* How long ago its memory was looked at. */
static usec_t since_measured(const struct process *p)
{
	struct collector *c = p->collector;
	uint64_t now = collector_boot_ticks(c, clock_monotonic());

	return now < p->use.measured ? 0
				 : (usec_t) ((double) (now - p->use.measured) / c->ticks *
					     (double) USEC_PER_SEC);
}

/* Its control group may be gone soon. */
static void note_memory(struct process *p, const int *status)
{
	if (!status || !WIFSIGNALED(*status) || WTERMSIG(*status) != SIGKILL)
		return;
	p->memory.claim = memory_claim_kill(p);
	if (p->memory.claim == MEMORY_OUT)
		p->memory.peak = memory_cgroup_peak(p);
}

void service_exited(struct process *p, const int *status)
{
	if (!p->watch.word || !p->watch.end_known)
		note_memory(p, status);
	if (!stops_await(p, status))
		service_end_main(p, status);
}

void service_end_main(struct process *p, const int *status)
{
	struct service *s = p->service;
	struct exit_facts facts = {.observed = true,
		.has_status = status != NULL,
		.status = status ? *status : 0,
		.pid = p->pid,
		.lasted = scan_age(p),
		.resident = p->use.resident,
		.measured = since_measured(p),
		.out_of_memory = p->memory.claim,
		.cgroup_peak = p->memory.peak};

	stops_judge(s, p->unit, p->pid, &facts);
	/* Out of everybody's way, but alive until its end is told. */
	map_remove(s->collector->processes, &p->pid, sizeof(p->pid));
	s->mains--;
	service_leave(p, false);
	s->ending++;
	/* What comes after a stop that was asked for is a start, or a restart that was. */
	if (!find_successor(s, p, status) && !facts.stopped)
		s->owed++;
	s->ending--;
	count_exit(s, &facts);
	tell_exited(s, p, NULL, &facts);
	resume_note_told(s, p);
	process_free(p);
	if (s->match)
		return;
	if (s->ended)
		service_end(s);
	else if (s->mains == 0)
		tell_server_gone(s);
}

void service_missed(struct service *s, const struct known_process *known, const int *status)
{
	struct exit_facts facts = {.observed = status != NULL,
		.missed = true,
		.rebooted = !text_equal(known->boot, s->collector->boot),
		.has_status = status != NULL,
		.status = status ? *status : 0,
		.pid = known->pid};

	/* Before a reboot the number was another's. */
	if (!facts.rebooted)
		stops_judge_missed(s, (pid_t) known->pid, &facts);
	s->was_up = true;
	s->owed += !facts.stopped;
	count_exit(s, &facts);
	/* A reboot is a stop of everything: its units tell whether they begin with the host. */
	if (facts.rebooted && units_has(s) && s->mains == 0) {
		s->grace.rebooted = true;
		grace_begin(s, clock_boot());
	} else if (s->mains == 0 && stops_was_restart(s, (pid_t) known->pid, &facts)) {
		grace_begin(s, clock_boot());
	}
	tell_exited(s, NULL, known, &facts);
}

void service_released(struct service *s, const struct known_process *known)
{
	/* If nothing else is there, it is like a service that was never seen. */
	if (s->mains == 0)
		s->was_up = s->grace.held = false;
	tell_released(s, known);
}

/* What is expected has no process, as far as can be seen. */
static void tell_absent(struct service *s)
{
	if (unseen_may_run(s)) {
		doctor_unseen(s);
		return;
	}
	s->was_up = true;
	s->ended = false;
	missing_begin(s);
}

/* Its last main process is none any more, and lives on: left by its unit, where ASKED, which was stopped. */
static void rest(struct service *s, bool asked)
{
	s->down_since = clock_monotonic();
	s->ended = !service_is_expected(s);
	s->grace.held = false;
	if (asked && !s->ended)
		grace_begin(s, clock_boot());
}

void service_release(struct process *p)
{
	struct service *s = p->service;
	const struct known_process who = {.pid = p->pid, .start = p->start};
	bool asked = stops_is_asked(p);

	watch_end(p);
	free(TAKE_POINTER(p->unit));
	p->main = p->matched = false;
	s->mains--;
	service_leave(p, false);
	promote_orphans(s);
	if (s->mains == 0)
		rest(s, asked);
	tell_released(s, &who);
	resume_note_told(s, p);
	if (s->mains == 0 && !s->ended && !s->grace.held)
		tell_absent(s);
}

bool service_begins(struct service *s)
{
	usec_t now = clock_boot();
	bool loads = units_has(s) && unit_search_loads(s);

	if (!loads && !(units_has(s) && units_are_moving(s)))
		return false;
	if (!s->collector->units_known)
		return true;
	if (s->grace.begins_at == 0)
		s->grace.begins_at = now;
	/* Processes that end before they listen, one after the other, are no service that begins. */
	return usec_since(now, s->grace.begins_at) < (loads ? 2 : 1) * s->match->stop_grace;
}

void service_check_missing(struct service *s)
{
	if (units_has(s))
		grace_check(s);
	if (s->mains > 0 || s->was_up || !service_is_expected(s) || s->match->impossible ||
		service_begins(s))
		return;
	tell_absent(s);
}

void service_unexpect(struct service *s)
{
	s->ended = true;
	s->grace.held = false;
	s->grace.begins_at = 0;
	tell_not_missing(s);
}

void service_expect(struct service *s, bool expected)
{
	bool unexpected = s->expectation == EXPECTED && !expected;

	s->expectation = expected ? EXPECTED : NOT_EXPECTED;
	if (unexpected && s->mains == 0 && s->was_up && !s->ended)
		service_unexpect(s);
}

void service_failed(struct service *s, const char *why)
{
	s->was_up = true;
	s->ended = s->grace.held = false;
	if (s->down_since == 0)
		s->down_since = clock_monotonic();
	missing_begin_because(s, why);
}

/* They are anybody's again: a later look may find whose. */
static void release_processes(struct service *s)
{
	struct process *p;
	size_t position = 0;

	while ((p = map_next(s->collector->processes, &position, NULL, NULL))) {
		if (p->service != s)
			continue;
		watch_end(p);
		p->main = p->matched = false;
		service_leave(p, false);
	}
	s->mains = 0;
}

void service_end(struct service *s)
{
	release_processes(s);
	s->ended = true;
	if (s->ending > 0)
		return; /* whoever tells an end of it comes here again */
	tell_ended(s);
	map_remove_string(s->collector->services, s->name);
	service_free(s);
}
