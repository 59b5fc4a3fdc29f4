/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/units/properties.h"

#include <errno.h>
#include <string.h>

#include "daemon/base/text.h"
#include "schema/event.h"

#define PROPERTIES_MAX 4096 /* of one object; systemd 252 has 350 of a service */

static int read_pid(sd_bus_message *m, void *field)
{
	int64_t *pid = field;
	uint32_t number;
	int r = sd_bus_message_read(m, "u", &number);

	if (r < 0)
		return r;
	if (number != 0 && !process_id_is_valid(number))
		return -EBADMSG;
	*pid = number;
	return 0;
}

static int read_signed(sd_bus_message *m, void *field)
{
	int64_t *ret = field;
	int32_t number;
	int r = sd_bus_message_read(m, "i", &number);

	if (r >= 0)
		*ret = number;
	return r;
}

static int read_count(sd_bus_message *m, void *field)
{
	uint64_t *ret = field;
	uint32_t number;
	int r = sd_bus_message_read(m, "u", &number);

	if (r >= 0)
		*ret = number;
	return r;
}

int properties_read_text(sd_bus_message *m, char type, size_t limit, char **field)
{
	const char *text;
	int r = sd_bus_message_read_basic(m, type, &text);

	if (r < 0)
		return r;
	return strlen(text) <= limit ? text_replace(field, text) : -EBADMSG;
}

int properties_read_time(sd_bus_message *m, void *field)
{
	usec_t *ret = field;
	uint64_t time;
	int r = sd_bus_message_read(m, "t", &time);

	if (r >= 0)
		*ret = time;
	return r;
}

static int read_name(sd_bus_message *m, void *field)
{
	return properties_read_text(m, 's', UNIT_NAME_MAX, field);
}

static int read_word(sd_bus_message *m, void *field)
{
	return properties_read_text(m, 's', UNIT_WORD_MAX, field);
}

static int read_path(sd_bus_message *m, void *field)
{
	return properties_read_text(m, 's', UNIT_PATH_MAX, field);
}

/* Its type is asked for at the job's own object. */
static int read_job(sd_bus_message *m, void *field)
{
	char *start = (char *) field - offsetof(struct unit_seen, job);
	struct unit_seen *u = (struct unit_seen *) (void *) start;
	uint32_t number;
	int r = sd_bus_message_enter_container(m, 'r', "uo");

	if (r >= 0)
		r = sd_bus_message_read(m, "u", &number);
	if (r >= 0)
		r = properties_read_text(m, 'o', UNIT_OBJECT_MAX, &u->job_path);
	if (r >= 0)
		r = sd_bus_message_exit_container(m);
	if (r < 0)
		return r;
	u->job = number;
	return 0;
}

#define OF_STATE(field) offsetof(struct unit_seen, state.field)

static const struct property properties[] = {
	{"ActiveState", "s", read_word, OF_STATE(active)},
	{"ControlGroup", "s", read_path, OF_STATE(cgroup)},
	{"ExecMainCode", "i", read_signed, OF_STATE(exit_code)},
	{"ExecMainPID", "u", read_pid, OF_STATE(exit_pid)},
	{"ExecMainStatus", "i", read_signed, OF_STATE(exit_status)},
	{"Id", "s", read_name, offsetof(struct unit_seen, id)},
	{"InactiveExitTimestampMonotonic", "t", properties_read_time, offsetof(struct unit_seen, began)},
	{"Job", "(uo)", read_job, offsetof(struct unit_seen, job)},
	{"LoadState", "s", read_word, OF_STATE(load)},
	{"MainPID", "u", read_pid, OF_STATE(main_pid)},
	{"NRestarts", "u", read_count, OF_STATE(restarts)},
	{"Result", "s", read_word, OF_STATE(result)},
	{"SubState", "s", read_word, OF_STATE(sub)},
	{"UnitFileState", "s", read_word, OF_STATE(file)},
};

static const struct property *find(const struct property *rows, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (text_equal(rows[i].name, name))
			return &rows[i];
	return NULL;
}

static int read_property(sd_bus_message *m, const struct property *rows, size_t count, void *object)
{
	const struct property *p;
	const char *name, *type;
	int r = sd_bus_message_read(m, "s", &name);

	if (r < 0)
		return r;
	p = find(rows, count, name);
	if (!p)
		return sd_bus_message_skip(m, "v");
	r = sd_bus_message_peek_type(m, NULL, &type);
	if (r < 0)
		return r;
	if (!text_equal(type, p->type))
		return -EBADMSG;
	r = sd_bus_message_enter_container(m, 'v', p->type);
	if (r >= 0)
		r = p->read(m, (char *) object + p->offset);
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

int properties_read_rows(sd_bus_message *m, const struct property *rows, size_t row_count, void *object)
{
	size_t count = 0;
	int r = sd_bus_message_enter_container(m, 'a', "{sv}");

	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		r = ++count > PROPERTIES_MAX ? -EBADMSG : read_property(m, rows, row_count, object);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

int properties_read(sd_bus_message *m, struct unit_seen *u)
{
	return properties_read_rows(m, properties, ELEMENTS(properties), u);
}

int properties_read_changed(sd_bus_message *m, struct unit_seen *u)
{
	const char *name;
	size_t count = 0;
	int r = sd_bus_message_read(m, "s", &name);

	if (r >= 0) {
		/* systemd says first what changed of the service, and then what of the unit. */
		u->whole = text_equal(name, UNIT_INTERFACE);
		r = properties_read(m, u);
	}
	if (r >= 0)
		r = sd_bus_message_enter_container(m, 'a', "s");
	while (r >= 0 && (r = sd_bus_message_read(m, "s", &name)) > 0) {
		u->loads_anew |= find(properties, ELEMENTS(properties), name) != NULL;
		r = ++count > PROPERTIES_MAX ? -EBADMSG : 0;
	}
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* The texts of a unit; all are there. */
static char **text_of(struct unit_seen *u, size_t i)
{
	char **const texts[] = {&u->state.name, &u->state.load, &u->state.active, &u->state.sub,
		&u->state.file, &u->state.result, &u->state.job, &u->state.cgroup, &u->state.cause,
		&u->id, &u->job_path};

	return i < ELEMENTS(texts) ? texts[i] : NULL;
}

int unit_seen_init(struct unit_seen *u, const char *name)
{
	char **text;
	int r = 0;

	*u = (struct unit_seen){0};
	for (size_t i = 0; r == 0 && (text = text_of(u, i)); i++)
		r = text_replace(text, "");
	if (r == 0)
		r = text_replace(&u->state.name, name);
	return r < 0 ? r : text_replace(&u->id, name);
}

void unit_seen_done(struct unit_seen *u)
{
	unit_state_done(&u->state);
	free(u->id);
	free(u->job_path);
}

int unit_seen_rest(struct unit_seen *u, const char *load)
{
	int r = text_replace(&u->state.load, load);

	if (r == 0)
		r = text_replace(&u->state.active, "inactive");
	if (r == 0)
		r = text_replace(&u->state.sub, "dead");
	if (r == 0)
		r = text_replace(&u->state.job, "");
	u->state.main_pid = 0;
	u->job = 0;
	return r;
}
