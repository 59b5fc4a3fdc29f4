/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of a service: its series, events and facts. */
#include "collectors/process/tell.h"

#include <errno.h>
#include <string.h>

#include "collectors/process/grace.h"
#include "collectors/process/service.h"
#include "collectors/process/unit_search.h"
#include "daemon/base/text.h"
#include "schema/records.h"

#define EVIDENCE_MAX	 8
#define COMMAND_LINE_MAX 512 /* bytes of it in evidence and facts */

static const struct {
	const char *metric, *label, *value;
} series_rows[SERIES_COUNT] = {
#define SERIES(identifier, metric, label, value) [SERIES_##identifier] = {metric, label, value},
#include "collectors/process/series.def"
#undef SERIES
};

/* Everything that is ever said of a discovered service: that it is one and where, and what runs. */
static const char *const service_facts[] = {"discovered", "url"};
static const char *const server_facts[] = {
	"kind", "executable", "command-line", "weights", "listen-port", "health", "metrics"};

void tell_fact(struct service *s, const char *key, const char *value)
{
	const struct sink *sink = s->collector->sink;
	int r = sink->fact(sink->userdata, "service", s->name, key, value);

	if (r < 0)
		collector_fail(s->collector, r);
}

int tell_series(struct service *s, enum series_number number, uint32_t *ret_id)
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

static const char *absence(const struct service *s)
{
	if (!s->match || s->mains > 0)
		return "";
	if (!service_is_expected(s))
		return SERVICE_NOT_EXPECTED;
	return grace_holds(s, clock_boot()) ? SERVICE_ASKED_TO_STOP : "";
}

void tell_absence(struct service *s)
{
	const char *now = absence(s), *told = s->told_absence ? s->told_absence : "";

	if (text_equal(now, told))
		return;
	tell_fact(s, SERVICE_ABSENCE, now);
	s->told_absence = now;
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
		.command_line = "",
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
	int r = tell_series(d->service, number, &sample->series);

	if (r < 0) {
		collector_fail(d->service->collector, r);
		return;
	}
	sample->value = value;
	d->event.sample_count++;
}

/* Whether systemd was asked to stop it, of one that has units. */
static void draft_stopped(struct draft *d)
{
	struct service *s = d->service;
	bool stopped = units_has(s) && grace_holds(s, clock_boot());

	if (units_has(s) || s->live[SERIES_STOPPED])
		draft_sample(d, SERIES_STOPPED, units_has(s) ? stopped : sample_stale());
	s->live[SERIES_STOPPED] = false;
	if (stopped || s->live[SERIES_STOP_TIME])
		draft_sample(d, SERIES_STOP_TIME, stopped ? grace_time(s) : sample_stale());
	s->live[SERIES_STOP_TIME] = stopped;
}

static void draft_send(struct draft *d)
{
	struct collector *c = d->service->collector;
	int r = c->sink->event(c->sink->userdata, &d->event);

	if (r < 0)
		collector_fail(c, r);
	tell_absence(d->service);
}

/* Who the process was or is. */
static void draft_process(struct draft *d, const struct process *p)
{
	d->event.pid = p->pid;
	d->event.start = p->start;
	draft_evidence(d, "unit", p->unit);
	draft_evidence(d, "executable", p->executable);
	draft_evidence(d, "command-line", p->command_line);
}

void tell_started(struct service *s, const struct process *p)
{
	struct draft d;

	draft_begin(&d, s, EVENT_PROCESS_STARTED);
	draft_process(&d, p);
	/* What is not known is not told as an empty one of this very program. */
	d.event.stack = p->found_by ? p->stack : 0;
	d.event.command_line = p->found_by ? p->found_by : "";
	draft_sample(&d, SERIES_UP, 1);
	draft_stopped(&d);
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
	tell_fact(s, key, url.data ? url.data : "");
}

/* Bytes that strangers chose, as text. */
static void tell_foreign(struct service *s, const char *key, const char *bytes)
{
	_cleanup_free_ char *text = text_printable(bytes, strlen(bytes));

	tell_fact(s, key, text ? text : "");
}

/* What `modelwatch discover` shows of a model server that nobody configured. */
static void tell_server(
	struct service *s, const struct process_text *text, const char *command_line)
{
	_cleanup_free_ char *weights = NULL;
	const char *port = port_of(s);

	if (!s->kind)
		s->kind = discovery_match(text);
	if (!s->kind)
		return;
	discovery_weights(s->kind, text, &weights);
	tell_fact(s, "kind", s->kind->name);
	tell_foreign(s, "executable", text->executable);
	tell_fact(s, "command-line", command_line ? command_line : "");
	/* The id of a model, or a path relative to who knows what, is nothing to configure. */
	tell_foreign(s, "weights", weights && weights[0] == '/' ? weights : "");
	tell_fact(s, "listen-port", port ? port : "");
	tell_page(s, "url", "/");
	tell_page(s, "health", s->kind->health);
	tell_page(s, "metrics", discovery_metrics(s->kind, text));
}

