/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's life: it starts from the database, then runs on what the links and timers bring. */
#include "daemon/engine/program.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "daemon/base/file.h"
#include "daemon/base/text.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/lock.h"
#include "daemon/journal.h"
#include "schema/reserve.h"

#define DATABASE	"modelwatch.db"
#define BOOT_ID		"/proc/sys/kernel/random/boot_id"
#define BOOT_ID_MAX	64
#define UPKEEP_EVERY	(30 * USEC_PER_SEC) /* checkpoint and retention */
#define SELF_EVERY	(15 * USEC_PER_SEC) /* the engine's own metrics */
#define CURRENT_MS	INT64_C(86400000)   /* how long a collector may have been silent at the end */

int64_t engine_now(struct engine *e)
{
	return store_clock_read(&e->clock, clock_wall(), clock_monotonic());
}

void engine_evaluate(struct engine *e, const char *const metrics[])
{
	struct promql_source source = values_source(e->values);
	usec_t begin = clock_monotonic();
	uint64_t refused = alerting_refused(e->alerting);
	int r = alerting_evaluate(e->alerting, &source, metrics, engine_now(e));

	if (r < 0)
		journal_failure(r, "cannot evaluate the rules");
	if (refused == 0 && alerting_refused(e->alerting) > 0)
		journal_write(JOURNAL_ALERTS_REFUSED, NULL,
			"a rule found an alert that cannot be made: too many at one time, too many labels, or"
			" a fingerprint that another has; modelwatch_alerts_refused_total counts them");
	e->evaluation_seconds =
		(double) usec_since(clock_monotonic(), begin) / (double) USEC_PER_SEC;
}

/* When a collector that says little, or nothing, was heard of last stays among the current values. */
static int repeat_report(void *userdata, struct value *value)
{
	struct engine *e = userdata;
	int64_t now_ms = engine_now(e);
	const char *name = labels_get(&value->series.labels, "collector");
	usec_t often = e->interval < SELF_EVERY ? e->interval : SELF_EVERY;
	const struct role_row *row;

	if (!name || !text_equal(value->series.metric, COLLECTOR_REPORTED) ||
		value->time_ms == 0 || now_ms - value->time_ms <= usec_to_ms(often))
		return 0;
	row = role_row_find(name);
	return row && row->sender == FROM_COLLECTOR
		       ? moments_add(e, value, now_ms, value->current)
		       : 0;
}

/* The engine's own metrics; cheap, and not needed every second. */
static void measure(struct engine *e, int64_t now_ms)
{
	usec_t now = clock_monotonic();

	if (usec_since(now, e->last_self) < SELF_EVERY && e->last_self > 0)
		return;
	e->last_self = now;
	moments_add_metric(e, "modelwatch_samples_total", NULL, NULL, now_ms, (double) e->samples_total);
	moments_add_metric(e, "modelwatch_samples_dropped_total", NULL, NULL, now_ms,
		(double) e->dropped_samples);
	moments_add_metric(e, "modelwatch_store_bytes", NULL, NULL, now_ms, (double) store_bytes(e->store));
	moments_add_metric(e, "modelwatch_store_errors_total", NULL, NULL, now_ms,
		(double) e->store_errors);
	moments_add_metric(e, "modelwatch_rule_evaluation_seconds", NULL, NULL, now_ms,
		e->evaluation_seconds);
	moments_add_metric(e, "modelwatch_alerts_refused_total", NULL, NULL, now_ms,
		(double) alerting_refused(e->alerting));
	deliveries_measure(e, now_ms);
	values_each(e->values, repeat_report, e);
}

/* True where the database has another name or none: what is written to it nobody will ever read. */
static bool is_lost(const struct engine *e)
{
	struct stat st;

	if (stat(e->database, &st) < 0)
		return errno == ENOENT;
	return st.st_ino != e->opened.st_ino || st.st_dev != e->opened.st_dev;
}

static int on_tick(sd_event_source *source, uint64_t now, void *userdata)
{
	struct engine *e = userdata;
	int64_t now_ms = engine_now(e);

	if (is_lost(e)) {
		journal_write(JOURNAL_DATABASE_LOST, NULL,
			"the database %s was deleted or moved away: the engine ends, and the next one makes"
			" another",
			e->database);
		role_exit(e->role, EX_UNAVAILABLE);
		return sd_event_source_set_enabled(source, SD_EVENT_OFF);
	}
	services_tick(e, now_ms);
	webhooks_tick(e);
	turns_tick(e);
	engine_evaluate(e, NULL);
	measure(e, now_ms);
	full_disk_look_for_room(e);
	engine_commit(e);
	sd_event_source_set_time_relative(source, e->evaluate);
	return 0;
}

