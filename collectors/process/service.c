/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "collectors/process/private.h"
#include "daemon/base/text.h"

#define EVIDENCE_MAX	 8
#define COMMAND_LINE_MAX 512 /* bytes of it in evidence and facts */

static const struct {
	const char *metric, *label, *value;
	bool ends;
} series_rows[SERIES_COUNT] = {
#define SERIES(identifier, metric, label, value, ends) [SERIES_##identifier] = {metric, label, value, ends},
#include "collectors/process/series.def"
#undef SERIES
};

struct service *service_get(struct collector *c, const char *name)
{
	return map_get_string(c->services, name);
}

int service_new(struct collector *c, const char *name, const struct service_match *match,
	const struct server_kind *kind, struct service **ret)
{
	struct service *s;
	int r;

	if (map_size(c->services) >= SERVICES_MAX)
		return -E2BIG;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct service){.collector = c, .match = match, .kind = kind};
	s->name = strdup(name);
	r = s->name ? map_put_string(c->services, name, s, NULL) : -ENOMEM;
	if (r < 0) {
		service_free(s);
		return r;
	}
	if (!match)
		service_fact(s, "discovered", "yes");
	*ret = s;
	return 0;
}

void service_free(void *service)
{
	struct service *s = service;

	free(s->name);
	free(s);
}

void service_fact(struct service *s, const char *key, const char *value)
{
	const struct sink *sink = s->collector->sink;
	int r = sink->fact(sink->userdata, "service", s->name, key, value);

	if (r < 0)
		collector_fail(s->collector, r);
}

int service_series(struct service *s, enum series_number number, uint32_t *ret_id)
{
	struct series series = {0};
	const struct sink *sink = s->collector->sink;
	int r = 0;

	if (!s->declared[number]) {
		series.metric = strdup(series_rows[number].metric);
		r = series.metric ? labels_set(&series.labels, "service", s->name) : -ENOMEM;
		if (r == 0 && series_rows[number].label)
			r = labels_set(&series.labels, series_rows[number].label,
				series_rows[number].value);
		if (r == 0)
			r = sink->declare(sink->userdata, &series, &s->ids[number]);
		series_done(&series);
		s->declared[number] = r == 0;
	}
	if (r == 0)
		*ret_id = s->ids[number];
	return r;
}

/* An event under construction: its evidence and the values that it changes. */
struct draft {
	struct service *service;
	struct event event;
	struct evidence evidence[EVIDENCE_MAX];
	struct sample samples[SERIES_COUNT];
};

static void draft_begin(struct draft *d, struct service *s, const char *type)
{
	*d = (struct draft){.service = s};
	d->event = (struct event){.type = type,
		.service = s->name,
		.time = clock_wall(),
		.reason = "",
		.evidence = d->evidence,
		.samples = d->samples};
}

/* TEXT must live until the event is sent. */
static void draft_evidence(struct draft *d, const char *name, const char *text)
{
	if (!text || !*text || d->event.evidence_count == EVIDENCE_MAX)
		return;
	/* Read only: the sink copies. */
	d->evidence[d->event.evidence_count++] =
		(struct evidence){(char *) (uintptr_t) name, (char *) (uintptr_t) text};
}

static void draft_sample(struct draft *d, enum series_number number, double value)
{
	struct sample *sample = &d->samples[d->event.sample_count];
	int r = service_series(d->service, number, &sample->series);

	if (r < 0) {
		collector_fail(d->service->collector, r);
		return;
	}
	sample->value = value;
	d->event.sample_count++;
}

static void draft_send(struct draft *d)
{
	struct collector *c = d->service->collector;
	int r = c->sink->event(c->sink->userdata, &d->event);

	if (r < 0)
		collector_fail(c, r);
}

/* Who the process was or is. */
static void draft_process(struct draft *d, const struct process *p)
{
	d->event.pid = p->pid;
	d->event.start = p->start;
	draft_evidence(d, "executable", p->executable);
	draft_evidence(d, "command-line", p->command_line);
}

static usec_t running_for(const struct process *p)
{
	struct timespec now;
	double age;

	if (clock_gettime(CLOCK_BOOTTIME, &now) < 0)
		return 0;
	age = (double) now.tv_sec + (double) now.tv_nsec / 1e9 -
	      (double) p->start / p->collector->ticks;
	return age > 0 ? (usec_t) (age * (double) USEC_PER_SEC) : 0;
}

static void tell_started(struct service *s, const struct process *p)
{
	struct draft d;

	draft_begin(&d, s, EVENT_PROCESS_STARTED);
	draft_process(&d, p);
	draft_sample(&d, SERIES_UP, 1);
	draft_sample(&d, SERIES_PROCESSES, s->members);
	draft_sample(&d, SERIES_RESTARTS, (double) s->restarts);
	draft_send(&d);
}