void tell_identity_read(struct process *p, const struct identity *i)
{
	const struct process_text text = {i->executable, i->comm, i->arguments, i->argument_count};

	free(p->executable);
	free(p->command_line);
	p->executable = text_printable(i->executable, strnlen(i->executable, COMMAND_LINE_MAX));
	p->command_line = discovery_command_line(&text, COMMAND_LINE_MAX);
	if (!p->found_by)
		p->found_by = discovery_command_line(&text, EVENT_COMMAND_LINE_MAX);
	if (!p->service->match)
		tell_server(p->service, &text, p->command_line);
}

void tell_identity(struct process *p)
{
	struct identity i;

	if (proc_read_identity(p->collector->reader, p->pid, TOLD_IDENTITY, &i) < 0)
		return;
	tell_identity_read(p, &i);
	identity_done(&i);
}

void tell_server_gone(struct service *s)
{
	for (size_t i = 0; i < ELEMENTS(server_facts); i++)
		tell_fact(s, server_facts[i], "");
}

static void forget(struct service *s)
{
	tell_server_gone(s);
	for (size_t i = 0; i < ELEMENTS(service_facts); i++)
		tell_fact(s, service_facts[i], "");
}

void tell_exited(struct service *s, const struct process *p, const struct known_process *known,
	const struct exit_facts *f)
{
	_cleanup_buf_ struct buf phrase = BUF_INIT, sentence = BUF_INIT;
	enum exit_reason reason = exit_classify(f);
	struct draft d;

	draft_begin(&d, s, EVENT_PROCESS_EXITED);
	if (p)
		draft_process(&d, p);
	else {
		d.event.pid = known->pid;
		d.event.start = known->start;
	}
	exit_phrase(f, &phrase);
	exit_sentence(f, &sentence);
	d.event.reason = exit_reason_name(reason);
	draft_evidence(&d, "reason", phrase.data);
	draft_evidence(&d, "exit", sentence.data);
	draft_sample(&d, SERIES_EXITS + (enum series_number) reason, (double) s->exits[reason]);
	draft_sample(&d, SERIES_PROCESSES, s->members);
	draft_sample(&d, SERIES_RESTARTS, (double) s->restarts);
	if (reason == EXIT_OOM)
		draft_sample(&d, SERIES_OOM_KILLS, (double) s->oom_kills);
	draft_sample(&d, SERIES_UP,
		s->ended ? sample_stale() : s->mains > 0 || s->survivors > 0);
	draft_stopped(&d);
	draft_send(&d);
}

/* Of one that lost a main process which lives on. */
static double up_of(const struct service *s)
{
	if (s->mains > 0)
		return 1;
	return s->grace.held && !s->ended ? 0 : sample_stale();
}

void tell_released(struct service *s, const struct known_process *known)
{
	struct draft d;

	draft_begin(&d, s, EVENT_PROCESS_RELEASED);
	d.event.pid = known->pid;
	d.event.start = known->start;
	if (s->grace.held)
		draft_evidence(&d, "reason", "its unit was stopped, and it lives on");
	draft_sample(&d, SERIES_UP, up_of(s));
	draft_stopped(&d);
	draft_send(&d);
}

void tell_missing_because(struct service *s, const char *why)
{
	_cleanup_buf_ struct buf names = BUF_INIT;
	struct draft d;

	draft_begin(&d, s, EVENT_SERVICE_MISSING);
	draft_evidence(&d, "reason", why);
	if (units_has(s))
		units_write_names(s, &names);
	draft_evidence(&d, "unit", names.data);
	draft_sample(&d, SERIES_UP, 0);
	draft_stopped(&d);
	draft_send(&d);
}

void tell_missing(struct service *s, const struct process *taken, size_t overlooked)
{
	_cleanup_buf_ struct buf reason = BUF_INIT;
	const struct process *silent;

	if (taken)
		buf_printf(&reason, "process %d matches it, but belongs to service %s", taken->pid,
			taken->service->name);
	else if (overlooked > 0)
		buf_printf(&reason, "no process matches it, but %zu %s could not be looked at",
			overlooked, overlooked == 1 ? "process" : "processes");
	else if (units_has(s) && (silent = unit_search_silent(s)))
		buf_printf(&reason, "process %d is of its unit, but does not listen to its port",
			silent->pid);
	else if (units_has(s))
		units_explain(s, &reason);
	tell_missing_because(s, reason.data ? reason.data : "no process matches it");
}

void tell_ended(struct service *s)
{
	struct draft d;

	draft_begin(&d, s, EVENT_SERVICE_ENDED);
	for (unsigned i = 0; i < SERIES_COUNT; i++)
		if (s->declared[i])
			draft_sample(&d, (enum series_number) i, sample_stale());
	draft_send(&d);
	forget(s);
}

void tell_not_missing(struct service *s)
{
	struct draft d;

	s->missing = s->was_up = false;
	draft_begin(&d, s, EVENT_SERVICE_ENDED);
	draft_sample(&d, SERIES_UP, sample_stale());
	if (units_has(s)) {
		draft_sample(&d, SERIES_STOPPED, sample_stale());
		draft_sample(&d, SERIES_STOP_TIME, sample_stale());
	}
	s->live[SERIES_STOP_TIME] = false;
	if (s->expectation != EXPECTATION_UNKNOWN)
		draft_sample(&d, SERIES_EXPECTED, s->expectation == EXPECTED);
	draft_send(&d);
}
