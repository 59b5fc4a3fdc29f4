/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/process/collector.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "collectors/process/doctor.h"
#include "collectors/process/events.h"
#include "collectors/process/memory.h"
#include "collectors/process/missing.h"
#include "collectors/process/resume.h"
#include "collectors/process/sample.h"
#include "collectors/process/scan.h"
#include "collectors/process/search.h"
#include "collectors/process/service.h"
#include "collectors/process/stuck.h"
#include "collectors/process/tell.h"
#include "collectors/process/unseen.h"
#include "daemon/base/file.h"
#include "daemon/base/text.h"

#define LIST_WITH_EVENTS  (5 * USEC_PER_SEC) /* without events /proc is listed at every tick */
#define FORGET_AFTER      USEC_PER_DAY       /* a discovered service that is gone */
#define DESCRIPTORS_SPARE 64                 /* for what is opened for a moment, and for messages */
#define BOOT_ID           "sys/kernel/random/boot_id"

void collector_fail(struct collector *c, int r)
{
	if (!c->failed)
		c->sink->failed(c->sink->userdata, r);
	c->failed = true;
	sd_event_exit(c->event, r == -ENOMEM ? EX_OSERR : EX_SOFTWARE);
}

bool collector_has_room(struct collector *c)
{
	return c->sink->has_room(c->sink->userdata);
}

bool collector_may_keep(const struct collector *c, int fd)
{
	return fd < c->keep_below;
}

static int last_kept_descriptor(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > INT_MAX)
		return INT_MAX;
	return (int) limit.rlim_cur - DESCRIPTORS_SPARE;
}

/* CLOCK_MONOTONIC stands still while the host sleeps, the time of processes does not. */
uint64_t collector_boot_ticks(const struct collector *c, usec_t monotonic)
{
	usec_t since = usec_since(clock_boot(), usec_since(clock_monotonic(), monotonic));

	return (uint64_t) ((double) since / (double) USEC_PER_SEC * c->ticks);
}

static void forget_old(struct collector *c)
{
	usec_t now = clock_monotonic();
	struct service *s;
	size_t position = 0;

	while ((s = map_next(c->services, &position, NULL, NULL)))
		if (!s->match && s->mains == 0 && usec_since(now, s->down_since) > FORGET_AFTER) {
			service_end(s);
			position--;
		}
}

/* As far as there is room: the rest is repeated at the next tick. */
static void announce(struct collector *c)
{
	struct process *p;
	size_t position = 0;

	while (c->announcing && (p = map_next(c->processes, &position, NULL, NULL))) {
		if (!p->unannounced)
			continue;
		if (!collector_has_room(c))
			return;
		p->unannounced = false;
		if (p->main)
			tell_started(p->service, p);
	}
	c->announcing = false;
}

static void look_around(struct collector *c)
{
	announce(c);
	stuck_look_again(c);
	if (c->options.connector < 0 || c->listed == 0 || c->incomplete ||
		usec_since(clock_monotonic(), c->listed) >= LIST_WITH_EVENTS)
		scan_list(c);
	scan_recheck(c);
	service_take_orphans(c);
	search_all(c);
	unseen_check_missing(c);
	missing_check(c);
	forget_old(c);
}

/* Ticks stay in step; those that the host slept through are left out. */
static int set_next_tick(struct collector *c)
{
	usec_t now = clock_monotonic(), interval = c->options.interval;

	c->next_tick += interval;
	if (c->next_tick <= now)
		c->next_tick = now + interval - (now - c->next_tick) % interval;
	return sd_event_source_set_time(c->tick, c->next_tick);
}

static int on_tick(sd_event_source *source, uint64_t now, void *userdata)
{
	struct collector *c = userdata;
	int r;

	look_around(c);
	sample_all(c);
	memory_watch(c);
	r = c->sink->tick(c->sink->userdata, "process", clock_wall());
	if (r >= 0)
		r = set_next_tick(c);
	if (r < 0)
		collector_fail(c, r);
	return 0;
}

static int add_sources(struct collector *c)
{
	usec_t accuracy = c->options.interval / 20;
	int r;

	c->next_tick = clock_monotonic() + c->options.interval;
	/* An accuracy of 0 would stand for a quarter of a second. */
	r = sd_event_add_time(c->event, &c->tick, CLOCK_MONOTONIC, c->next_tick,
		accuracy > 0 ? accuracy : 1, on_tick, c);
	if (r >= 0)
		r = sd_event_source_set_enabled(c->tick, SD_EVENT_ON);
	if (r >= 0)
		r = sd_event_source_set_priority(c->tick, SD_EVENT_PRIORITY_NORMAL + 10);
	return r < 0 ? r : events_begin(c);
}