/* A small step at a time, so that an event never waits for it. */
static int on_upkeep(sd_event_source *source, uint64_t now, void *userdata)
{
	struct engine *e = userdata;
	int64_t now_ms = retention_clock_read(
		&e->retention_clock, usec_to_ms(clock_wall()), clock_monotonic());
	int64_t before = now_ms - usec_to_ms(e->retention);
	int more = store_expire(e->store, before, e->max_size);

	/* What keeps everything from being written is told of once. */
	if (more < 0 && !e->trouble)
		journal_write(JOURNAL_SAMPLES_NOT_EXPIRED, WITH(.error = more), "cannot expire old samples");
	if (more <= 0)
		store_checkpoint(e->store);
	if (!e->full)
		full_disk_keep_reserve(e);
	sd_event_source_set_time_relative(source, more > 0 ? 50 * USEC_PER_MSEC : UPKEEP_EVERY);
	return 0;
}

static int add_timers(struct engine *e)
{
	sd_event *event = role_event(e->role);
	int r = sd_event_add_time_relative(
		event, &e->tick, CLOCK_MONOTONIC, e->evaluate, e->evaluate / 10, on_tick, e);

	if (r >= 0)
		r = sd_event_source_set_enabled(e->tick, SD_EVENT_ON);
	if (r >= 0)
		r = sd_event_add_time_relative(event, &e->upkeep, CLOCK_MONOTONIC, UPKEEP_EVERY,
			USEC_PER_SEC, on_upkeep, e);
	if (r >= 0)
		r = sd_event_source_set_enabled(e->upkeep, SD_EVENT_ON);
	/* The tick has the priority of the links: a role that never stops talking delays no rule. */
	if (r >= 0)
		r = sd_event_source_set_priority(e->upkeep, SD_EVENT_PRIORITY_IDLE);
	return r;
}

static int configure(struct engine *e)
{
	const struct config *c = role_config(e->role);
	const struct section *daemon = config_find(c, SECTION_DAEMON, "");
	size_t max_series = section_number(daemon, OPTION_DAEMON_MAX_SERIES);

	e->interval = section_duration(daemon, OPTION_DAEMON_INTERVAL);
	e->evaluate = section_duration(daemon, OPTION_DAEMON_EVALUATE);
	e->retention = section_duration(daemon, OPTION_DAEMON_RETENTION);
	e->max_size = section_number(daemon, OPTION_DAEMON_MAX_SIZE);
	values_limit(e->values, max_series);
	store_set_max_series(e->store, max_series);
	return rules_configure(e);
}

static int open_database(struct engine *e)
{
	_cleanup_free_ char *why = NULL;
	int r = lock_take(role_state_directory(e->role), &e->lock);

	if (r < 0) {
		role_exit(e->role, EX_UNAVAILABLE);
		return r;
	}
	if (asprintf(&e->database, "%s/" DATABASE, role_state_directory(e->role)) < 0) {
		e->database = NULL;
		return -ENOMEM;
	}
	r = store_open(e->database, &e->store, &why);
	if (r == -ENOSPC && reserve_release(e->database) == 0) {
		free(TAKE_POINTER(why));
		r = store_open(e->database, &e->store, &why);
	}
	if (r < 0) {
		if (why)
			journal_write(JOURNAL_DATABASE_UNUSABLE, NULL, "%s", why);
		else
			journal_write(JOURNAL_DATABASE_UNUSABLE, WITH(.error = r),
				"cannot open the database %s", e->database);
		role_exit(e->role, EX_UNAVAILABLE);
		return r;
	}
	if (stat(e->database, &e->opened) < 0)
		return journal_write(JOURNAL_DATABASE_UNUSABLE, WITH(.error = -errno),
			"cannot look at the database %s", e->database);
	return 0;
}

static int read_boot_id(char **ret)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	int r = file_read(BOOT_ID, BOOT_ID_MAX, &text);

	if (r < 0)
		return r;
	if (text.size > 0 && text.data[text.size - 1] == '\n')
		text.data[--text.size] = '\0';
	*ret = buf_take(&text);
	return *ret ? 0 : -ENOMEM;
}

static int restore_value(void *userdata, const struct series *series, int64_t time_ms, double number)
{
	struct engine *e = userdata;
	struct value *value;
	int r = values_find(e->values, series, &value);

	if (r < 0)
		return r == -E2BIG ? 0 : r;
	value->current = number;
	value->time_ms = time_ms;
	if (e->clock.last_ms < time_ms)
		e->clock = (struct store_clock){time_ms, clock_monotonic()};
	return 0;
}

/* What a series was when the daemon ended holds until its collector says otherwise. */
static int restore_values(struct engine *e)
{
	struct reader *reader = store_reader(e->store);
	int64_t newest;
	int r = reader_newest(reader, &newest);

	if (r < 0)
		return r;
	e->retention_clock = (struct retention_clock){newest, clock_monotonic(), false, 0};
	return reader_latest(reader, newest - CURRENT_MS, restore_value, e);
}

