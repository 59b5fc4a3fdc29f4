/* SPDX-License-Identifier: Apache-2.0 */
/* modelwatch-process: the process collector behind a sink of messages. What the engine may not have is
 * kept: series, facts, and every event that it has not called durable, for the next engine. */
#include <stdlib.h>
#include <string.h>

#include "collectors/process/collector.h"
#include "collectors/process/connector.h"
#include "daemon/base/log.h"
#include "daemon/base/map.h"
#include "daemon/base/text.h"
#include "daemon/journal.h"
#include "daemon/process_services.h"
#include "daemon/role.h"
#include "schema/records.h"
#include "schema/unit.h"

#define ORPHAN_WAIT (10 * USEC_PER_SEC) /* children that outlive a crash so long are the service */
#define BURST_MAX  1024 /* packets that are queued before the engine is waited for: less than a link takes */
#define BURST_WAIT USEC_PER_SEC
#define UNITS_WAIT (2 * USEC_PER_SEC) /* for what systemd says of units, at the start */
#define EVENTS_MAX 3072 /* that the engine has not called durable: then no new process is looked at */

struct waiting_event {
	uint64_t number;
	struct buf packet;
};

struct process_role {
	struct role *role;
	struct collector *collector;
	bool started;
	enum units_word units_word;
	struct buf known; /* what it starts from, while systemd is asked of units first */
	sd_event_source *patience;
	struct watched_services services;
	struct sink sink;
	struct map *series; /* metric and labels -> id + 1, as a pointer */
	struct buf *declarations; /* packets, by id */
	uint32_t series_count;
	struct map *facts; /* topic, subject, key -> packet */
	bool check_ok; /* the state of what `doctor` is being told */
	struct waiting_event *events;
	size_t event_count;
	uint64_t last_event;
	struct buf samples; /* of the tick under way: ids and values */
	unsigned burst;	    /* packets since the last tick, or the last wait */
};

/* Many services make more packets at once than a link queues. */
static void pace(struct process_role *p)
{
	if (++p->burst < BURST_MAX)
		return;
	p->burst = 0;
	if (role_engine(p->role))
		link_flush(role_engine(p->role), BURST_WAIT);
}

/* What cannot be sent now is sent when the engine is there again. */
static int send_packet(struct process_role *p, struct buf *packet)
{
	int r = role_send(p->role, packet, -1);

	pace(p);
	return r == -ENOTCONN || r == -EPIPE || r == -ENOBUFS ? 0 : r;
}

static int declare(void *userdata, const struct series *series, uint32_t *ret_id)
{
	struct process_role *p = userdata;
	_cleanup_buf_ struct buf key = BUF_INIT;
	struct buf *declarations, packet = BUF_INIT;
	uintptr_t known;
	int r;

	buf_add_string(&key, series->metric);
	labels_write(&series->labels, &key);
	if (buf_error(&key) < 0)
		return buf_error(&key);
	known = (uintptr_t) map_get(p->series, key.data, key.size);
	if (known > 0) {
		*ret_id = (uint32_t) (known - 1);
		return 0;
	}
	declarations =
		reallocarray(p->declarations, p->series_count + 1, sizeof(*declarations));
	if (!declarations)
		return -ENOMEM;
	p->declarations = declarations;
	message_begin(&packet, MESSAGE_DECLARE);
	message_put_u64(&packet, p->series_count);
	message_put_string(&packet, series->metric);
	for (size_t i = 0; i < series->labels.count; i++) {
		message_put_string(&packet, series->labels.items[i].name);
		message_put_string(&packet, series->labels.items[i].value);
	}
	r = send_packet(p, &packet);
	if (r == 0)
		r = map_put(p->series, key.data, key.size,
			(void *) ((uintptr_t) p->series_count + 1), NULL);
	if (r < 0) {
		buf_done(&packet);
		return r;
	}
	p->declarations[p->series_count] = packet;
	*ret_id = p->series_count++;
	return 0;
}

static int take_sample(void *userdata, uint32_t id, double value)
{
	struct process_role *p = userdata;

	message_put_u64(&p->samples, id);
	message_put_f64(&p->samples, value);
	return buf_error(&p->samples);
}

