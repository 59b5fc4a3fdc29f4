/* SPDX-License-Identifier: Apache-2.0 */
/* The units role as it runs, sandbox and all, with this test as its supervisor, its engine, and systemd. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "daemon/config/model.h"
#include "schema/unit.h"
#include "tests/unit/fake-systemd.h"
#include "tests/unit/role-fixture.h"

#define DEADLINE (20 * USEC_PER_SEC)

#define await(f, condition) role_fixture_await((f)->role.event, DEADLINE, condition)

struct fixture {
	struct role_fixture role;
	struct fake_systemd systemd;
	unsigned units, known, lost;
	int64_t main_pid; /* of the unit told last */
	char state[32]; /* what `doctor` is told of systemd, */
	char missing[64]; /* and of which unit that there is none */
};

static void take_fact(struct fixture *f, struct message *m)
{
	const char *topic = message_string(m), *subject = message_string(m);
	const char *key = message_string(m), *value = message_string(m);

	assert_string_equal(topic, "doctor");
	if (!text_equal(key, "state"))
		return;
	if (text_equal(subject, "systemd"))
		snprintf(f->state, sizeof(f->state), "%s", value);
	else
		snprintf(f->missing, sizeof(f->missing), "%s", *value ? subject : "");
}

static int on_message(struct link *l, struct message *m, void *userdata)
{
	struct fixture *f = userdata;
	struct unit_state u;
	const void *bytes;
	size_t size;

	switch (m->type) {
	case MESSAGE_UNIT:
		bytes = message_bytes(m, &size);
		assert_int_equal(unit_state_read(bytes, size, &u), 0);
		f->main_pid = u.main_pid;
		f->units++;
		unit_state_done(&u);
		return 0;
	case MESSAGE_UNITS:
		*(message_u64(m) == 1 ? &f->known : &f->lost) += 1;
		return 0;
	case MESSAGE_FACT:
		take_fact(f, m);
		return 0;
	default:
		return -EBADMSG;
	}
}

static const struct link_ops engine_ops = {on_message, role_fixture_closed};

static void begin(struct fixture *f, const char *unit)
{
	_cleanup_config_ struct config *c = config_new(FOR_ALL);
	struct section *s;
	struct number number;

	assert_int_equal(
		config_add_section(c, SECTION_SERVICE, "llama", &(struct place){0}, &s), 0);
	assert_int_equal(config_parse(OPTION_SERVICE_UNIT, unit, &number), 0);
	assert_int_equal(
		section_put(c, s, OPTION_SERVICE_UNIT, unit, &number, &(struct place){0}), 0);
	*f = (struct fixture){0};
	role_fixture_make(&f->role);
	fake_systemd_make(&f->systemd, f->role.event);
	setenv("DBUS_SYSTEM_BUS_ADDRESS", f->systemd.address, 1);
	role_fixture_start(&f->role, "units");
	role_fixture_configure(&f->role, c, FOR_UNITS, DEADLINE);
	role_fixture_connect(&f->role, FROM_UNITS, &engine_ops, f);
}

static void end(struct fixture *f)
{
	role_fixture_stop(&f->role);
	fake_systemd_remove(&f->systemd);
	role_fixture_remove(&f->role);
}

static void test_without_a_bus(void **state)
{
	struct fixture f;

	begin(&f, "a");
	await(&f, f.lost > 0 && *f.state);
	assert_string_equal(f.state, "missing");
	assert_int_equal(f.units, 0);
	/* It comes. */
	fake_systemd_add(&f.systemd, "a.service", 11);
	fake_systemd_serve(&f.systemd);
	await(&f, f.known > 0 && text_equal(f.state, "ok"));
	assert_int_equal(f.main_pid, 11);
	/* It goes. */
	fake_systemd_leave(&f.systemd);
	await(&f, !text_equal(f.state, "ok"));
	assert_true(text_equal(f.state, "missing") || text_equal(f.state, "failing"));
	end(&f);
}

static void test_another_engine(void **state)
{
	struct fixture f;

	begin(&f, "nothere.service");
	fake_systemd_serve(&f.systemd);
	await(&f, f.known > 0 && text_equal(f.state, "ok") && *f.missing);
	assert_string_equal(f.missing, "unit nothere.service");
	f.known = f.units = 0;
	f.missing[0] = f.state[0] = '\0';
	role_fixture_connect(&f.role, FROM_UNITS, &engine_ops, &f);
	await(&f, f.known > 0 && text_equal(f.state, "ok") && *f.missing);
	assert_int_equal(f.units, 1);
	assert_int_equal(f.systemd.connections, 1);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_a_bus),
		cmocka_unit_test(test_another_engine),
	};

	return cmocka_run_group_tests_name("units role", tests, NULL, NULL);
}
