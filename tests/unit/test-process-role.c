/* SPDX-License-Identifier: Apache-2.0 */
/* The process role as it runs, sandbox and all, with this test as its supervisor and its engine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "daemon/config/model.h"
#include "schema/known.h"
#include "schema/unit.h"
#include "tests/unit/role-fixture.h"

#define DEADLINE (20 * USEC_PER_SEC)
#define TRIES	 5

struct end {
	struct role_fixture role;
	bool began;    /* it said what it saw */
	char unit[64]; /* as told last of the service: of which units it is */
};

static void take_fact(struct end *end, struct message *m)
{
	const char *topic = message_string(m), *subject = message_string(m);
	const char *key = message_string(m), *value = message_string(m);

	if (text_equal(topic, "service") && text_equal(subject, "llama") && text_equal(key, "unit"))
		snprintf(end->unit, sizeof(end->unit), "%s", value);
}

static int on_message(struct link *l, struct message *m, void *userdata)
{
	struct end *end = userdata;

	end->began |= m->type == MESSAGE_SAMPLES;
	if (m->type == MESSAGE_FACT)
		take_fact(end, m);
	return 0;
}

static const struct link_ops ops = {on_message, role_fixture_closed};

static void tell(struct end *end, enum units_word word)
{
	_cleanup_buf_ struct buf packet = BUF_INIT;

	message_begin(&packet, MESSAGE_UNITS);
	message_put_u64(&packet, word);
	role_fixture_send(end->role.engine, &packet, -1);
}

static void tell_unit(struct end *end, const char *name)
{
	_cleanup_buf_ struct buf packet = BUF_INIT, state = BUF_INIT;
	char loaded[] = "loaded", active[] = "active", none[] = "";
	const struct unit_state u = {.name = (char *) (uintptr_t) name,
		.load = loaded,
		.active = active,
		.sub = none,
		.file = none,
		.result = none,
		.job = none,
		.cgroup = none,
		.cause = none};

	unit_state_write(&u, &state);
	message_begin(&packet, MESSAGE_UNIT);
	message_put_bytes(&packet, state.data, state.size);
	role_fixture_send(end->role.engine, &packet, -1);
}

/* An engine that knows nothing. */
static void connect_engine(struct end *end)
{
	_cleanup_buf_ struct buf packet = BUF_INIT, bytes = BUF_INIT;
	const struct known nothing = {0};

	role_fixture_connect(&end->role, FROM_COLLECTOR, &ops, end);
	known_write(&nothing, &bytes);
	message_begin(&packet, MESSAGE_KNOWN);
	message_put_bytes(&packet, bytes.data, bytes.size);
	role_fixture_send(end->role.engine, &packet, -1);
}

/* A role that knows what it may go on from, and WORD of units. */
static void begin(struct end *end, sd_event *event, const struct config *c, enum units_word word)
{
	*end = (struct end){0};
	role_fixture_make(&end->role);
	sd_event_unref(end->role.event);
	end->role.event = sd_event_ref(event);
	role_fixture_start(&end->role, "process");
	role_fixture_configure(&end->role, c, FOR_PROCESS, DEADLINE);
	connect_engine(end);
	tell(end, word);
}

static void end(struct end *end)
{
	role_fixture_stop(&end->role);
	role_fixture_remove(&end->role);
}

static struct config *config_with_unit(const char *unit)
{
	struct config *c = config_new(FOR_ALL);
	struct number number;
	struct section *s;

	assert_non_null(c);
	assert_int_equal(
		config_add_section(c, SECTION_SERVICE, "llama", &(struct place){0}, &s), 0);
	assert_int_equal(config_parse(OPTION_SERVICE_UNIT, unit, &number), 0);
	assert_int_equal(section_put(c, s, OPTION_SERVICE_UNIT, unit, &number, &(struct place){0}), 0);
	return c;
}

/* True where two that are told so begin, one after the other, before one that nobody told anything, although
 * that came first. All begin in the end. */
static bool overtake(enum units_word word)
{
	_cleanup_config_ struct config *c = config_with_unit("a");
	struct end first, other;
	sd_event *event;
	bool overtook;

	assert_int_equal(sd_event_new(&event), 0);
	begin(&first, event, c, UNITS_UNTOLD);
	for (int i = 0; i < 2; i++) {
		begin(&other, event, c, word);
		role_fixture_await(event, DEADLINE, other.began);
		end(&other);
	}
	overtook = !first.began;
	role_fixture_await(event, DEADLINE, first.began);
	end(&first);
	sd_event_unref(event);
	return overtook;
}

/* What systemd says is waited for, but not where nobody can ask it. */
static void test_waits_for_units(void **state)
{
	static const enum units_word words[] = {UNITS_KNOWN, UNITS_SILENT};

	for (size_t i = 0; i < ELEMENTS(words); i++) {
		bool overtook = false;

		/* On a host that is very slow the first may begin before the others are there. */
		for (int try = 0; try < TRIES && !overtook; try++)
			overtook = overtake(words[i]);
		assert_true(overtook);
	}
}

/* The engine dies, systemd forgets a unit, and the next engine is told of those that there are. */
static void test_unit_gone_while_no_engine(void **state)
{
	_cleanup_config_ struct config *c = config_with_unit("t@*");
	struct end e;
	sd_event *event;

	assert_int_equal(sd_event_new(&event), 0);
	begin(&e, event, c, UNITS_UNTOLD);
	tell_unit(&e, "t@a.service");
	tell_unit(&e, "t@b.service");
	tell(&e, UNITS_KNOWN);
	role_fixture_await(event, DEADLINE, text_equal(e.unit, "t@a.service, t@b.service"));
	*e.unit = '\0';
	connect_engine(&e);
	tell_unit(&e, "t@b.service");
	role_fixture_await(event, DEADLINE, text_equal(e.unit, "t@a.service, t@b.service"));
	tell(&e, UNITS_KNOWN);
	role_fixture_await(event, DEADLINE, text_equal(e.unit, "t@b.service"));
	end(&e);
	sd_event_unref(event);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waits_for_units),
		cmocka_unit_test(test_unit_gone_while_no_engine),
	};

	return cmocka_run_group_tests_name("process role", tests, NULL, NULL);
}