/* The port that a discovered service has in its name, or NULL. */
static const char *port_of(const struct service *s)
{
	const char *dash = strrchr(s->name, '-');

	return dash ? dash + 1 : NULL;
}

static void tell_page(struct service *s, const char *key, const char *path)
{
	_cleanup_buf_ struct buf url = BUF_INIT;
	const char *port = port_of(s);

	if (port && path && *path)
		buf_printf(&url, "http://127.0.0.1:%s%s", port, path);
	service_fact(s, key, url.data ? url.data : "");
}

/* What `modelwatch discover` shows of a model server that nobody configured. */
static void tell_server(struct service *s, const struct process_text *text, const char *command_line)
{
	_cleanup_free_ char *weights = NULL;

	if (!s->kind)
		s->kind = discovery_match(text);
	if (!s->kind)
		return;
	discovery_weights(s->kind, text, &weights);
	service_fact(s, "kind", s->kind->name);
	service_fact(s, "executable", text->executable);
	service_fact(s, "command-line", command_line ? command_line : "");
	service_fact(s, "weights", weights ? weights : "");
	service_fact(s, "listen-port", port_of(s) ? port_of(s) : "");
	tell_page(s, "url", "/");
	tell_page(s, "health", s->kind->health);
	tell_page(s, "metrics", discovery_metrics(s->kind, text));
}

/* Keeps what is shown to people of a main process. */
static void describe(struct process *p)
{
	struct identity i;
	struct process_text text;

	if (proc_read_identity(p->collector->root, p->pid, &i) < 0)
		return;
	text = (struct process_text){i.executable, i.comm, i.arguments, i.argument_count};
	free(p->executable);
	free(p->command_line);
	p->executable = text_printable(i.executable, strnlen(i.executable, COMMAND_LINE_MAX));
	p->command_line = discovery_command_line(&text, COMMAND_LINE_MAX);
	if (!p->service->match)
		tell_server(p->service, &text, p->command_line);
	identity_done(&i);
}

static int on_patience(sd_event_source *source, uint64_t now, void *userdata)
{
	service_exited(userdata, NULL, true);
	return 0;
}

#define PATIENCE (5 * USEC_PER_MSEC) /* for the connector to tell a status */

/* PIDFD_GET_INFO of Linux 6.13 and later (linux/pidfd.h): the first version of its structure that
 * has the exit status. */
struct pidfd_information {
	uint64_t mask, cgroup;
	uint32_t pid, tgid, ppid, ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
	int32_t exit_code;
};
#define PIDFD_ASK_EXIT	   (UINT64_C(1) << 3)
#define PIDFD_ASK_REQUEST _IOWR(0xff, 11, struct pidfd_information)

static bool ask_pidfd(const struct process *p, int *ret)
{
	struct pidfd_information information = {.mask = PIDFD_ASK_EXIT};

	if (ioctl(p->pidfd, PIDFD_ASK_REQUEST, &information) < 0 ||
		!(information.mask & PIDFD_ASK_EXIT))
		return false;
	*ret = information.exit_code;
	return true;
}

/* A zombie shows its status to who may look at it. */
static bool ask_zombie(const struct process *p, int *ret)
{
	struct proc_stat stat;

	if (proc_read_stat(p->collector->root, p->pid, &stat) < 0 || stat.start != p->start ||
		stat.state != 'Z' || !stat.permitted)
		return false;
	*ret = stat.exit_status;
	return true;
}

/* The pidfd can be read: the process is dead. */
static int on_death(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct process *p = userdata;
	struct collector *c = p->collector;
	int status, r;

	p->death = sd_event_source_disable_unref(p->death);
	collector_read_events(c);
	collector_glance_soon(c);
	if (collector_take_exit(c, p->pid, &status) || ask_pidfd(p, &status) ||
		ask_zombie(p, &status)) {
		service_exited(p, &status, true);
		return 0;
	}
	r = c->options.connector < 0 ? -ENODATA
				     : sd_event_add_time_relative(c->event, &p->patience,
					       CLOCK_MONOTONIC, PATIENCE, 0, on_patience, p);
	if (r < 0)
		service_exited(p, NULL, true);
	return 0;
}

static void watch(struct process *p)
{
	struct collector *c = p->collector;
	int r;

	p->pidfd = (int) syscall(SYS_pidfd_open, p->pid, 0);
	if (p->pidfd < 0)
		return; /* gone already: the next listing finds it missing */
	r = sd_event_add_io(c->event, &p->death, p->pidfd, EPOLLIN, on_death, p);
	if (r >= 0)
		r = sd_event_source_set_priority(p->death, SD_EVENT_PRIORITY_IMPORTANT);
	if (r < 0)
		collector_fail(c, r);
}

static void begin_main(struct service *s, struct process *p)
{
	p->main = true;
	s->mains++;
	describe(p);
	watch(p);
	if (s->owed > 0) {
		s->owed--;
		s->restarts++;
	}
	s->was_up = true;
	s->ended = false;
	s->down_since = 0;
	tell_started(s, p);
}

