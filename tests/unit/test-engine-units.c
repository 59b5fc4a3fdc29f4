/* SPDX-License-Identifier: Apache-2.0 */
/* The engine between `units` and `process`; and a role that nobody needs. */
#include "tests/unit/engine-fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "daemon/engine/program.h"
#include "schema/unit.h"

#define CONFIG	 "[daemon]\nevaluate = 10ms\n[service llama]\nunit = a\n"
#define HEARD_MAX 1024

/* A role at the other end of a link of its own, and what it heard of units: "a.service 11, all". */
struct role_end {
	struct link *link;
	bool closed;
	char heard[HEARD_MAX];
};

static void hear(struct role_end *end, const char *what)
{
	size_t size = strlen(end->heard);

	snprintf(end->heard + size, sizeof(end->heard) - size, "%s%s", size > 0 ? ", " : "", what);
}

static int on_message(struct link *l, struct message *m, void *userdata)
{
	static const char *const words[UNITS_WORDS] = {"old", "all", "silent"};
	struct role_end *end = userdata;
	struct unit_state u;
	const void *bytes;
	char text[64];
	size_t size;

	if (m->type == MESSAGE_UNITS)
		hear(end, words[message_u64(m)]);
	if (m->type != MESSAGE_UNIT)
		return 0;
	bytes = message_bytes(m, &size);
	assert_int_equal(unit_state_read(bytes, size, &u), 0);
	snprintf(text, sizeof(text), "%s%s %d", *u.load ? "" : "no ", u.name, (int) u.main_pid);
	hear(end, text);
	unit_state_done(&u);
	return 0;
}

static void on_closed(struct link *l, int reason, void *userdata)
{
	struct role_end *end = userdata;

	end->closed = true;
}

static const struct link_ops ops = {on_message, on_closed};

static void connect_end(struct engine_fixture *f, const char *role, int64_t pid, struct role_end *end)
{
	int fd;

	*end = (struct role_end){0};
	fd = role_fixture_link(f->event, FROM_ENGINE, &ops, end, &end->link);
	assert_int_equal(engine_program.peer(f->role, role, pid, fd), 0);
}

/* What link_send() says: the engine may have ended the link. */
static int tell_unit(struct role_end *end, const char *name, int64_t pid)
{
	char none[] = "", loaded[] = "loaded";
	const struct unit_state u = {.name = (char *) (uintptr_t) name, .load = loaded, .active = none,
		.sub = none, .file = none, .result = none, .job = none, .cgroup = none, .cause = none,
		.main_pid = pid};
	_cleanup_buf_ struct buf packet = BUF_INIT, state = BUF_INIT;

	unit_state_write(&u, &state);
	message_begin(&packet, MESSAGE_UNIT);
	message_put_bytes(&packet, state.data, state.size);
	assert_int_equal(message_end(&packet), 0);
	return link_send(end->link, &packet, -1);
}

static void tell_units(struct role_end *end, uint64_t word)
{
	_cleanup_buf_ struct buf packet = BUF_INIT;

	message_begin(&packet, MESSAGE_UNITS);
	message_put_u64(&packet, word);
	role_fixture_send(end->link, &packet, -1);
}

#define await_heard(f, end, text) engine_fixture_await(f, text_equal((end)->heard, text))

static void test_road(void **state)
{
	struct engine_fixture f;
	struct role_end units, other, process, late;

	engine_fixture_make(&f, CONFIG);
	engine_fixture_start(&f);
	connect_end(&f, "process", 21, &process);
	connect_end(&f, "units", 22, &units);
	tell_unit(&units, "a.service", 11);
	tell_unit(&units, "t@1.service", 12);
	tell_units(&units, UNITS_KNOWN);
	tell_unit(&units, "a.service", 13);
	await_heard(&f, &process, "old, a.service 11, t@1.service 12, all, a.service 13");
	/* A process that comes later hears how it is now, */
	connect_end(&f, "process", 23, &late);
	await_heard(&f, &late, "a.service 13, t@1.service 12, all");
	/* and what is not told again by another `units` is gone. */
	connect_end(&f, "units", 24, &other);
	tell_unit(&units, "a.service", 14);
	tell_unit(&other, "a.service", 15);
	tell_units(&other, UNITS_KNOWN);
	await_heard(&f, &late,
		"a.service 13, t@1.service 12, all, old, a.service 15, no t@1.service 0, all");
	/* The end of the predecessor is nothing; that of the last is. */
	units.link = link_free(units.link);
	other.link = link_free(other.link);
	await_heard(&f, &late,
		"a.service 13, t@1.service 12, all, old, a.service 15, no t@1.service 0, all, old");
	link_free(process.link);
	link_free(late.link);
	connect_end(&f, "process", 25, &process);
	await_heard(&f, &process, "a.service 15");
	link_free(process.link);
	engine_fixture_stop(&f);
	engine_fixture_remove(&f);
}