static int tick(void *userdata, const char *collector, usec_t now)
{
	struct process_role *p = userdata;
	_cleanup_buf_ struct buf packet = BUF_INIT;

	message_begin(&packet, MESSAGE_SAMPLES);
	message_put_string(&packet, collector);
	message_put_u64(&packet, now);
	buf_add(&packet, p->samples.data, p->samples.size);
	buf_reset(&p->samples);
	p->burst = 0;
	return send_packet(p, &packet);
}

static void put_event(struct buf *packet, uint64_t number, const struct event *event)
{
	_cleanup_buf_ struct buf evidence = BUF_INIT, samples = BUF_INIT;

	evidence_write(event->evidence, event->evidence_count, &evidence);
	samples_write(event->samples, event->sample_count, &samples);
	message_begin(packet, MESSAGE_EVENT);
	message_put_u64(packet, number);
	message_put_string(packet, event->type);
	message_put_string(packet, event->service);
	message_put_u64(packet, event->time);
	message_put_u64(packet, (uint64_t) event->pid);
	message_put_u64(packet, event->start);
	message_put_u64(packet, event->stack);
	message_put_string(packet, event->command_line);
	message_put_string(packet, event->reason);
	message_put_bytes(packet, evidence.data, evidence.size);
	message_put_bytes(packet, samples.data, samples.size);
	if (packet->error == 0)
		packet->error = buf_error(&evidence) < 0 ? buf_error(&evidence)
							 : buf_error(&samples);
}

static int take_event(void *userdata, const struct event *event)
{
	struct process_role *p = userdata;
	struct waiting_event *events, new = {.number = p->last_event + 1};
	int r;

	events = reallocarray(p->events, p->event_count + 1, sizeof(*events));
	if (!events)
		return -ENOMEM;
	p->events = events;
	put_event(&new.packet, new.number, event);
	r = send_packet(p, &new.packet);
	if (r < 0) {
		buf_done(&new.packet);
		return r;
	}
	p->last_event = new.number;
	p->events[p->event_count++] = new;
	log_debug("%s event of %s", event->type, event->service);
	return 0;
}

/* Starts wait for the engine; ends do not, and are no more than there were starts. */
static bool has_room(void *userdata)
{
	const struct process_role *p = userdata;

	return p->event_count < EVENTS_MAX;
}

static void failed(void *userdata, int reason)
{
	journal_failure(reason, "cannot go on collecting");
}

static void free_fact(void *packet)
{
	buf_done(packet);
	free(packet);
}

/* Something that came up while we run, which nobody chose. */
static bool is_limitation(const char *subject)
{
	return text_equal(subject, COLLECTOR_DISCOVERY) || text_equal(subject, COLLECTOR_MAINS) ||
	       text_equal(subject, COLLECTOR_SOCKETS) || text_equal(subject, COLLECTOR_STUCK);
}

/* What the daemon was given no right for, if it is not well. */
static bool is_right(const char *subject)
{
	return text_equal(subject, COLLECTOR_EVENTS) || text_equal(subject, COLLECTOR_DETAILS);
}

static int take_fact(void *userdata, const char *topic, const char *subject, const char *key,
	const char *value)
{
	struct process_role *p = userdata;
	_cleanup_buf_ struct buf name = BUF_INIT;
	struct buf *packet = calloc(1, sizeof(*packet));
	void *old = NULL;
	int r;

	if (!packet)
		return -ENOMEM;
	if (text_equal(key, "state"))
		p->check_ok = text_equal(value, check_state_name(CHECK_OK));
	else if (text_equal(key, "text") && *value && is_limitation(subject))
		journal_write(JOURNAL_OUTLOOK_LIMITED, NULL, "%s", value);
	else if (text_equal(key, "text") && *value && !p->check_ok && is_right(subject))
		journal_write(JOURNAL_RIGHTS_MISSING, NULL, "%s", value);
	buf_put_string(&name, topic);
	buf_put_string(&name, subject);
	buf_put_string(&name, key);
	message_begin(packet, MESSAGE_FACT);
	message_put_string(packet, topic);
	message_put_string(packet, subject);
	message_put_string(packet, key);
	message_put_string(packet, value);
	r = buf_error(&name) < 0 ? buf_error(&name) : send_packet(p, packet);
	/* A new engine forgets every fact: what was taken back need not be repeated. */
	if (r == 0 && !*value) {
		old = map_remove(p->facts, name.data, name.size);
		free_fact(packet);
	} else if (r == 0)
		r = map_put(p->facts, name.data, name.size, packet, &old);
	if (r < 0)
		old = packet;
	if (old)
		free_fact(old);
	return r;
}

