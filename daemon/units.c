/* SPDX-License-Identifier: Apache-2.0 */
/* modelwatch-units: the watch of systemd's units behind messages. Nothing is kept here for another engine:
 * the watch tells everything again. */
#include <string.h>
#include <systemd/sd-daemon.h>

#include "collectors/units/units.h"
#include "daemon/base/log.h"
#include "daemon/base/text.h"
#include "daemon/journal.h"
#include "daemon/role.h"
#include "schema/records.h"

#define SYSTEM_BUS "unix:path=/run/dbus/system_bus_socket"
#define CHECK	   "systemd" /* what `doctor` calls it, */
#define CROWD	   "units"   /* and that there are too many */

struct units_role {
	struct role *role;
	struct units *units;
	struct units_sink sink;
	struct units_options options;
	char **names;
	bool *missing; /* of each: said that there is no such unit */
	size_t name_count;
	bool booted; /* systemd runs on this host */
	bool lost;   /* said that systemd cannot be asked, */
	bool crowded; /* and that there are too many units */
	usec_t since; /* when that began; 0 while it can */
};

/* Why nothing is known, by what went wrong, and what helps. */
static const struct {
	int why;
	enum check_state state;
	const char *text, *remedy;
	bool passes; /* as a rule in a moment, where systemd runs: a bus that begins has no systemd yet */
} obstacles[] = {
	{-ENOENT, CHECK_MISSING, "there is no system bus",
		"Start dbus.service; install dbus where it is missing."},
	{-ECONNREFUSED, CHECK_MISSING, "nobody serves the system bus", "Start dbus.service.",
		.passes = true},
	{-EHOSTUNREACH, CHECK_MISSING, "systemd is not on the system bus",
		"Let systemd connect to it anew: kill -USR1 1", .passes = true},
	{-ECONNRESET, CHECK_FAILING, "the system bus closed the connection",
		"See what dbus.service says; it may not let the daemon's user in."},
	{-EACCES, CHECK_FAILING, "the system bus does not let the daemon ask it",
		"See what the bus' policy and the security module of the host say."},
	{-ENOBUFS, CHECK_FAILING, "the system bus is at one of its limits",
		"See max_replies_per_connection and the other limits in the bus' configuration."},
	{-ETIMEDOUT, CHECK_FAILING, "it does not answer on the system bus",
		"See whether systemctl answers."},
};

#define REMEDY_WITHOUT_SYSTEMD                                                                     \
	"On a host without systemd find the service by something else than 'unit'; in a container " \
	"let the daemon reach the host's /run/dbus/system_bus_socket."

static int tell(struct units_role *p, struct buf *packet)
{
	int r = role_send(p->role, packet, -1);

	/* Another engine is told everything. */
	return r == -ENOTCONN || r == -EPIPE ? 0 : r;
}

static int put_fact(struct units_role *p, const char *subject, const char *key, const char *value)
{
	_cleanup_buf_ struct buf packet = BUF_INIT;

	message_begin(&packet, MESSAGE_FACT);
	message_put_string(&packet, "doctor");
	message_put_string(&packet, subject);
	message_put_string(&packet, key);
	message_put_string(&packet, value);
	return tell(p, &packet);
}

static int put_check(struct units_role *p, const char *subject, const char *state, const char *text,
	const char *remedy)
{
	int r = put_fact(p, subject, "state", state);

	if (r == 0)
		r = put_fact(p, subject, "text", text);
	return r < 0 ? r : put_fact(p, subject, "remedy", remedy);
}

/* The number of the name; how many there are where it is not among them. */
static size_t find_name(const struct units_role *p, const char *name)
{
	size_t i = 0;

	while (i < p->name_count && !text_equal(p->names[i], name))
		i++;
	return i;
}

/* A unit that the configuration names, and that there is not. */
static int tell_missing(struct units_role *p, const struct unit_state *u)
{
	bool missing = text_equal(u->load, "not-found");
	_cleanup_buf_ struct buf subject = BUF_INIT;
	size_t i = find_name(p, u->name);

	if (i == p->name_count || (!missing && !p->missing[i]))
		return 0;
	p->missing[i] = missing;
	buf_printf(&subject, "unit %s", u->name);
	if (buf_error(&subject) < 0)
		return -ENOMEM;
	return put_check(p, subject.data, missing ? check_state_name(CHECK_LIMITED) : "",
		missing ? "systemd knows no such unit." : "",
		missing ? "Correct 'unit' in the [service] section, or install the unit." : "");
}

static int on_unit(void *userdata, const struct unit_state *u)
{
	struct units_role *p = userdata;
	_cleanup_buf_ struct buf packet = BUF_INIT, state = BUF_INIT;
	int r;

	log_debug("unit %s: %s (%s), main PID %" PRIi64 ", result %s, job %s", u->name, u->active,
		u->sub, u->main_pid, u->result, *u->job ? u->job : "none");
	unit_state_write(u, &state);
	if (buf_error(&state) < 0)
		return buf_error(&state);
	message_begin(&packet, MESSAGE_UNIT);
	message_put_bytes(&packet, state.data, state.size);
	r = tell(p, &packet);
	return r < 0 ? r : tell_missing(p, u);
}