/* That systemd cannot be asked is no word of the engine's own. */
static void test_silent(void **state)
{
	struct engine_fixture f;
	struct role_end units, process, late;

	engine_fixture_make(&f, CONFIG);
	engine_fixture_start(&f);
	connect_end(&f, "process", 21, &process);
	connect_end(&f, "units", 22, &units);
	tell_unit(&units, "a.service", 11);
	tell_units(&units, UNITS_KNOWN);
	tell_units(&units, UNITS_SILENT);
	await_heard(&f, &process, "old, a.service 11, all, silent");
	connect_end(&f, "process", 23, &late);
	await_heard(&f, &late, "a.service 11, silent");
	/* Another one may ask. */
	units.link = link_free(units.link);
	await_heard(&f, &late, "a.service 11, silent, old");
	connect_end(&f, "units", 24, &units);
	tell_units(&units, UNITS_KNOWN);
	await_heard(&f, &late, "a.service 11, silent, old, old, no a.service 0, all");
	link_free(units.link);
	link_free(process.link);
	link_free(late.link);
	engine_fixture_stop(&f);
	engine_fixture_remove(&f);
}

/* What was told of other units than those that are configured now is not all. */
static void test_reload(void **state)
{
	struct engine_fixture f;
	struct role_end units, process, late;

	engine_fixture_make(&f, CONFIG);
	engine_fixture_start(&f);
	connect_end(&f, "units", 21, &units);
	tell_unit(&units, "a.service", 11);
	tell_units(&units, UNITS_KNOWN);
	connect_end(&f, "process", 22, &process);
	await_heard(&f, &process, "a.service 11, all");
	engine_fixture_reload(&f, CONFIG "stop-grace = 1h\n");
	engine_fixture_reload(&f, CONFIG "unit = b*\n");
	await_heard(&f, &process, "a.service 11, all, old");
	connect_end(&f, "process", 23, &late);
	await_heard(&f, &late, "a.service 11");
	tell_unit(&units, "b1.service", 12);
	tell_units(&units, UNITS_KNOWN);
	await_heard(&f, &late, "a.service 11, b1.service 12, no a.service 0, all");
	link_free(units.link);
	link_free(process.link);
	link_free(late.link);
	engine_fixture_stop(&f);
	engine_fixture_remove(&f);
}

/* More than the engine keeps. */
static void tell_too_many(struct engine_fixture *f, struct role_end *end)
{
	char name[32];

	for (int n = 0; n < 2000 && !end->closed; n++) {
		snprintf(name, sizeof(name), "t@%d.service", n);
		if (tell_unit(end, name, 1) < 0)
			return;
		assert_true(sd_event_run(f->event, 0) >= 0);
	}
}

static void test_refused(void **state)
{
	struct engine_fixture f;
	struct role_end end;
	_cleanup_buf_ struct buf packet = BUF_INIT;

	engine_fixture_make(&f, CONFIG);
	engine_fixture_start(&f);
	for (int i = 0; i < 4; i++) {
		connect_end(&f, i == 0 ? "process" : "units", 30 + i, &end);
		if (i == 0)
			tell_unit(&end, "a.service", 11);
		else if (i == 1)
			tell_units(&end, UNITS_WORDS);
		else if (i == 2) {
			message_begin(&packet, MESSAGE_UNIT);
			message_put_bytes(&packet, "nonsense", 8);
			role_fixture_send(end.link, &packet, -1);
		} else
			tell_too_many(&f, &end);
		engine_fixture_await(&f, end.closed);
		link_free(end.link);
	}
	engine_fixture_stop(&f);
	engine_fixture_remove(&f);
}

static void tell_role(struct engine_fixture *f, const char *role, const char *state)
{
	_cleanup_buf_ struct buf packet = BUF_INIT;
	struct message m;

	message_begin(&packet, MESSAGE_ROLE);
	message_put_string(&packet, role);
	message_put_u64(&packet, *state ? 77 : 0);
	message_put_string(&packet, state);
	message_put_u64(&packet, 0);
	message_put_u64(&packet, 4096);
	message_put_f64(&packet, 0.5);
	assert_int_equal(message_end(&packet), 0);
	assert_int_equal(message_decode(packet.data, packet.data + MESSAGE_HEADER,
				 packet.size - MESSAGE_HEADER, FROM_SUPERVISOR, &m),
		0);
	assert_int_equal(engine_program.told(f->role, &m), 0);
}

/* How many rows of roles the database has. */
static size_t role_rows_stored(const struct engine_fixture *f)
{
	_cleanup_free_ char *path = engine_fixture_database(f);
	struct role_record *roles = NULL;
	struct reader *reader;
	size_t count = 0;

	assert_int_equal(reader_open(path, &reader), 0);
	assert_int_equal(reader_roles(reader, &roles, &count), 0);
	role_list_free(roles, count);
	reader_close(reader);
	return count;
}

static void test_unneeded_role(void **state)
{
	struct engine_fixture f;

	engine_fixture_make(&f, CONFIG);
	engine_fixture_start(&f);
	tell_role(&f, "web", "running");
	tell_role(&f, "units", "running");
	engine_fixture_await(&f, role_rows_stored(&f) == 2);
	/* Also where another engine wrote it. */
	engine_fixture_stop(&f);
	engine_fixture_start(&f);
	assert_int_equal(role_rows_stored(&f), 2);
	tell_role(&f, "web", "running");
	tell_role(&f, "units", "");
	tell_role(&f, "units", "");
	engine_fixture_await(&f, role_rows_stored(&f) == 1);
	tell_role(&f, "units", "starting");
	engine_fixture_await(&f, role_rows_stored(&f) == 2);
	engine_fixture_stop(&f);
	engine_fixture_remove(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_road),
		cmocka_unit_test(test_silent),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_unneeded_role),
	};

	return cmocka_run_group_tests_name("engine units", tests, NULL, NULL);
}