static void acknowledge(struct process_role *p, uint64_t number)
{
	size_t done = 0;

	while (done < p->event_count && p->events[done].number <= number)
		buf_done(&p->events[done++].packet);
	if (done == 0)
		return;
	p->event_count -= done;
	memmove(p->events, p->events + done, p->event_count * sizeof(*p->events));
}

/* What was sent before, to a new engine. */
static int send_again(struct process_role *p, const struct buf *packet)
{
	struct link *engine = role_engine(p->role);

	pace(p);
	return engine ? link_send(engine, packet, -1) : -ENOTCONN;
}

/* A new engine knows nothing of what was said to its predecessor. */
static int repeat(struct process_role *p)
{
	const struct buf *fact;
	size_t position = 0;
	int r = 0;

	for (uint32_t i = 0; i < p->series_count && r == 0; i++)
		r = send_again(p, &p->declarations[i]);
	while (r == 0 && (fact = map_next(p->facts, &position, NULL, NULL)))
		r = send_again(p, fact);
	for (size_t i = 0; i < p->event_count && r == 0; i++)
		r = send_again(p, &p->events[i].packet);
	if (r == 0)
		collector_announce(p->collector);
	return r;
}

static int tell_limited(struct process_role *p, const char *service, const char *users)
{
	_cleanup_buf_ struct buf subject = BUF_INIT, text = BUF_INIT, remedy = BUF_INIT;
	int r;

	buf_printf(&subject, "service %s", service);
	buf_printf(&text, "It cannot be found: there is no user %s on this host.", users);
	buf_printf(&remedy, "Add the user, or change 'user' of [service %s]; then reload.", service);
	if (buf_error(&subject) < 0 || buf_error(&text) < 0 || buf_error(&remedy) < 0)
		return -ENOMEM;
	r = take_fact(p, "doctor", subject.data, "state", check_state_name(CHECK_LIMITED));
	if (r == 0)
		r = take_fact(p, "doctor", subject.data, "text", text.data);
	return r < 0 ? r : take_fact(p, "doctor", subject.data, "remedy", remedy.data);
}

/* Services that the configuration makes impossible to find, for `modelwatch doctor`. */
static int tell_impossible(struct process_role *p)
{
	int r = 0;

	for (size_t i = 0; i < p->services.count && r == 0; i++)
		if (p->services.no_users[i])
			r = tell_limited(p, p->services.items[i].name, p->services.no_users[i]);
	return r;
}

static int begin(struct process_role *p, const void *bytes, size_t size)
{
	struct known known;
	int r = known_read(bytes, size, &known);

	if (r < 0)
		return r;
	r = tell_impossible(p);
	if (r == 0)
		r = collector_start(p->collector, &known);
	known_done(&known);
	p->started = r == 0;
	/* The first look is a success of its own: the first samples may be long in coming. */
	if (r == 0)
		r = tick(p, "process", clock_wall());
	if (r < 0)
		journal_failure(r, "cannot start to collect");
	return r;
}

static int begin_now(struct process_role *p)
{
	int r;

	p->patience = sd_event_source_disable_unref(p->patience);
	r = begin(p, p->known.data, p->known.size);
	buf_done(&p->known);
	return r;
}

static int on_patience(sd_event_source *source, uint64_t now, void *userdata)
{
	struct process_role *p = userdata;

	if (begin_now(p) < 0)
		role_exit(p->role, EXIT_FAILURE);
	return 0;
}

static bool have_units(const struct process_role *p)
{
	for (size_t i = 0; i < p->services.count; i++)
		if (p->services.items[i].unit_count > 0)
			return true;
	return false;
}

