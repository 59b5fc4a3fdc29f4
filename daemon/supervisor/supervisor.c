/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/supervisor/supervisor.h"

#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>

#include "daemon/base/buf.h"
#include "daemon/base/log.h"
#include "daemon/base/text.h"
#include "daemon/journal.h"
#include "daemon/paths.h"
#include "daemon/sandbox.h"
#include "daemon/supervisor/private.h"

#define WATCH_EVERY	(3 * USEC_PER_SEC)
#define START_EXTENSION (15 * USEC_PER_SEC) /* systemd waits that much longer, from each watch */
#define STATUS_MAX	1024		    /* bytes; systemd takes twice as much */
#define GROUP		"modelwatch"	    /* whose members may acknowledge */

/* To systemd, with what `systemctl status` shows: it ignores a status that is long or no UTF-8. */
static void tell_systemd(const struct supervisor *s)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	buf_add_string(&text, "READY=1\nSTATUS=Watching.");
	if (s->refused)
		buf_printf(&text, " The configuration on disk is refused: %s", s->refusal ? s->refusal : "");
	if (buf_error(&text) < 0)
		return;
	text_truncate(text.data, STATUS_MAX);
	sd_notify(0, text.data);
}

static void announce(struct supervisor *s)
{
	if (!s->stopping && slots_all_running(s)) {
		tell_systemd(s);
		if (!s->announced)
			journal_write(JOURNAL_READY, NULL, "ready");
		s->announced = true;
	}
}

void supervisor_changed(struct supervisor *s)
{
	if (!s->stopping)
		announce(s);
	else if (slots_all_gone(s))
		sd_event_exit(s->event, s->status);
	else
		slots_stop(s);
}

/* Nothing holds the end up any more, not even what cannot be killed now. */
static void give_up(struct supervisor *s)
{
	journal_write(JOURNAL_STOP_FORCED, NULL, "not everything stopped in time: it is killed");
	slots_kill(s);
	sd_event_exit(s->event, s->status);
}

/* What is done when a stop takes longer than it should, one after the other: within the 5 s that
 * are promised. */
static const struct {
	usec_t wait;
	void (*act)(struct supervisor *s);
} stop_steps[] = {
	{2 * USEC_PER_SEC, slots_kill_others}, /* the engine is asked when they are gone */
	{USEC_PER_SEC, slots_stop_engine},     /* or when they cannot go */
	{USEC_PER_SEC, give_up},
};

static void set_deadline(struct supervisor *s);

static int on_deadline(sd_event_source *source, uint64_t now, void *userdata)
{
	struct supervisor *s = userdata;
	size_t step = s->stop_step++;

	if (s->stop_step < ELEMENTS(stop_steps))
		set_deadline(s);
	stop_steps[step].act(s);
	return 0;
}

static void set_deadline(struct supervisor *s)
{
	s->deadline = sd_event_source_disable_unref(s->deadline);
	if (sd_event_add_time_relative(s->event, &s->deadline, CLOCK_MONOTONIC,
		    stop_steps[s->stop_step].wait, 0, on_deadline, s) < 0)
		give_up(s);
}

static void stop(struct supervisor *s, int status)
{
	if (s->stopping)
		return;
	s->stopping = true;
	s->status = status;
	sd_notify(0, "STOPPING=1\nSTATUS=Stopping.");
	slots_stop(s);
	set_deadline(s);
	if (slots_all_gone(s))
		sd_event_exit(s->event, s->status);
}

void supervisor_fail(struct supervisor *s, int status)
{
	stop(s, status);
}

static int on_stop_signal(
	sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct supervisor *s = userdata;

	journal_write(JOURNAL_STOPPING, NULL, "stopping");
	stop(s, EXIT_SUCCESS);
	return 0;
}

/* The first error of a reload is what `doctor` says. */
static void report_reload(void *userdata, int level, const char *text)
{
	struct supervisor *s = userdata;

	journal_write(level <= LOG_ERR ? JOURNAL_CONFIGURATION_ERROR : JOURNAL_CONFIGURATION_WARNING,
		NULL, "%s", text);
	if (level <= LOG_ERR && !s->refusal)
		s->refusal = strdup(text);
}

/* True where both listen at the same addresses. */
static bool same_addresses(const struct listeners *a, const struct listeners *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->items[i].address, b->items[i].address) != 0)
			return false;
	return true;
}

/* Puts the new listeners and CONFIG in force, or leaves the old. */
static int replace_configuration(struct supervisor *s, struct config *config,
	const struct listeners *listeners)
{
	struct listeners old = s->listeners, unused = *listeners;
	unsigned forced = same_addresses(&old, listeners) ? 0 : 1U << ROLE_WEB;
	int r;

	s->listeners = *listeners;
	r = slots_reconfigure(s, config, forced);
	if (r < 0) {
		s->listeners = old;
		listeners_close(&unused, &s->listeners);
		return r;
	}
	listeners_close(&old, &s->listeners);
	config_free(s->config);
	s->config = config;
	return 0;
}

