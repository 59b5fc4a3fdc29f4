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
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include <cmocka.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "daemon/config/model.h"
#include "schema/unit.h"
#include "tests/unit/fake-systemd.h"
#include "tests/unit/role-fixture.h"

#define DEADLINE (20 * USEC_PER_SEC)

#define INSTALL "Start dbus.service; install dbus where it is missing."

#define await(f, condition) role_fixture_await((f)->role.event, DEADLINE, condition)

struct fixture {
	struct role_fixture role;
	struct fake_systemd systemd;
	unsigned units, known, lost, silent;
	int64_t main_pid; /* of the unit told last */
	char state[32], text[320], remedy[192], since[64]; /* what `doctor` is told of systemd, */
	char missing[64]; /* and of which unit that there is none */
};

static void take_systemd(struct fixture *f, const char *key, const char *value)
{
	const struct {
		const char *key;
		char *text;
		size_t size;
	} places[] = {
		{"state", f->state, sizeof(f->state)},
		{"text", f->text, sizeof(f->text)},
		{"remedy", f->remedy, sizeof(f->remedy)},
		{"since", f->since, sizeof(f->since)},
	};

	for (size_t i = 0; i < ELEMENTS(places); i++)
		if (text_equal(places[i].key, key)) {
			snprintf(places[i].text, places[i].size, "%s", value);
			return;
		}
	fail_msg("systemd has no %s", key);
}

static void take_fact(struct fixture *f, struct message *m)
{
	const char *topic = message_string(m), *subject = message_string(m);
	const char *key = message_string(m), *value = message_string(m);

	assert_string_equal(topic, "doctor");
	if (text_equal(subject, "systemd")) {
		take_systemd(f, key, value);
		return;
	}
	if (text_equal(key, "state"))
		snprintf(f->missing, sizeof(f->missing), "%s", *value ? subject : "");
}

static int take_word(struct fixture *f, uint64_t word)
{
	f->known += word == UNITS_KNOWN;
	f->lost += word == UNITS_UNTOLD;
	f->silent += word == UNITS_SILENT;
	return word < UNITS_WORDS ? 0 : -EBADMSG;
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
		return take_word(f, message_u64(m));
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

/* True once that is told: WHY, and what helps where systemd runs; elsewhere nothing but to do without. */
static bool is_told(const struct fixture *f, const char *why, const char *remedy)
{
	_cleanup_free_ char *text = NULL;

	assert_true(asprintf(&text,
			    "systemd cannot be asked since %s: %s. Services with 'unit' are watched as far as"
			    " they were known: a stop on purpose looks like a failure, and a start that fails"
			    " is not seen.",
			    f->since, why) > 0);
	if (!text_equal(f->state, "missing") || !text_equal(f->text, text))
		return false;
	return sd_booted() > 0 ? text_equal(f->remedy, remedy)
			       : text_after(f->remedy, "On a host without systemd find") != NULL;
}

static void test_without_a_bus(void **state)
{
	struct fixture f;

	begin(&f, "a");
	await(&f, f.silent > 0 && *f.since);
	assert_true(is_told(&f, "there is no system bus", INSTALL));
	assert_int_equal(f.units, 0);
	/* It comes. */
	fake_systemd_add(&f.systemd, "a.service", 11);
	fake_systemd_serve(&f.systemd);
	await(&f, f.known > 0 && text_equal(f.state, "ok") && !*f.since);
	assert_int_equal(f.main_pid, 11);
	/* It goes. */
	fake_systemd_leave(&f.systemd);
	await(&f, !text_equal(f.state, "ok") && *f.since);
	assert_true(text_equal(f.state, "missing") || text_equal(f.state, "failing"));
	end(&f);
}

/* A bus that ends loses its names first. The last reason is told, but the time when it all began. */
static void test_the_bus_ends(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char since[64];
	struct fixture f;

	begin(&f, "a");
	fake_systemd_serve(&f.systemd);
	await(&f, f.known > 0 && text_equal(f.state, "ok") && !*f.since);
	f.lost = f.silent = 0; /* it may have been looked for before it was there */
	fake_systemd_owner(&f.systemd, NULL);
	await(&f, is_told(&f, "systemd is not on the system bus",
			  "Let systemd connect to it anew: kill -USR1 1"));
	/* Where systemd runs it is there in a moment, most likely: a bus that begins has no systemd yet. */
	assert_int_equal(f.lost, sd_booted() > 0);
	assert_int_equal(f.silent, sd_booted() <= 0);
	memcpy(since, f.since, sizeof(since));
	fake_systemd_leave(&f.systemd);
	await(&f, is_told(&f, "there is no system bus", INSTALL));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", f.systemd.path);
	assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
	await(&f, is_told(&f, "nobody serves the system bus", "Start dbus.service."));
	assert_string_equal(f.since, since);
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
		cmocka_unit_test(test_the_bus_ends),
		cmocka_unit_test(test_another_engine),
	};

	return cmocka_run_group_tests_name("units role", tests, NULL, NULL);
}