static int restore(struct engine *e)
{
	struct reader *reader = store_reader(e->store);
	int r = reader_host_id(reader, &e->host_id);

	if (r >= 0)
		r = restore_values(e);
	if (r >= 0)
		r = services_restore(e);
	/* What alerts carry is more than what is known of their services. */
	if (r >= 0)
		r = incidents_restore(e);
	if (r >= 0)
		services_restored(e);
	if (r >= 0)
		r = processes_restore(e);
	if (r >= 0)
		r = deliveries_restore(e);
	return r;
}

static int set_host(struct engine *e)
{
	_cleanup_free_ char *external_url = config_external_url(role_config(e->role));
	struct alerting_host host = {
		.name = role_host(e->role),
		.id = e->host_id,
		.external_url = external_url,
	};

	if (!external_url)
		return -ENOMEM;
	return alerting_set_host(e->alerting, &host);
}

static void engine_free(struct engine *e)
{
	sd_event_source_disable_unref(e->tick);
	sd_event_source_disable_unref(e->upkeep);
	sd_event_source_disable_unref(e->outbox);
	sd_event_source_disable_unref(e->soon);
	events_committed(e);
	moments_done(e);
	commands_done(e);
	deliveries_done(e);
	webhooks_done(e);
	services_done(e);
	processes_done(e);
	facts_done(e);
	units_done(e);
	role_states_done(e);
	alerting_free(e->alerting);
	map_free(e->severities, NULL);
	values_free(e->values);
	store_close(e->store);
	free(e->database);
	free(e->trouble);
	close_fd(&e->lock);
	if (e->users)
		fclose(e->users);
	free(e->boot);
	free(e->host_id);
	free(e);
}

static void stop(struct role *role)
{
	struct engine *e = role_userdata(role);

	/* What was received counts, also what the links still hold. */
	peers_drop(e);
	e->full = false; /* the last chance of the samples */
	engine_commit(e);
	engine_free(e);
}

static int start_engine(struct engine *e)
{
	int r;

	e->alerting = alerting_new();
	e->values = values_new();
	e->services = map_new();
	e->facts = map_new();
	e->webhooks = map_new();
	e->units = map_new();
	e->severities = map_new();
	if (!e->units || !e->severities || !e->alerting || !e->values || !e->services || !e->facts ||
		!e->webhooks)
		return -ENOMEM;
	e->users = fopen("/etc/passwd", "re");
	r = open_database(e);
	if (r < 0)
		return r;
	r = read_boot_id(&e->boot);
	/* What an engine before this one found out about webhooks. */
	facts_forget(e, role_rows[ROLE_ENGINE].name);
	full_disk_keep_reserve(e);
	if (r >= 0)
		r = restore(e);
	if (r >= 0)
		r = set_host(e);
	if (r >= 0)
		r = configure(e);
	if (r >= 0)
		r = services_configure(e);
	if (r >= 0)
		webhooks_configure(e);
	if (r >= 0)
		r = add_timers(e);
	if (r < 0)
		journal_failure(r, "cannot start from the database");
	return r;
}

static int start(struct role *role)
{
	struct engine *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return -ENOMEM;
	e->role = role;
	e->lock = -1;
	role_set_userdata(role, e);
	r = start_engine(e);
	if (r < 0)
		engine_free(e);
	return r;
}

static int reconfigure(struct role *role, const struct config *old)
{
	struct engine *e = role_userdata(role);
	int r = configure(e);

	if (r >= 0)
		r = set_host(e);
	if (r >= 0)
		r = services_configure(e);
	if (r < 0)
		return journal_failure(r, "cannot take the new configuration");
	webhooks_reconfigured(e);
	units_reconfigured(e, old);
	engine_commit(e);
	return 0;
}

static int add_peer(struct role *role, const char *name, int64_t pid, int fd)
{
	return peers_add(role_userdata(role), name, pid, fd);
}

/* What is in force is older than what a restart would find. */
static int refused(struct engine *e, struct message *m)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	usec_t since = message_u64(m);
	const char *why = message_string(m);
	char time[RFC3339_MAX];
	int r;

	if (*why)
		buf_printf(&text,
			"Refused since %s, the one before it stays in force: %s", clock_format(since, time),
			why);
	if (buf_error(&text) < 0)
		return -ENOMEM;
	if (*why)
		r = facts_doctor(e, "configuration", CHECK_FAILING, text.data,
			"Correct what modelwatch check-config says, and reload the daemon: it would"
			" not start with it.");
	else
		r = facts_doctor_retract(e, "configuration");
	if (facts_changed(e))
		engine_commit_soon(e);
	return r;
}

static int told(struct role *role, struct message *m)
{
	struct engine *e = role_userdata(role);

	switch (m->type) {
	case MESSAGE_ROLE:
		return role_states_told(e, m);
	case MESSAGE_SUCCESSOR:
		return webhooks_expect_notify(e, m);
	case MESSAGE_REFUSED:
		return refused(e, m);
	default:
		return -EBADMSG;
	}
}

const struct role_program engine_program = {
	.name = "engine",
	.start = start,
	.reconfigure = reconfigure,
	.peer = add_peer,
	.told = told,
	.stop = stop,
};