static int reload(struct supervisor *s)
{
	struct listeners listeners = {.count = 0};
	_cleanup_free_ char *why = NULL;
	struct config *config;
	int r = config_load(&s->options->paths, report_reload, s, &config);

	if (r < 0)
		return r;
	r = listeners_open(config, s->options->runtime_directory, s->group, &s->listeners,
		&listeners, &why);
	if (r < 0)
		report_reload(s, LOG_ERR, why ? why : strerror(-r));
	else
		r = replace_configuration(s, config, &listeners);
	if (r < 0)
		config_free(config);
	return r;
}

/* Keeps what came of a reload: until the next one `doctor` and `systemctl status` say it. */
static void keep_result(struct supervisor *s, int r)
{
	if (r == 0)
		s->refused = 0;
	else if (s->refused == 0)
		s->refused = clock_wall();
	if (r < 0 && !s->refusal)
		s->refusal = strdup(strerror(-r));
	tell_refusal(s);
}

static int on_reload_signal(
	sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct supervisor *s = userdata;
	int r;

	if (s->stopping)
		return 0;
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\nSTATUS=Reloading.",
		clock_monotonic());
	free(s->refusal);
	s->refusal = NULL;
	r = reload(s);
	if (r < 0)
		journal_write(JOURNAL_RELOAD_REFUSED, NULL,
			"the configuration was not reloaded: the old one stays in force");
	else
		journal_write(JOURNAL_RELOADED, NULL, "configuration reloaded");
	keep_result(s, r);
	announce(s);
	return 0;
}

static int on_watch(sd_event_source *source, uint64_t due, void *userdata)
{
	struct supervisor *s = userdata;

	if (restart_stood_still(due, WATCH_EVERY, clock_monotonic()))
		slots_forgive(s);
	/* How long the engine may take is for us to say, not for a time limit of the unit. */
	if (!s->announced && slots_engine_starts(s))
		sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%" PRIu64, START_EXTENSION);
	if (!s->stopping)
		slots_check(s);
	sd_event_source_set_time_relative(source, WATCH_EVERY);
	return 0;
}

static int prepare_loop(struct supervisor *s)
{
	sigset_t signals;
	int r;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
		return -errno;
	signal(SIGPIPE, SIG_IGN);
	r = sd_event_new(&s->event);
	if (r >= 0)
		r = sd_event_add_signal(s->event, NULL, SIGTERM, on_stop_signal, s);
	if (r >= 0)
		r = sd_event_add_signal(s->event, NULL, SIGINT, on_stop_signal, s);
	if (r >= 0)
		r = sd_event_add_signal(s->event, NULL, SIGHUP, on_reload_signal, s);
	if (r >= 0)
		r = sd_event_add_time_relative(s->event, &s->watch, CLOCK_MONOTONIC, WATCH_EVERY,
			WATCH_EVERY / 4, on_watch, s);
	if (r >= 0)
		r = sd_event_source_set_enabled(s->watch, SD_EVENT_ON);
	if (r >= 0)
		r = sd_event_set_watchdog(s->event, true);
	return r;
}

static gid_t find_group(void)
{
	const struct group *g = getgrnam(GROUP);

	return g ? g->gr_gid : (gid_t) -1;
}

/* Everything that needs more than the roles' rights, then none of the rest. */
static int take_resources(struct supervisor *s)
{
	_cleanup_free_ char *why = NULL;
	/* Lowering a role's bounding set takes a right of its own; a unit that grants none has
	 * lowered ours. */
	uint64_t handed_on = UINT64_C(1) << CAP_SETPCAP;
	char host[256] = "localhost";
	int r;

	gethostname(host, sizeof(host) - 1);
	s->host = strdup(host);
	if (!s->host)
		return -ENOMEM;
	s->group = find_group();
	r = listeners_open(s->config, s->options->runtime_directory, s->group, NULL, &s->listeners,
		&why);
	if (r < 0) {
		journal_write(JOURNAL_START_REFUSED, NULL, "%s", why ? why : strerror(-r));
		return r;
	}
	/* Without them the process role sees less, and says so in `modelwatch doctor`. */
	grants_take(s->grants);
	for (size_t i = 0; i < ROLES; i++)
		handed_on |= role_rows[i].capabilities;
	r = sandbox_limit_capabilities(handed_on);
	if (r < 0)
		return journal_failure(r, "cannot give up capabilities");
	return 0;
}

static void supervisor_done(struct supervisor *s)
{
	slots_done(s);
	listeners_close(&s->listeners, NULL);
	for (size_t i = 0; i < GRANTS; i++)
		close_fd(&s->grants[i]);
	sd_event_source_disable_unref(s->watch);
	sd_event_source_disable_unref(s->deadline);
	sd_event_unref(s->event);
	config_free(s->config);
	free(s->refusal);
	free(s->host);
}

int supervisor_run(const struct supervisor_options *options, struct config *config)
{
	struct supervisor s = {
		.options = options, .config = config, .grants = {-1, -1, -1}};
	int r, status = EX_UNAVAILABLE;

	r = take_resources(&s);
	if (r >= 0) {
		status = EX_SOFTWARE;
		r = prepare_loop(&s);
		if (r >= 0)
			r = slots_prepare(&s);
		if (r >= 0) {
			slots_start(&s);
			r = sd_event_loop(s.event);
		}
		if (r < 0)
			journal_failure(r, "cannot run");
		else
			status = r;
	}
	supervisor_done(&s);
	return status;
}
