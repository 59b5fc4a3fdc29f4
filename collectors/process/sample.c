/* SPDX-License-Identifier: Apache-2.0 */
/* What the processes of a service use, summed over all of its members. */
#include "collectors/process/sample.h"

#include <errno.h>
#include <math.h>
#include <time.h>

#include "collectors/process/doctor.h"
#include "collectors/process/grace.h"
#include "collectors/process/scan.h"
#include "collectors/process/tell.h"

#define PSS_EVERY  USEC_PER_MIN /* reading it holds the server's memory lock: at most so often */
#define PSS_SHARE  200		/* and not before so many times its duration have passed */
#define PSS_BUDGET (5 * USEC_PER_MSEC) /* of one tick: an end that is to be told must not wait long */
#define SLOW_EVERY (5 * USEC_PER_SEC) /* swap and limits, which are dear to read and seldom change */
#define SAME_START 1.0 /* seconds that a start time may seem to move by, as the wall clock is slewed */

/* The sums of one service. */
struct sums {
	struct usage used;
	uint64_t resident, swap, threads, open_fds, max_fds, proportional;
	uint64_t first_start; /* of the main processes, clock ticks; 0 for none */
	unsigned counted;
	unsigned denied; /* of enum denied */
};

static void add_usage(struct usage *to, const struct usage *from)
{
	to->user += from->user;
	to->system += from->system;
	to->major_faults += from->major_faults;
	to->bytes_read += from->bytes_read;
	to->bytes_written += from->bytes_written;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Counters never fall, whatever became of a process between two looks. */
static void keep_rising(struct usage *told, const struct usage *now)
{
	told->user = fmax(told->user, now->user);
	told->system = fmax(told->system, now->system);
	told->major_faults = larger(told->major_faults, now->major_faults);
	told->bytes_read = larger(told->bytes_read, now->bytes_read);
	told->bytes_written = larger(told->bytes_written, now->bytes_written);
}

static void note_denied(struct process *p, enum denied what, int r)
{
	if (proc_is_denied(r))
		p->use.denied |= what;
	else if (r == 0)
		p->use.denied &= ~(unsigned) what;
}

/* What is opened here stays open while there are few enough. */
static void keep(struct collector *c, int *fd, bool was_open)
{
	if (was_open || *fd < 0)
		return;
	if (c->kept < KEPT_MAX && collector_may_keep(c, *fd))
		c->kept++;
	else
		close_fd(fd);
}

static int read_stat(struct process *p, struct proc_stat *ret)
{
	bool was_open = p->use.stat_fd >= 0;
	int r = proc_read_stat_kept(p->collector->root, p->pid, &p->use.stat_fd, ret);

	keep(p->collector, &p->use.stat_fd, was_open);
	return r;
}

static void read_io(struct process *p)
{
	bool was_open = p->use.io_fd >= 0;
	int r = proc_read_io_kept(p->collector->reader, p->pid, &p->use.io_fd,
		&p->use.total.bytes_read, &p->use.total.bytes_written);

	keep(p->collector, &p->use.io_fd, was_open);
	note_denied(p, DENIED_IO, r);
}

int sample_process(struct process *p)
{
	struct collector *c = p->collector;
	struct usage before = p->use.total;
	uint64_t now = collector_boot_ticks(c, clock_monotonic());
	struct proc_stat stat;
	int r = read_stat(p, &stat);

	if (r == 0 && stat.start != p->start)
		r = -ESRCH;
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	p->parent = stat.parent;
	p->group = stat.group;
	p->session = stat.session;
	p->use.total.user = (double) (stat.user + stat.waited_user) / c->ticks;
	p->use.total.system = (double) (stat.system + stat.waited_system) / c->ticks;
	p->use.total.major_faults = stat.major_faults + stat.waited_major_faults;
	if (proc_stat_is_dead(&stat))
		return -ESRCH;
	p->use.active |= before.user < p->use.total.user || before.system < p->use.total.system ||
		     before.major_faults != p->use.total.major_faults ||
		p->use.threads != stat.threads;
	p->watch.lived = p->use.measured = now;
	if (!stat.exiting)
		p->watch.permitted = stat.permitted;
	p->use.threads = stat.threads;
	p->use.resident = stat.resident * c->page;
	return 0;
}

/* A process that took no time since the last look has done nothing else either: what it did in less
 * than a clock tick is seen at the next slow look. */
static void sample_member(struct process *p, bool slow)
{
	struct collector *c = p->collector;

	slow |= p->service->fresh;
	if (slow || p->use.active) {
		read_io(p);
		note_denied(p, DENIED_FDS, proc_read_fds(c->root, p->pid, &p->use.open_fds));
	}
	p->use.active = false;
	if (!slow)
		return;
	proc_read_swap(c->root, p->pid, &p->use.swap);
	if (p->main)
		proc_read_max_fds(c->root, p->pid, &p->use.max_fds);
}

/* A member that is dead is none any more; until somebody waits for it nobody else counts what it
 * used. */
static void bury(struct process *p)
{
	struct proc_stat stat;

	if (p->main || proc_read_stat(p->collector->root, p->pid, &stat) < 0 ||
		stat.start != p->start) {
		scan_lose(p);
		return;
	}
	if (!p->dead)
		p->service->members--;
	p->dead = true;
}

/* Finds out what is gone before anything is summed: that changes the table, and services. */
static void bury_dead(struct collector *c)
{
	pid_t *gone = calloc(map_size(c->processes) + 1, sizeof(*gone));
	size_t count = 0, position = 0;
	struct process *p;

	if (!gone) {
		collector_fail(c, -ENOMEM);
		return;
	}
	while ((p = map_next(c->processes, &position, NULL, NULL)))
		if (p->service && sample_process(p) == -ESRCH)
			gone[count++] = p->pid;
	for (size_t i = 0; i < count; i++) {
		p = scan_find(c, gone[i]);
		if (p && p->service)
			bury(p);
	}
	free(gone);
}

static void rest_proportional(struct process *p, usec_t now, usec_t took)
{
	struct service *s = p->service;

	p->use.proportional_due = now + larger(PSS_SHARE * took, PSS_EVERY);
	s->proportional_due = larger(s->proportional_due, p->use.proportional_due);
}

static void note_proportional(struct process *p, int r)
{
	note_denied(p, DENIED_MEMORY, r);
	p->service->proportional_read = true;
}

/* What did not answer in time before; whoever waits for it costs nothing. */
static void take_proportional(struct collector *c, usec_t now)
{
	struct process *p;
	size_t position = 0;

	while ((p = map_next(c->processes, &position, NULL, NULL))) {
		usec_t took = 0;
		int r;

		if (!p->service || p->dead || !p->use.proportional_awaited)
			continue;
		r = proc_read_late_pss(c->reader, p->pid, &p->use.proportional, &took);
		if (r == -EBUSY)
			continue;
		p->use.proportional_awaited = false;
		if (r == -ENODATA)
			continue;
		rest_proportional(p, now, took);
		note_proportional(p, r);
	}
}

/* Whether it answers or not, it has its rest after that. */
static void read_proportional(struct collector *c)
{
	usec_t begin = clock_monotonic(), now = begin;
	struct process *p;
	size_t position = 0;

	take_proportional(c, now);
	while (now - begin < PSS_BUDGET && (p = map_next(c->processes, &position, NULL, NULL))) {
		usec_t took = 0;
		int r;

		if (!p->service || p->dead || p->use.proportional_awaited ||
			now < p->use.proportional_due)
			continue;
		r = proc_read_pss(c->reader, p->pid, PSS_BUDGET, &p->use.proportional, &took);
		if (r != -EBUSY) {
			rest_proportional(p, now, took);
			p->use.proportional_awaited = r == -ETIMEDOUT;
		}
		now = clock_monotonic();
		if (!proc_is_kept_waiting(r))
			note_proportional(p, r);
	}
}

static void add_member(const struct process *p, struct sums *sums)
{
	add_usage(&sums->used, &p->use.total);
	if (p->dead)
		return;
	sums->counted++;
	sums->denied |= p->use.denied;
	sums->threads += p->use.threads;
	sums->resident += p->use.resident;
	sums->open_fds += p->use.open_fds;
	sums->swap += p->use.swap;
	sums->proportional += p->use.proportional;
	if (!p->main)
		return;
	sums->max_fds = larger(sums->max_fds, p->use.max_fds);
	if (sums->first_start == 0 || p->start < sums->first_start)
		sums->first_start = p->start;
}

static void tell(struct service *s, enum series_number number, double value)
{
	const struct sink *sink = s->collector->sink;
	uint32_t id;
	int r = tell_series(s, number, &id);

	if (r == 0)
		r = sink->sample(sink->userdata, id, value);
	if (r < 0)
		collector_fail(s->collector, r);
}

/* A gauge that has no value any more is over; that is said once. */
static void tell_gauge(struct service *s, enum series_number number, bool has_value, double value)
{
	if (has_value)
		tell(s, number, value);
	else if (s->live[number])
		tell(s, number, sample_stale());
	s->live[number] = has_value;
}

/* A collector that was started anew goes on from the counters that were known. */
static void calibrate(struct service *s, const struct usage *now)
{
	s->gone.user += fmax(0, s->told.user - now->user);
	s->gone.system += fmax(0, s->told.system - now->system);
	s->gone.major_faults += larger(s->told.major_faults, now->major_faults) - now->major_faults;
	s->gone.bytes_read += larger(s->told.bytes_read, now->bytes_read) - now->bytes_read;
	s->gone.bytes_written +=
		larger(s->told.bytes_written, now->bytes_written) - now->bytes_written;
	s->calibrated = true;
}

static void tell_counters(struct service *s, const struct sums *sums)
{
	struct usage now = sums->used;

	add_usage(&now, &s->gone);
	if (!s->calibrated) {
		calibrate(s, &now);
		now = sums->used;
		add_usage(&now, &s->gone);
	}
	keep_rising(&s->told, &now);
	tell(s, SERIES_CPU_USER, s->told.user);
	tell(s, SERIES_CPU_SYSTEM, s->told.system);
	tell(s, SERIES_MAJOR_FAULTS, (double) s->told.major_faults);
	s->io_known |= sums->counted > 0 && !(sums->denied & DENIED_IO);
	if (s->io_known && !(sums->denied & DENIED_IO)) {
		tell(s, SERIES_READ, (double) s->told.bytes_read);
		tell(s, SERIES_WRITTEN, (double) s->told.bytes_written);
	}
	tell(s, SERIES_RESTARTS, (double) s->restarts);
	tell(s, SERIES_OOM_KILLS, (double) s->oom_kills);
	for (unsigned i = 0; i < EXIT_REASONS; i++)
		if (s->exits[i] > 0)
			tell(s, SERIES_EXITS + i, (double) s->exits[i]);
}

/* Unix time of a start in clock ticks. The clock tick is a hundredth of a second: more digits would
 * only flicker, and so would a clock that is slewed. */
static double start_time(struct service *s, uint64_t start)
{
	double since = ((double) clock_wall() - (double) clock_boot()) / (double) USEC_PER_SEC +
		       (double) start / s->collector->ticks;

	if (s->fresh || fabs(since - s->start_time) > SAME_START)
		s->start_time = round(since * 10) / 10;
	return s->start_time;
}

/* What changes seldom is told when it was read. */
static void tell_gauges(struct service *s, const struct sums *sums, bool slow)
{
	bool some = sums->counted > 0, started = sums->first_start > 0;

	tell_gauge(s, SERIES_START_TIME, started,
		started ? start_time(s, sums->first_start) : 0);
	tell_gauge(s, SERIES_RESIDENT, some, (double) sums->resident);
	tell_gauge(s, SERIES_THREADS, some, (double) sums->threads);
	tell_gauge(s, SERIES_OPEN_FDS, some && !(sums->denied & DENIED_FDS),
		(double) sums->open_fds);
	if (slow || s->fresh || !some) {
		tell_gauge(s, SERIES_SWAP, some, (double) sums->swap);
		tell_gauge(s, SERIES_MAX_FDS, sums->max_fds > 0, (double) sums->max_fds);
	}
	if (s->proportional_read || s->fresh || !some)
		tell_gauge(s, SERIES_PROPORTIONAL,
			sums->proportional > 0 && !(sums->denied & DENIED_MEMORY),
			(double) sums->proportional);
}

static void tell_stopped(struct service *s, bool stopped)
{
	tell(s, SERIES_STOPPED, stopped);
	tell_gauge(s, SERIES_STOP_TIME, stopped, stopped ? grace_time(s) : 0);
}

/* It had a unit, and was stopped: no value says so any more. */
static void tell_not_stopped(struct service *s)
{
	tell_gauge(s, SERIES_STOPPED, false, 0);
	tell_gauge(s, SERIES_STOP_TIME, false, 0);
}

static void sample_service(struct service *s, const struct sums *sums, bool slow)
{
	if (s->expectation != EXPECTATION_UNKNOWN)
		tell(s, SERIES_EXPECTED, s->expectation == EXPECTED);
	if (!s->was_up)
		return;
	/* One that is missing is not told to be so before it is known why. */
	if (!s->ended && !(s->missing && s->absence.tellings == 0))
		tell(s, SERIES_UP, s->mains > 0);
	if (units_has(s))
		tell_stopped(s, grace_holds(s, clock_boot()));
	else
		tell_not_stopped(s);
	tell_absence(s);
	tell(s, SERIES_PROCESSES, s->members);
	tell_counters(s, sums);
	tell_gauges(s, sums, slow);
	if (sums->denied)
		doctor_denied(s->collector);
	s->fresh = s->proportional_read = false;
}

/* Sums over the members, and tells of each service. */
static void sum_up(struct collector *c, struct service **services, struct sums *sums, size_t count,
	bool slow)
{
	struct process *p;
	size_t position = 0, n = 0;

	while (n < count && (services[n] = map_next(c->services, &position, NULL, NULL))) {
		services[n]->number = n;
		n++;
	}
	position = 0;
	while ((p = map_next(c->processes, &position, NULL, NULL)))
		if (p->service)
			add_member(p, &sums[p->service->number]);
	for (size_t i = 0; i < n; i++)
		sample_service(services[i], &sums[i], slow);
}

void sample_all(struct collector *c)
{
	usec_t now = clock_monotonic();
	bool slow = now >= c->slow_due;
	struct service **services;
	struct sums *sums;
	struct process *p;
	size_t count, position = 0;

	if (slow)
		c->slow_due = now + SLOW_EVERY;
	bury_dead(c);
	while ((p = map_next(c->processes, &position, NULL, NULL)))
		if (p->service && !p->dead)
			sample_member(p, slow);
	read_proportional(c);
	count = map_size(c->services);
	sums = calloc(count + 1, sizeof(*sums));
	services = calloc(count + 1, sizeof(struct service *));
	if (sums && services)
		sum_up(c, services, sums, count, slow);
	else
		collector_fail(c, -ENOMEM);
	free(sums);
	free(services);
}