/* How units' processes ended while nobody looked is for systemd to say. */
static int begin_soon(struct process_role *p, const void *bytes, size_t size)
{
	if (!have_units(p) || p->units_word != UNITS_UNTOLD)
		return begin(p, bytes, size);
	buf_reset(&p->known);
	buf_add(&p->known, bytes, size);
	if (buf_error(&p->known) < 0)
		return buf_error(&p->known);
	return p->patience ? 0
			   : sd_event_add_time_relative(role_event(p->role), &p->patience,
				     CLOCK_MONOTONIC, UNITS_WAIT, 0, on_patience, p);
}

static int take_units(struct process_role *p, uint64_t word)
{
	if (word >= UNITS_WORDS)
		return -EBADMSG;
	p->units_word = (enum units_word) word;
	collector_take_units(p->collector, word == UNITS_KNOWN);
	return word != UNITS_UNTOLD && p->patience ? begin_now(p) : 0;
}

/* Another engine: it is told anew of units, too, and tells of them then. */
static int begin_or_repeat(struct process_role *p, struct message *m)
{
	size_t size;
	const void *bytes = message_bytes(m, &size);

	p->units_word = UNITS_UNTOLD;
	collector_renew_units(p->collector);
	return p->started ? repeat(p) : begin_soon(p, bytes, size);
}

static int take_unit(struct process_role *p, struct message *m)
{
	size_t size;
	const void *bytes = message_bytes(m, &size);
	struct unit_state u;
	int r = unit_state_read(bytes, size, &u);

	if (r < 0)
		return r;
	r = collector_take_unit(p->collector, &u);
	unit_state_done(&u);
	return r;
}

static int on_message(struct role *role, struct message *m)
{
	struct process_role *p = role_userdata(role);

	switch (m->type) {
	case MESSAGE_KNOWN:
		return begin_or_repeat(p, m);
	case MESSAGE_UNIT:
		return take_unit(p, m);
	case MESSAGE_UNITS:
		return take_units(p, message_u64(m));
	case MESSAGE_DONE:
		acknowledge(p, message_u64(m));
		return 0;
	default:
		return -EBADMSG;
	}
}

static void process_role_free(struct process_role *p)
{
	sd_event_source_disable_unref(p->patience);
	buf_done(&p->known);
	collector_free(p->collector);
	watched_services_done(&p->services);
	for (uint32_t i = 0; i < p->series_count; i++)
		buf_done(&p->declarations[i]);
	free(p->declarations);
	for (size_t i = 0; i < p->event_count; i++)
		buf_done(&p->events[i].packet);
	free(p->events);
	map_free(p->series, NULL);
	map_free(p->facts, free_fact);
	buf_done(&p->samples);
	free(p);
}

static int prepare(struct process_role *p)
{
	const struct section *daemon = config_find(role_config(p->role), SECTION_DAEMON, "");
	struct collector_options options = {0};
	int r;

	p->series = map_new();
	p->facts = map_new();
	if (!p->series || !p->facts)
		return -ENOMEM;
	p->sink = (struct sink){declare, take_sample, tick, take_event, take_fact, has_room, failed, p};
	r = watched_services_read(role_config(p->role), &p->services);
	if (r < 0)
		return r;
	options.services = p->services.items;
	options.service_count = p->services.count;
	options.discovery = section_bool(daemon, OPTION_DAEMON_DISCOVERY);
	options.interval = section_duration(daemon, OPTION_DAEMON_INTERVAL);
	options.cgroups = "/sys/fs/cgroup";
	options.orphan_wait = ORPHAN_WAIT;
	options.connector = role_take_descriptor(p->role, "proc-events");
	/* Why the supervisor could not, unless this can. */
	if (options.connector < 0)
		options.connector = connector_open();
	options.exits = role_take_descriptor(p->role, "proc-exits");
	return collector_new(role_event(p->role), &p->sink, &options, &p->collector);
}

static int start(struct role *role)
{
	struct process_role *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->role = role;
	role_set_userdata(role, p);
	r = prepare(p);
	if (r < 0) {
		process_role_free(p);
		return journal_failure(r, "cannot prepare the process collector");
	}
	return 0;
}

static void stop(struct role *role)
{
	process_role_free(role_userdata(role));
}

static const struct role_program process_program = {
	.name = "process",
	.engine_says = FROM_ENGINE,
	.start = start,
	.message = on_message,
	.stop = stop,
};

int main(void)
{
	return role_run(&process_program);
}
