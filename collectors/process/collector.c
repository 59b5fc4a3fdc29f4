/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/process/collector.h"

#include <fcntl.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "collectors/process/connector.h"
#include "collectors/process/private.h"
#include "daemon/base/file.h"
#include "daemon/base/text.h"

#define LIST_WITHOUT_EVENTS 0 /* at every tick */
#define LIST_WITH_EVENTS    (5 * USEC_PER_SEC)
/* Other programs' processes come and go by the hundred: they wake us at most so often. Ends of main
 * processes do not wait, their pidfds tell of them; and most of what is executed is gone by then. */
#define GLANCE_AFTER	    (100 * USEC_PER_MSEC)
#define EXECUTED_MAX	    4096
#define FORGET_AFTER	    USEC_PER_DAY /* a discovered service that is gone */
#define BOOT_ID		    "sys/kernel/random/boot_id"

void collector_fail(struct collector *c, int r)
{
	sd_event_exit(c->event, r == -ENOMEM ? EX_OSERR : EX_SOFTWARE);
}

bool collector_take_exit(struct collector *c, pid_t pid, int *ret)
{
	for (size_t i = 0; i < EXITS_MAX; i++)
		if (c->exits[i].pid == pid) {
			*ret = c->exits[i].status;
			c->exits[i].pid = 0;
			return true;
		}
	return false;
}

static int on_glance(sd_event_source *source, uint64_t now, void *userdata)
{
	struct collector *c = userdata;
	int r;

	collector_read_events(c);
	r = sd_event_source_set_enabled(c->events, SD_EVENT_ON);
	if (r < 0)
		collector_fail(c, r);
	for (size_t i = 0; i < c->executed_count; i++)
		scan_examine(c, c->executed[i]);
	c->executed_count = 0;
	return 0;
}

/* What was executed is looked at behind all events that wait. */
static void note_exec(struct collector *c, pid_t pid)
{
	if (c->executed_count < EXECUTED_MAX)
		c->executed[c->executed_count++] = pid;
	else
		c->listed = 0; /* too many: a listing finds them */
}

/* Only main processes' ends are asked for. One whose pidfd has told already waits for this. */
static void note_exit(struct collector *c, pid_t pid, int status)
{
	struct process *p = scan_find(c, pid);

	if (!p || !p->main)
		return;
	if (p->patience) {
		service_exited(p, &status, true);
		return;
	}
	c->exits[c->next_exit] = (struct exit_status){pid, status};
	c->next_exit = (c->next_exit + 1) % EXITS_MAX;
}

void collector_read_events(struct collector *c)
{
	struct connector_event event;
	int r;

	if (c->options.connector < 0)
		return;
	while ((r = connector_read(c->options.connector, &event)) > 0) {
		if (event.kind == CONNECTOR_EXEC)
			note_exec(c, event.pid);
		else
			note_exit(c, event.pid, event.status);
	}
	if (r == -ENOBUFS)
		c->listed = 0; /* some were lost: the next tick lists anew */
	else if (r < 0)
		collector_fail(c, r);
}