static int read_boot(struct collector *c)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	int r = file_read_at(c->root, BOOT_ID, sizeof(c->boot) - 1, &text);

	if (r == 0)
		snprintf(c->boot, sizeof(c->boot), "%.*s",
			(int) strcspn(text.data ? text.data : "", "\n"),
			text.data ? text.data : "");
	return r;
}

/* What of a process must be read to tell whose it is. */
static unsigned wanted_identity(const struct collector_options *o)
{
	unsigned parts =
		o->discovery ? IDENTITY_EXECUTABLE | IDENTITY_ARGUMENTS | IDENTITY_COMM : 0;

	for (size_t i = 0; i < o->service_count; i++) {
		const struct service_match *m = &o->services[i];

		parts |= (m->executable_count > 0 ? IDENTITY_EXECUTABLE : 0U) |
			 (m->command_line_count > 0 ? IDENTITY_ARGUMENTS : 0U) |
			 (m->cgroup_count > 0 || m->container_count > 0 ? IDENTITY_CGROUPS : 0U) |
			 (m->user_count > 0 ? IDENTITY_USER : 0U) |
			 (m->port_count > 0 ? IDENTITY_FILES : 0U);
	}
	return parts;
}

static int add_services(struct collector *c)
{
	for (size_t i = 0; i < c->options.service_count; i++) {
		struct service *s;
		int r = service_new(
			c, c->options.services[i].name, &c->options.services[i], NULL, &s);

		if (r < 0)
			return r;
	}
	return 0;
}

int collector_new(sd_event *event, const struct sink *sink, const struct collector_options *options,
	struct collector **ret)
{
	struct collector *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	*c = (struct collector){.event = sd_event_ref(event), .sink = sink, .options = *options};
	c->ticks = (double) sysconf(_SC_CLK_TCK);
	c->keep_below = last_kept_descriptor();
	c->page = (uint64_t) sysconf(_SC_PAGESIZE);
	c->identity = wanted_identity(options);
	c->root = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	c->cgroups = open(options->cgroups, O_PATH | O_DIRECTORY | O_CLOEXEC);
	c->processes = map_new();
	c->services = map_new();
	c->names = map_new();
	c->units = map_new();
	c->container_names = map_new();
	r = c->root < 0 ? -errno : bounded_reader_new(c->root, &c->reader);
	if (r == 0)
		r = c->processes && c->services && c->names && c->units && c->container_names
			    ? 0
			    : -ENOMEM;
	if (r == 0)
		r = read_boot(c);
	if (r < 0) {
		collector_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

struct collector *collector_free(struct collector *c)
{
	if (!c)
		return NULL;
	resume_end(c);
	events_end(c);
	sd_event_source_disable_unref(c->tick);
	sd_event_source_disable_unref(c->search_timer);
	port_search_free(c->port_search);
	map_free(c->processes, process_free);
	map_free(c->services, service_free);
	map_free(c->names, NULL);
	map_free(c->units, known_unit_free);
	sd_event_source_disable_unref(c->units_again);
	map_free(c->container_names, free);
	bounded_reader_free(c->reader);
	free(c->told_stuck);
	close_fd(&c->root);
	close_fd(&c->cgroups);
	sd_event_unref(c->event);
	free(c);
	return NULL;
}

static int first_look(struct collector *c, const struct known *known)
{
	int r = resume_begin(c, known);

	if (r < 0)
		return r;
	resume_living(c);
	/* From now on events are read: what ends while the first listing is under way is not missed. Those
	 * that wait since a predecessor was there tell how the others ended. */
	r = add_sources(c);
	if (r < 0)
		return r;
	events_read(c);
	resume_missed(c);
	c->rechecked = clock_monotonic();
	look_around(c);
	events_read(c);
	resume_settle(c);
	resume_end(c);
	for (size_t i = 0; i < c->options.service_count; i++) {
		struct service *s = service_get(c, c->options.services[i].name);

		if (!units_has(s))
			service_expect(s, service_is_expected(s));
		if (!search_by_port(s) || !search_is_pending(c))
			service_check_missing(s);
	}
	missing_check(c);
	return 0;
}

void collector_announce(struct collector *c)
{
	struct process *p;
	size_t position = 0;

	while ((p = map_next(c->processes, &position, NULL, NULL)))
		p->unannounced = p->main;
	c->announcing = true;
	announce(c);
}

int collector_start(struct collector *c, const struct known *known)
{
	int r = add_services(c);

	if (r == 0 && c->options.discovery)
		r = resume_discovered(c, known);
	if (r < 0)
		return r;
	c->started = true;
	c->units_unknown = clock_boot();
	doctor_rights(c);
	if (c->sees_all)
		c->identity &= ~(unsigned) IDENTITY_FILES;
	memory_watch(c);
	for (size_t i = 0; i < known->value_count; i++)
		resume_value(c, &known->values[i]);
	resume_owed(c);
	r = first_look(c, known);
	if (r == 0)
		units_look_at_all(c);
	return r;
}
