/* SPDX-License-Identifier: Apache-2.0 */
/* What the processes of a service use, summed over all of its members. */
#include <errno.h>
#include <math.h>
#include <time.h>

#include "collectors/process/private.h"

#define PSS_EVERY  USEC_PER_MIN /* reading it holds the server's memory lock: at most so often */
#define PSS_SHARE  200		/* and not before so many times its duration have passed */
#define SLOW_EVERY (5 * USEC_PER_SEC) /* swap and limits, which are dear to read and seldom change */

/* The sums of one service. */
struct sums {
	struct usage used;
	uint64_t resident, swap, threads, open_fds, max_fds;
	uint64_t first_start; /* of the main processes, clock ticks; 0 for none */
	unsigned counted;
	bool fds_denied, io_denied;
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

static int read_io(struct process *p)
{
	return proc_read_io(
		p->collector->root, p->pid, &p->used.bytes_read, &p->used.bytes_written);
}

static int look(struct process *p, struct proc_stat *ret)
{
	struct collector *c = p->collector;
	int r = proc_read_stat(c->root, p->pid, ret);

	if (r == 0 && ret->start != p->start)
		r = -ESRCH;
	if (r < 0)
		return r;
	p->parent = ret->parent;
	p->used.user = (double) (ret->user + ret->waited_user) / c->ticks;
	p->used.system = (double) (ret->system + ret->waited_system) / c->ticks;
	p->used.major_faults = ret->major_faults + ret->waited_major_faults;
	return 0;
}

int sample_process(struct process *p)
{
	struct proc_stat stat;
	int r = look(p, &stat);

	if (r == 0)
		proc_read_resident(p->collector->root, p->pid, &p->resident);
	return r;
}

void sample_bury(struct process *p, bool counted_by_parent)
{
	if (!counted_by_parent)
		add_usage(&p->service->gone, &p->used);
}

static void add_member(struct process *p, struct sums *sums, bool slow)
{
	struct collector *c = p->collector;
	struct proc_stat stat;
	uint64_t value;

	if (look(p, &stat) < 0)
		return;
	sums->counted++;
	sums->threads += stat.threads;
	if (proc_read_resident(c->root, p->pid, &p->resident) == 0)
		sums->resident += p->resident;
	if (read_io(p) < 0)
		sums->io_denied = true;
	if (proc_read_fds(c->root, p->pid, &value) == 0)
		sums->open_fds += value;
	else
		sums->fds_denied = true;
	if (slow && proc_read_swap(c->root, p->pid, &value) == 0)
		sums->swap += value;
	if (slow && p->main && proc_read_max_fds(c->root, p->pid, &value) == 0)
		sums->max_fds = larger(sums->max_fds, value);
	if (p->main && (sums->first_start == 0 || p->start < sums->first_start))
		sums->first_start = p->start;
	add_usage(&sums->used, &p->used);
}

static void tell(struct service *s, enum series_number number, double value)
{
	const struct sink *sink = s->collector->sink;
	uint32_t id;
	int r = service_series(s, number, &id);

	if (r == 0)
		r = sink->sample(sink->userdata, id, value);
	if (r < 0)
		collector_fail(s->collector, r);
}

static void tell_gauge(struct service *s, enum series_number number, double value)
{
	tell(s, number, value);
	s->live[number] = true;
}

/* Gauges of processes that are no more are over; that is said once. */
static void end_gauges(struct service *s)
{
	for (unsigned i = 0; i < SERIES_COUNT; i++)
		if (s->live[i]) {
			tell(s, (enum series_number) i, sample_stale());
			s->live[i] = false;
		}
}

static double boot_time(void)
{
	struct timespec wall, boot;

	clock_gettime(CLOCK_REALTIME, &wall);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	return (double) (wall.tv_sec - boot.tv_sec) + (double) (wall.tv_nsec - boot.tv_nsec) / 1e9;
}

static void sum_proportional(struct service *s)
{
	struct collector *c = s->collector;
	usec_t begin = clock_monotonic(), duration;
	uint64_t sum = 0, value;
	size_t position = 0;
	struct process *p;

	if (begin < s->proportional_due)
		return;
	while ((p = map_next(c->processes, &position, NULL, NULL)))
		if (p->service == s && proc_read_pss(c->root, p->pid, &value) == 0)
			sum += value;
	s->proportional = sum;
	duration = clock_monotonic() - begin;
	s->proportional_due = begin + (PSS_SHARE * duration > PSS_EVERY ? PSS_SHARE * duration : PSS_EVERY);
	if (sum > 0)
		tell_gauge(s, SERIES_PROPORTIONAL, (double) sum);
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

	if (!s->calibrated)
		calibrate(s, &now);
	add_usage(&now, &s->gone);
	keep_rising(&s->told, &now);
	tell(s, SERIES_CPU_USER, s->told.user);
	tell(s, SERIES_CPU_SYSTEM, s->told.system);
	tell(s, SERIES_MAJOR_FAULTS, (double) s->told.major_faults);
	if (!sums->io_denied) {
		tell(s, SERIES_READ, (double) s->told.bytes_read);
		tell(s, SERIES_WRITTEN, (double) s->told.bytes_written);
	}
	tell(s, SERIES_RESTARTS, (double) s->restarts);
	tell(s, SERIES_OOM_KILLS, (double) s->oom_kills);
	for (unsigned i = 0; i < EXIT_REASONS; i++)
		if (s->exits[i] > 0)
			tell(s, SERIES_EXITS + i, (double) s->exits[i]);
}

static void tell_gauges(struct service *s, const struct sums *sums, bool slow)
{
	if (sums->first_start > 0) {
		double since = boot_time() + (double) sums->first_start / s->collector->ticks;

		/* The clock tick is a hundredth of a second; more digits would only flicker. */
		tell_gauge(s, SERIES_START_TIME, round(since * 10) / 10);
	}
	tell_gauge(s, SERIES_RESIDENT, (double) sums->resident);
	tell_gauge(s, SERIES_THREADS, (double) sums->threads);
	if (!sums->fds_denied)
		tell_gauge(s, SERIES_OPEN_FDS, (double) sums->open_fds);
	if (slow)
		tell_gauge(s, SERIES_SWAP, (double) sums->swap);
	if (slow && sums->max_fds > 0)
		tell_gauge(s, SERIES_MAX_FDS, (double) sums->max_fds);
	sum_proportional(s);
}

/* Says once what the rights do not suffice for. */
static void report_denied(struct collector *c, const struct sums *sums)
{
	const struct sink *sink = c->sink;

	if (c->told_io || !(sums->io_denied || sums->fds_denied))
		return;
	c->told_io = true;
	sink->fact(sink->userdata, "doctor", "process-details", "state", "limited");
	sink->fact(sink->userdata, "doctor", "process-details", "text",
		"Files, I/O and memory of other users' processes cannot be read.");
	sink->fact(sink->userdata, "doctor", "process-details", "remedy",
		"Give the daemon CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, as its unit does.");
}

static void sample_service(struct service *s, struct sums *sums, bool slow)
{
	if (!s->ended && s->was_up)
		tell(s, SERIES_UP, s->mains > 0);
	if (!s->was_up)
		return;
	tell(s, SERIES_PROCESSES, s->members);
	tell_counters(s, sums);
	if (sums->counted > 0)
		tell_gauges(s, sums, slow);
	else if (s->members == 0)
		end_gauges(s);
	report_denied(s->collector, sums);
}

void sample_all(struct collector *c)
{
	size_t count = map_size(c->services), position = 0, n = 0;
	struct sums *sums = calloc(count + 1, sizeof(*sums));
	struct service **services = calloc(count + 1, sizeof(struct service *));
	usec_t now = clock_monotonic();
	bool slow = now >= c->slow_due;
	struct process *p;

	if (slow)
		c->slow_due = now + SLOW_EVERY;
	if (!sums || !services) {
		collector_fail(c, -ENOMEM);
		count = 0;
	}
	while (n < count && (services[n] = map_next(c->services, &position, NULL, NULL))) {
		services[n]->number = n;
		n++;
	}
	position = 0;
	while (count > 0 && (p = map_next(c->processes, &position, NULL, NULL)))
		if (p->service)
			add_member(p, &sums[p->service->number], slow);
	for (size_t i = 0; i < n; i++)
		sample_service(services[i], &sums[i], slow);
	free(sums);
	free(services);
}