static int tell_lost(struct units_role *p, int why)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	char since[RFC3339_MAX];
	enum check_state state = CHECK_FAILING;
	const char *obstacle = strerror(-why), *remedy = "See what dbus.service says.";
	int r;

	if (p->since == 0)
		p->since = clock_wall();
	for (size_t i = 0; i < ELEMENTS(obstacles); i++)
		if (obstacles[i].why == why) {
			state = obstacles[i].state;
			obstacle = obstacles[i].text;
			remedy = obstacles[i].remedy;
		}
	if (state == CHECK_MISSING && !p->booted)
		remedy = REMEDY_WITHOUT_SYSTEMD;
	buf_printf(&text,
		"systemd cannot be asked since %s: %s. Services with 'unit' are watched as far as they were "
		"known: a stop on purpose looks like a failure, and a start that fails is not seen.",
		clock_format(p->since, since), obstacle);
	if (buf_error(&text) < 0)
		return -ENOMEM;
	if (!p->lost && (why == -ENOENT || why == -EHOSTUNREACH))
		journal_write(JOURNAL_SYSTEMD_SILENT, WITH(.level = LOG_INFO), "%s", text.data);
	else if (!p->lost)
		journal_write(JOURNAL_SYSTEMD_SILENT, NULL, "%s", text.data);
	p->lost = true;
	r = put_check(p, CHECK, check_state_name(state), text.data, remedy);
	return r < 0 ? r : put_fact(p, CHECK, "since", since);
}

static int tell_found(struct units_role *p)
{
	int r = put_check(p, CHECK, check_state_name(CHECK_OK),
		"systemd tells what becomes of the units of services.", "");

	if (p->lost)
		journal_write(JOURNAL_SYSTEMD_TELLS, NULL, "systemd tells of units again");
	p->lost = false;
	p->since = 0;
	return r < 0 ? r : put_fact(p, CHECK, "since", "");
}

static enum units_word judge(const struct units_role *p, int why)
{
	for (size_t i = 0; i < ELEMENTS(obstacles); i++)
		if (obstacles[i].why == why && obstacles[i].passes && p->booted)
			return UNITS_UNTOLD;
	return UNITS_SILENT;
}

static int on_known(void *userdata, bool known, int why)
{
	struct units_role *p = userdata;
	_cleanup_buf_ struct buf packet = BUF_INIT;
	int r;

	message_begin(&packet, MESSAGE_UNITS);
	message_put_u64(&packet, known ? UNITS_KNOWN : judge(p, why));
	r = tell(p, &packet);
	if (r < 0)
		return r;
	return known ? tell_found(p) : tell_lost(p, why);
}

static void on_crowded(void *userdata, const char *name)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct units_role *p = userdata;

	if (!name) {
		p->crowded = false;
		put_check(p, CROWD, "", "", "");
		return;
	}
	buf_printf(&text, "More than %d units are those of services: %s and others are not watched.",
		UNITS_MAX, name);
	if (buf_error(&text) < 0)
		return;
	if (!p->crowded)
		journal_write(JOURNAL_LIMIT, NULL, "%s", text.data);
	p->crowded = true;
	put_check(p, CROWD, check_state_name(CHECK_LIMITED), text.data,
		"Let the globs of 'unit' mean fewer units; then reload.");
}

static void on_failed(void *userdata, int reason)
{
	const struct units_role *p = userdata;

	journal_failure(reason, "cannot go on watching units");
	role_exit(p->role, EXIT_FAILURE);
}

static int add_name(struct units_role *p, const char *given)
{
	_cleanup_free_ char *name = unit_name_complete(given);
	char **names;

	if (!name)
		return -ENOMEM;
	if (find_name(p, name) < p->name_count)
		return 0;
	names = reallocarray(p->names, p->name_count + 1, sizeof(*names));
	if (!names)
		return -ENOMEM;
	p->names = names;
	names[p->name_count++] = TAKE_POINTER(name);
	return 0;
}

static int read_names(struct units_role *p)
{
	const struct section *s = NULL;
	int r = 0;

	while (r == 0 && (s = config_next(role_config(p->role), SECTION_SERVICE, s))) {
		size_t count;
		const char *const *given = section_list(s, OPTION_SERVICE_UNIT, &count);

		for (size_t i = 0; i < count && r == 0; i++)
			r = add_name(p, given[i]);
	}
	p->missing = calloc(p->name_count + 1, sizeof(*p->missing));
	return r < 0 || p->missing ? r : -ENOMEM;
}

static void units_role_free(struct units_role *p)
{
	units_free(p->units);
	for (size_t i = 0; i < p->name_count; i++)
		free(p->names[i]);
	free(p->names);
	free(p->missing);
	free(p);
}

static int prepare(struct units_role *p)
{
	const char *address = getenv("DBUS_SYSTEM_BUS_ADDRESS");
	int r = read_names(p);

	if (r < 0)
		return r;
	p->sink = (struct units_sink){on_unit, on_known, on_crowded, on_failed, p};
	p->options = (struct units_options){address ? address : SYSTEM_BUS,
		(const char *const *) p->names, p->name_count};
	return units_new(role_event(p->role), &p->sink, &p->options, &p->units);
}

static int start(struct role *role)
{
	struct units_role *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->role = role;
	/* Before the sandbox, which leaves it no file. Until it was asked once it cannot be. */
	p->booted = sd_booted() > 0;
	p->since = clock_wall();
	role_set_userdata(role, p);
	r = prepare(p);
	if (r < 0) {
		units_role_free(p);
		return journal_failure(r, "cannot prepare to watch units");
	}
	return 0;
}

static int connected(struct role *role)
{
	struct units_role *p = role_userdata(role);

	units_repeat(p->units);
	return 0;
}

static void stop(struct role *role)
{
	units_role_free(role_userdata(role));
}

static const struct role_program units_program = {
	.name = "units",
	.engine_says = FROM_ENGINE,
	.start = start,
	.connected = connected,
	.stop = stop,
};

int main(void)
{
	return role_run(&units_program);
}
