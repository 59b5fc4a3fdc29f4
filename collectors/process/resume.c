/* SPDX-License-Identifier: Apache-2.0 */
/* A collector goes on from what the engine knows of the one before it. */
#include "collectors/process/resume.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/process/grace.h"
#include "collectors/process/scan.h"
#include "collectors/process/search.h"
#include "collectors/process/service.h"
#include "collectors/process/watch.h"
#include "daemon/base/text.h"

#define COUNTER_MAX 0x1p63 /* beyond any counter */

void resume_value(struct collector *c, const struct known_value *v)
{
	const char *name = labels_get(&v->series.labels, "service");
	const char *reason = labels_get(&v->series.labels, "reason");
	const char *mode = labels_get(&v->series.labels, "mode");
	struct service *s = name ? service_get(c, name) : NULL;
	const char *metric = text_after(v->series.metric, "modelwatch_service_");
	enum exit_reason known_reason;
	uint64_t count;

	if (!s || !metric || !(v->value >= 0 && v->value < COUNTER_MAX))
		return;
	count = (uint64_t) v->value;
	if (text_equal(metric, "stopped")) {
		/* Found by another key now, it is told of no more. */
		s->grace.held = units_has(s) && v->value > 0;
		s->live[SERIES_STOPPED] = true;
	} else if (text_equal(metric, "expected")) {
		s->expectation = v->value > 0 ? EXPECTED : NOT_EXPECTED;
	} else if (text_equal(metric, "stop_time_seconds")) {
		grace_resume(s, v->value);
	} else if (text_equal(metric, "up")) {
		s->was_up = true;
		if (v->value <= 0)
			s->down_since = clock_monotonic();
	} else if (text_equal(metric, "restarts_total"))
		s->restarts = count;
	else if (text_equal(metric, "oom_kills_total"))
		s->oom_kills = count;
	else if (text_equal(metric, "exits_total") && reason &&
		 exit_reason_parse(reason, &known_reason) == 0)
		s->exits[known_reason] = count;
	else if (text_equal(metric, "cpu_seconds_total") && mode)
		*(text_equal(mode, "user") ? &s->told.user : &s->told.system) = v->value;
	else if (text_equal(metric, "major_faults_total"))
		s->told.major_faults = count;
	else if (text_equal(metric, "read_bytes_total")) {
		s->told.bytes_read = count;
		s->io_known = true;
	} else if (text_equal(metric, "written_bytes_total"))
		s->told.bytes_written = count;
}

void resume_owed(struct collector *c)
{
	struct service *s;
	size_t position = 0;

	while ((s = map_next(c->services, &position, NULL, NULL))) {
		uint64_t exits = 0;

		for (size_t i = 0; i < EXIT_REASONS; i++)
			exits += i == EXIT_STOPPED ? 0 : s->exits[i];
		/* How many ended together is not known any more. */
		s->owed = s->down_since > 0 && exits > s->restarts;
	}
}

int resume_discovered(struct collector *c, const struct known *known)
{
	for (size_t i = 0; i < known->process_count; i++) {
		struct service *s;
		int r;

		if (service_get(c, known->processes[i].service))
			continue;
		r = service_new(c, known->processes[i].service, NULL, NULL, &s);
		if (r < 0 && r != -E2BIG)
			return r;
	}
	for (size_t i = 0; i < known->value_count; i++) {
		const char *name = labels_get(&known->values[i].series.labels, "service");
		struct service *s;

		if (!name || service_get(c, name) ||
			!text_equal(known->values[i].series.metric, "modelwatch_service_up"))
			continue;
		if (service_new(c, name, NULL, NULL, &s) < 0)
			continue;
		s->down_since = clock_monotonic();
	}
	return 0;
}

/* True where it is there still: the same number, start and boot. */
static bool lives_on(struct collector *c, const struct known_process *known, struct proc_stat *ret)
{
	return text_equal(known->boot, c->boot) && known->pid > 0 && known->pid <= INT32_MAX &&
	       proc_read_stat(c->root, (pid_t) known->pid, ret) == 0 &&
	       ret->start == known->start && !proc_stat_is_dead(ret);
}

