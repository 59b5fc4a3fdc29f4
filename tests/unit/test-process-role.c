/* SPDX-License-Identifier: Apache-2.0 */
/* The process role as it runs, sandbox and all, with this test as its supervisor and its engine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/base/cleanup.h"
#include "daemon/config/model.h"
#include "schema/known.h"
#include "schema/unit.h"
#include "tests/unit/role-fixture.h"

#define DEADLINE (20 * USEC_PER_SEC)
#define TRIES	 5

struct end {
	struct role_fixture role;
	bool began; /* it said what it saw */
};

static int on_message(struct link *l, struct message *m, void *userdata)
{
	struct end *end = userdata;

	end->began |= m->type == MESSAGE_SAMPLES;
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

/* A role that knows what it may go on from, and WORD of units. */
static void begin(struct end *end, sd_event *event, const struct config *c, enum units_word word)
{
	_cleanup_buf_ struct buf packet = BUF_INIT, bytes = BUF_INIT;
	const struct known nothing = {0};

	*end = (struct end){0};
	role_fixture_make(&end->role);
	sd_event_unref(end->role.event);
	end->role.event = sd_event_ref(event);
	role_fixture_start(&end->role, "process");
	role_fixture_configure(&end->role, c, FOR_PROCESS, DEADLINE);
	role_fixture_connect(&end->role, FROM_COLLECTOR, &ops, end);
	known_write(&nothing, &bytes);
	message_begin(&packet, MESSAGE_KNOWN);
	message_put_bytes(&packet, bytes.data, bytes.size);
	role_fixture_send(end->role.engine, &packet, -1);
	tell(end, word);
}

static void end(struct end *end)
{
	role_fixture_stop(&end->role);
	role_fixture_remove(&end->role);
}

static struct config *config_with_unit(void)
{
	struct config *c = config_new(FOR_ALL);
	struct number number;
	struct section *s;

	assert_non_null(c);
	assert_int_equal(
		config_add_section(c, SECTION_SERVICE, "llama", &(struct place){0}, &s), 0);
	assert_int_equal(config_parse(OPTION_SERVICE_UNIT, "a", &number), 0);
	assert_int_equal(section_put(c, s, OPTION_SERVICE_UNIT, "a", &number, &(struct place){0}), 0);
	return c;
}

/* True where two that are told so begin, one after the other, before one that nobody told anything, although
 * that came first. All begin in the end. */
static bool overtake(enum units_word word)
{
	_cleanup_config_ struct config *c = config_with_unit();
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waits_for_units),
	};

	return cmocka_run_group_tests_name("process role", tests, NULL, NULL);
}