void service_adopt(struct service *s, struct process *p)
{
	const struct process *parent = scan_find(s->collector, p->parent);

	p->service = s;
	p->kind = NULL;
	s->members++;
	sample_process(p);
	if (!parent || parent->service != s)
		begin_main(s, p);
}

/* A matching child whose parent ended is a main process now: so a server that forks into the
 * background lives on. */
static void promote_orphans(struct service *s, pid_t gone)
{
	struct process *p;
	size_t position = 0;

	while ((p = map_next(s->collector->processes, &position, NULL, NULL)))
		if (p->service == s && p->matched && !p->main && p->parent == gone)
			begin_main(s, p);
}

static bool killed_for_memory(struct collector *c, const int *status)
{
	uint64_t kills;
	bool rose;

	if (!status || !WIFSIGNALED(*status) || WTERMSIG(*status) != SIGKILL ||
		proc_read_oom_kills(c->root, &kills) < 0)
		return false;
	rose = kills > c->oom_kills;
	c->oom_kills = kills;
	return rose;
}

/* True where nobody needs to know that it is down: it was not expected and ended in order. */
static bool ends_quietly(const struct service *s, const struct exit_facts *f)
{
	bool expected = s->match && s->match->expected;

	return !expected && s->mains == 0 && f->has_status && WIFEXITED(f->status) &&
	       WEXITSTATUS(f->status) == 0;
}

static void tell_exit(struct service *s, struct draft *d, const struct exit_facts *f)
{
	_cleanup_buf_ struct buf phrase = BUF_INIT, sentence = BUF_INIT;
	enum exit_reason reason = exit_classify(f);

	s->exits[reason]++;
	s->oom_kills += reason == EXIT_OOM;
	s->owed++;
	exit_phrase(f, &phrase);
	exit_sentence(f, &sentence);
	d->event.reason = exit_reason_name(reason);
	draft_evidence(d, "reason", phrase.data);
	draft_evidence(d, "exit", sentence.data);
	draft_sample(d, SERIES_EXITS + (enum series_number) reason, (double) s->exits[reason]);
	draft_sample(d, SERIES_PROCESSES, s->members);
	draft_sample(d, SERIES_RESTARTS, (double) s->restarts);
	if (reason == EXIT_OOM)
		draft_sample(d, SERIES_OOM_KILLS, (double) s->oom_kills);
	s->ended = ends_quietly(s, f);
	draft_sample(d, SERIES_UP, s->ended ? sample_stale() : s->mains > 0);
	draft_send(d);
	if (s->mains == 0)
		s->down_since = clock_monotonic();
}

void service_exited(struct process *p, const int *status, bool observed)
{
	struct service *s = p->service;
	struct exit_facts facts = {.observed = observed,
		.has_status = status != NULL,
		.status = status ? *status : 0,
		.pid = p->pid,
		.lasted = running_for(p),
		.resident = p->resident};
	struct draft d;

	facts.out_of_memory = killed_for_memory(s->collector, status);
	sample_bury(p, false);
	s->mains--;
	s->members--;
	/* Out of the way of a listing, but alive until the event is told. */
	scan_detach(p);
	/* A server that put itself into the background ends its first process with success. */
	if (status && *status == 0)
		scan_list(s->collector);
	promote_orphans(s, p->pid);
	draft_begin(&d, s, EVENT_PROCESS_EXITED);
	draft_process(&d, p);
	tell_exit(s, &d, &facts);
	process_free(p);
	if (s->ended && !s->match)
		service_end(s);
}

void service_missed(struct service *s, const struct known_process *known)
{
	struct exit_facts facts = {.pid = known->pid};
	struct draft d;

	s->was_up = true;
	draft_begin(&d, s, EVENT_PROCESS_EXITED);
	d.event.pid = known->pid;
	d.event.start = known->start;
	tell_exit(s, &d, &facts);
}

void service_check_missing(struct service *s)
{
	struct draft d;

	if (s->mains > 0 || s->was_up || !s->match || !s->match->expected || s->match->unsupported)
		return;
	s->was_up = true;
	draft_begin(&d, s, EVENT_SERVICE_MISSING);
	draft_evidence(&d, "reason", "no process matches it");
	draft_sample(&d, SERIES_UP, 0);
	draft_send(&d);
}

void service_end(struct service *s)
{
	struct draft d;

	draft_begin(&d, s, EVENT_SERVICE_ENDED);
	for (unsigned i = 0; i < SERIES_COUNT; i++)
		if (s->declared[i])
			draft_sample(&d, (enum series_number) i, sample_stale());
	draft_send(&d);
	service_fact(s, "discovered", "");
	map_remove_string(s->collector->services, s->name);
	service_free(s);
}