static bool is_main(struct service *s, const struct known_process *known)
{
	const struct process *p = scan_find(s->collector, (pid_t) known->pid);

	return p && p->main && p->service == s && p->start == known->start;
}

/* What it shows as its arguments may be a title by now. */
static bool may_show_title(const struct known_process *known, const struct proc_stat *stat)
{
	return *known->command_line && known->stack > 0 && known->stack == stat->stack;
}

int resume_begin(struct collector *c, const struct known *known)
{
	struct resumption *r = calloc(1, sizeof(*r));

	if (r)
		r->processes = calloc(known->process_count + 1, sizeof(*r->processes));
	if (!r || !r->processes) {
		free(r);
		return -ENOMEM;
	}
	r->known = known;
	c->resumption = r;
	return 0;
}

void resume_end(struct collector *c)
{
	if (c->resumption)
		free(c->resumption->processes);
	free(c->resumption);
	c->resumption = NULL;
}

void resume_note_exit(struct collector *c, const struct connector_event *e, uint64_t at)
{
	struct resumption *r = c->resumption;

	for (size_t i = 0; i < r->known->process_count; i++) {
		const struct known_process *known = &r->known->processes[i];
		struct resumed *p = &r->processes[i];

		/* An earlier process may have had its number. */
		if (known->pid == e->pid && known->start <= at && text_equal(known->boot, c->boot))
			watch_take_status(
				&p->status_known, &p->status, e->kind == CONNECTOR_EXIT, e->status);
	}
}

void resume_note_told(const struct service *s, const struct process *p)
{
	const struct resumption *r = s->collector->resumption;

	for (size_t i = 0; r && i < r->known->process_count; i++) {
		const struct known_process *known = &r->known->processes[i];

		if (known->pid == p->pid && known->start == p->start &&
			text_equal(known->service, s->name))
			r->processes[i].lived = false;
	}
}

static void tell_missed(struct service *s, const struct resumption *r, size_t i)
{
	const struct resumed *p = &r->processes[i];

	service_missed(s, &r->known->processes[i], p->status_known ? &p->status : NULL);
}

/* It goes on as a main process, whatever it shows now. False where it is another service's by now. */
static bool keep(struct service *s, const struct known_process *known, const struct proc_stat *stat)
{
	struct collector *c = s->collector;
	struct process *p = scan_find(c, stat->pid);

	if (!p)
		p = scan_add(c, stat);
	if (!p || p->service)
		return !p || p->service == s;
	if (may_show_title(known, stat) && text_replace(&p->found_by, known->command_line) < 0)
		collector_fail(c, -ENOMEM);
	p->matched = true;
	service_adopt(s, p);
	return true;
}

static void set_unjudged(struct collector *c, pid_t pid, bool unjudged)
{
	struct process *p = scan_find(c, pid);

	if (p)
		p->unjudged = unjudged;
}

/* A main process of a discovered service. False where it is a configured one's now. */
static bool resume_server(
	struct service *s, const struct known_process *known, const struct proc_stat *stat)
{
	struct collector *c = s->collector;
	struct identity i;
	bool configured;
	int r = proc_read_identity(c->reader, stat->pid, c->identity, &i);

	if (r < 0 && !proc_is_kept_waiting(r))
		return true; /* it ends just now, and the next look finds that out */
	configured = r == 0 && scan_find_service(c, &i);
	if (r == 0)
		identity_done(&i);
	if (!configured && keep(s, known, stat))
		set_unjudged(c, stat->pid, r < 0);
	return !configured;
}

/* Of what it was configured to be found by, in the order of the configuration. */
static bool is_found_by(struct service *s, pid_t pid, const struct identity *i)
{
	const struct service *first = scan_find_service(s->collector, i);

	return first ? first == s : search_finds(s, pid, i);
}

/* True where the service, as it is configured now, would be found by COMMAND_LINE in the place of the title
 * that the process shows. */
static bool shows_title(struct service *s, pid_t pid, const char *command_line, struct identity *i)
{
	return search_judge(s->collector, s->match, i) == MATCH_NO &&
	       text_replace(&i->command_line, command_line) == 0 && is_found_by(s, pid, i);
}