void collector_glance_soon(struct collector *c)
{
	int r;

	if (!c->events)
		return;
	r = sd_event_source_set_enabled(c->events, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_source_set_time_relative(c->glance, GLANCE_AFTER);
	if (r >= 0)
		r = sd_event_source_set_enabled(c->glance, SD_EVENT_ONESHOT);
	if (r < 0)
		collector_fail(c, r);
}

static int on_events(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	collector_glance_soon(userdata);
	return 0;
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

static void look_around(struct collector *c)
{
	usec_t every = c->options.connector < 0 ? LIST_WITHOUT_EVENTS : LIST_WITH_EVENTS;

	if (usec_since(clock_monotonic(), c->listed) >= every || c->listed == 0)
		scan_list(c);
	scan_search(c);
	forget_old(c);
}

static int on_tick(sd_event_source *source, uint64_t now, void *userdata)
{
	struct collector *c = userdata;
	int r;

	look_around(c);
	sample_all(c);
	proc_read_oom_kills(c->root, &c->oom_kills);
	r = c->sink->tick(c->sink->userdata, "process", clock_wall());
	if (r < 0)
		collector_fail(c, r);
	sd_event_source_set_time_relative(source, c->options.interval);
	return 0;
}

static int add_sources(struct collector *c)
{
	int r = sd_event_add_time_relative(c->event, &c->tick, CLOCK_MONOTONIC, c->options.interval,
		c->options.interval / 20, on_tick, c);

	if (r >= 0)
		r = sd_event_source_set_enabled(c->tick, SD_EVENT_ON);
	if (r >= 0)
		r = sd_event_source_set_priority(c->tick, SD_EVENT_PRIORITY_NORMAL + 10);
	if (r >= 0)
		r = sd_event_add_time_relative(c->event, &c->glance, CLOCK_MONOTONIC, GLANCE_AFTER,
			USEC_PER_MSEC, on_glance, c);
	if (r >= 0)
		r = sd_event_source_set_enabled(c->glance, SD_EVENT_OFF);
	if (r >= 0 && c->options.connector >= 0)
		r = sd_event_add_io(c->event, &c->events, c->options.connector, EPOLLIN, on_events, c);
	return r;
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

static void report_rights(struct collector *c)
{
	const struct sink *sink = c->sink;
	bool events = c->options.connector >= 0;

	sink->fact(sink->userdata, "doctor", "process-events", "state", events ? "ok" : "missing");
	sink->fact(sink->userdata, "doctor", "process-events", "text",
		events ? "The kernel tells of every process that starts or ends."
		       : "The kernel's process events cannot be read: why a process ended may stay "
			 "unknown, and a new one is found at the next interval.");
	sink->fact(sink->userdata, "doctor", "process-events", "remedy",
		events ? "" : "Start the daemon by its unit, or as root, outside of containers.");
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
	c->root = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	c->processes = map_new();
	c->services = map_new();
	c->executed = calloc(EXECUTED_MAX, sizeof(*c->executed));
	r = c->root < 0 ? -errno : c->processes && c->services && c->executed ? 0 : -ENOMEM;
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
	sd_event_source_disable_unref(c->events);
	sd_event_source_disable_unref(c->tick);
	sd_event_source_disable_unref(c->glance);
	map_free(c->processes, process_free);
	map_free(c->services, service_free);
	free(c->executed);
	close_fd(&c->root);
	close_fd(&c->options.connector);
	sd_event_unref(c->event);
	free(c);
	return NULL;
}

/* Counters go on where they were. */
static void take_value(struct collector *c, const struct known_value *v)
{
	const char *name = labels_get(&v->series.labels, "service");
	const char *reason = labels_get(&v->series.labels, "reason");
	const char *mode = labels_get(&v->series.labels, "mode");
	struct service *s = name ? service_get(c, name) : NULL;
	const char *metric = text_after(v->series.metric, "modelwatch_service_");
	enum exit_reason known_reason;

	if (!s || !metric || !(v->value >= 0))
		return;
	if (text_equal(metric, "up"))
		s->was_up = true;
	else if (text_equal(metric, "restarts_total"))
		s->restarts = (uint64_t) v->value;
	else if (text_equal(metric, "oom_kills_total"))
		s->oom_kills = (uint64_t) v->value;
	else if (text_equal(metric, "exits_total") && reason &&
		 exit_reason_parse(reason, &known_reason) == 0)
		s->exits[known_reason] = (uint64_t) v->value;
	else if (text_equal(metric, "cpu_seconds_total") && mode)
		*(text_equal(mode, "user") ? &s->told.user : &s->told.system) = v->value;
	else if (text_equal(metric, "major_faults_total"))
		s->told.major_faults = (uint64_t) v->value;
	else if (text_equal(metric, "read_bytes_total"))
		s->told.bytes_read = (uint64_t) v->value;
	else if (text_equal(metric, "written_bytes_total"))
		s->told.bytes_written = (uint64_t) v->value;
}

/* Services that were discovered before and are not configured: they are gone on with. */
static int take_discovered(struct collector *c, const struct known *known)
{
	for (size_t i = 0; i < known->process_count; i++) {
		struct service *s;
		int r;

		if (service_get(c, known->processes[i].service))
			continue;
		r = service_new(c, known->processes[i].service, NULL, NULL, &s);
		if (r < 0)
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

static bool still_lives(struct collector *c, const struct known_process *known,
	struct proc_stat *ret)
{
	return text_equal(known->boot, c->boot) && known->pid > 0 && known->pid <= INT32_MAX &&
	       proc_read_stat(c->root, (pid_t) known->pid, ret) == 0 &&
	       ret->start == known->start && ret->state != 'Z';
}

/* A main process that was known and still is there stays what it was, without an event. True while
 * the first listing has still to find it. */
static bool resume_process(struct collector *c, const struct known_process *known)
{
	struct service *s = service_get(c, known->service);
	struct proc_stat stat;

	if (!s)
		return false;
	if (!still_lives(c, known, &stat)) {
		service_missed(s, known);
		return false;
	}
	if (!s->match)
		scan_resume(s, &stat);
	return s->match != NULL;
}

/* What ended before the first listing came to it was found by nobody. */
static void check_awaited(struct collector *c, const struct known *known, const bool *awaited)
{
	for (size_t i = 0; i < known->process_count; i++) {
		const struct known_process *k = &known->processes[i];
		const struct process *p = awaited[i] ? scan_find(c, (pid_t) k->pid) : NULL;
		struct proc_stat stat;

		if (awaited[i] && !(p && p->start == k->start && p->main) &&
			!still_lives(c, k, &stat))
			service_missed(service_get(c, k->service), k);
	}
}

int collector_start(struct collector *c, const struct known *known)
{
	_cleanup_free_ bool *awaited = calloc(known->process_count + 1, sizeof(*awaited));
	int r = awaited ? add_services(c) : -ENOMEM;

	if (r == 0 && c->options.discovery)
		r = take_discovered(c, known);
	if (r < 0)
		return r;
	report_rights(c);
	proc_read_oom_kills(c->root, &c->oom_kills);
	for (size_t i = 0; i < known->value_count; i++)
		take_value(c, &known->values[i]);
	for (size_t i = 0; i < known->process_count; i++)
		awaited[i] = resume_process(c, &known->processes[i]);
	/* From now on events are read: what ends while the first listing is under way is not missed. */
	r = add_sources(c);
	if (r < 0)
		return r;
	look_around(c);
	check_awaited(c, known, awaited);
	for (size_t i = 0; i < c->options.service_count; i++)
		service_check_missing(service_get(c, c->options.services[i].name));
	return 0;
}