/* A main process of a configured service that no listing finds goes on if it shows a title. UNREAD is the
 * answer where it keeps us waiting. */
static bool resume_titled(struct service *s, const struct known_process *known,
	const struct proc_stat *stat, bool unread)
{
	struct collector *c = s->collector;
	struct identity i;
	bool stays;
	int r = proc_read_identity(c->reader, stat->pid, c->identity, &i);

	stays = r == 0 ? may_show_title(known, stat) &&
				 shows_title(s, stat->pid, known->command_line, &i)
		       : unread && proc_is_kept_waiting(r);
	if (r == 0)
		identity_done(&i);
	if (!stays || !keep(s, known, stat))
		return false;
	set_unjudged(c, stat->pid, r < 0);
	return true;
}

/* Until systemd can be asked what was a unit's is. */
static void resume_unit(
	struct service *s, const struct known_process *known, const struct proc_stat *stat)
{
	if (keep(s, known, stat))
		set_unjudged(s->collector, stat->pid, true);
}

void resume_judge(struct process *p)
{
	struct service *s = p->service;
	struct identity i;
	bool stays;

	if (units_has(s) && !s->collector->units_known)
		return;
	if (proc_read_identity(s->collector->reader, p->pid, s->collector->identity, &i) < 0)
		return;
	p->unjudged = false;
	if (s->match)
		stays = is_found_by(s, p->pid, &i) ||
			(p->found_by && shows_title(s, p->pid, p->found_by, &i));
	else
		stays = !scan_find_service(s->collector, &i);
	identity_done(&i);
	if (stays)
		return;
	/* A discovered one has nothing else to wait for. */
	if (!s->match && s->mains == 1)
		service_end(s);
	else
		service_release(p);
}

void resume_living(struct collector *c)
{
	const struct known *known = c->resumption->known;
	struct proc_stat stat;

	for (size_t i = 0; i < known->process_count; i++) {
		struct service *s = service_get(c, known->processes[i].service);
		bool lived = !s || lives_on(c, &known->processes[i], &stat);

		c->resumption->processes[i].lived = lived;
		if (!s || !lived)
			continue;
		if (s->match) {
			s->survivors++;
			if (units_has(s))
				resume_unit(s, &known->processes[i], &stat);
			else if (may_show_title(&known->processes[i], &stat))
				resume_titled(s, &known->processes[i], &stat, false);
		} else if (!resume_server(s, &known->processes[i], &stat)) {
			if (s->mains == 0)
				service_end(s);
			else
				service_released(s, &known->processes[i]);
		}
	}
}

void resume_missed(struct collector *c)
{
	const struct resumption *r = c->resumption;

	for (size_t i = 0; i < r->known->process_count; i++) {
		struct service *s = service_get(c, r->known->processes[i].service);

		if (s && !r->processes[i].lived)
			tell_missed(s, r, i);
	}
}

/* The search may not have come to it yet. */
static bool is_found(struct collector *c, struct service *s, const struct known_process *known)
{
	struct process *p = scan_find(c, (pid_t) known->pid);

	return p && search_by_port(s) && search_take(s, p, false);
}

void resume_settle(struct collector *c)
{
	const struct resumption *r = c->resumption;
	const struct known *known = r->known;
	struct proc_stat stat;
	struct service *s;
	size_t position = 0;

	while ((s = map_next(c->services, &position, NULL, NULL)))
		s->survivors = 0;
	for (size_t i = 0; i < known->process_count; i++) {
		s = service_get(c, known->processes[i].service);
		if (!s || !s->match || !r->processes[i].lived || is_main(s, &known->processes[i]))
			continue;
		/* What is just ending does not show any more whose it is. */
		if (!lives_on(c, &known->processes[i], &stat))
			tell_missed(s, r, i);
		/* What kept us waiting before may answer now; and if it still does, it is what it was, as
		 * far as anybody can tell. */
		else if (!stat.exiting && !c->incomplete && !is_found(c, s, &known->processes[i]) &&
			 !resume_titled(s, &known->processes[i], &stat, true))
			service_released(s, &known->processes[i]);
	}
}
