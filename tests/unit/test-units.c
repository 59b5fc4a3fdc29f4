/* SPDX-License-Identifier: Apache-2.0 */
/* The watch of units, before a bus and a systemd that this test plays. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "collectors/units/decide.h"
#include "daemon/base/cleanup.h"
#include "daemon/base/clock.h"
#include "daemon/base/text.h"
#include "tests/unit/units-fixture.h"

static void test_what_is_there(void **state)
{
	struct fixture *f = *state;
	const struct unit_state *u;

	fake_systemd_add(&f->systemd, "a.service", 11);
	fake_systemd_add(&f->systemd, "t@1.service", 12);
	fake_systemd_add(&f->systemd, "other.service", 13);
	begin_known(f);
	/* b.service, which there is not, too. */
	assert_int_equal(f->count, 3);
	u = last(f, "a.service");
	assert_string_equal(u->load, "loaded");
	assert_string_equal(u->active, "active");
	assert_string_equal(u->sub, "running");
	assert_string_equal(u->file, "enabled");
	assert_string_equal(u->result, "success");
	assert_string_equal(u->job, "");
	assert_string_equal(u->cgroup, "/system.slice/a.service");
	assert_int_equal(u->main_pid, 11);
	assert_int_equal(u->exit_code, 1);
	assert_int_equal(u->exit_status, 3);
	assert_int_equal(u->restarts, 2);
	assert_int_equal(last(f, "t@1.service")->main_pid, 12);
	assert_string_equal(last(f, "b.service")->load, "not-found");
	assert_null(last(f, "other.service"));
	assert_int_equal(f->systemd.subscribed, 1);
}

/* An alias is told under the name that was asked for. */
static void test_alias(void **state)
{
	struct fixture *f = *state;
	struct fake_unit *u = fake_systemd_add(&f->systemd, "real.service", 11);

	u->alias = "a.service";
	begin_known(f);
	assert_int_equal(last(f, "a.service")->main_pid, 11);
	assert_null(last(f, "real.service"));
	u->job = 7;
	u->job_type = "stop";
	fake_systemd_job_new(&f->systemd, u, FAKE_OWNER);
	await(f, is_job(f, "a.service", "stop"));
}

static void test_changes(void **state)
{
	struct fixture *f = *state;
	struct fake_unit *u = fake_systemd_add(&f->systemd, "a.service", 11);

	begin_known(f);
	/* Anybody may send us a signal. */
	u->sub = "forged";
	fake_systemd_changed(&f->systemd, u, ":1.7");
	u->sub = "failed";
	u->active = "failed";
	u->result = "exit-code";
	u->main_pid = 0;
	u->cgroup = "";
	fake_systemd_changed(&f->systemd, u, FAKE_OWNER);
	await(f, is_sub(f, "a.service", "failed") && !*last(f, "a.service")->cgroup);
	assert_string_equal(last(f, "a.service")->result, "exit-code");
	assert_int_equal(last(f, "a.service")->main_pid, 0);
	for (size_t i = 0; i < f->count; i++)
		assert_string_not_equal(f->told[i].sub, "forged");
}

static void test_jobs(void **state)
{
	struct fixture *f = *state;
	struct fake_unit *u = fake_systemd_add(&f->systemd, "a.service", 11);

	begin_known(f);
	u->job = 7;
	u->job_type = "restart";
	fake_systemd_job_new(&f->systemd, u, ":1.7");
	u->job_type = "stop";
	fake_systemd_job_new(&f->systemd, u, FAKE_OWNER);
	await(f, is_job(f, "a.service", "stop"));
	/* The end of another job is not that of this one. */
	fake_systemd_job_removed(&f->systemd, u, 6);
	fake_systemd_job_removed(&f->systemd, u, 7);
	await(f, is_job(f, "a.service", ""));
}

/* Done before its type could be asked for: what it did says what it was. */
static void test_quick_stop(void **state)
{
	struct fixture *f = *state;
	struct fake_unit *u = fake_systemd_add(&f->systemd, "a.service", 11);

	begin_known(f);
	u->job = 7;
	u->active = "deactivating";
	u->sub = "stop-sigterm";
	fake_systemd_job_new(&f->systemd, u, FAKE_OWNER);
	fake_systemd_changed(&f->systemd, u, FAKE_OWNER);
	await(f, is_job(f, "a.service", "stop"));
	u->active = "inactive";
	u->sub = "dead";
	fake_systemd_changed(&f->systemd, u, FAKE_OWNER);
	await(f, is_sub(f, "a.service", "dead"));
	assert_string_equal(last(f, "a.service")->job, "stop");
}

/* Restart= is nobody's wish that the service be down. */
static void test_own_restart(void **state)
{
	struct fixture *f = *state;
	struct fake_unit *u = fake_systemd_add(&f->systemd, "a.service", 11);

	begin_known(f);
	u->active = "activating";
	u->sub = "auto-restart";
	u->main_pid = 0;
	fake_systemd_changed(&f->systemd, u, FAKE_OWNER);
	u->job = 7;
	u->job_type = "restart";
	fake_systemd_job_new(&f->systemd, u, FAKE_OWNER);
	u->active = "active";
	u->sub = "running";
	u->main_pid = 12;
	fake_systemd_changed(&f->systemd, u, FAKE_OWNER);
	await(f, is_sub(f, "a.service", "running") && last(f, "a.service")->main_pid == 12);
	for (size_t i = 0; i < f->count; i++)
		assert_string_equal(f->told[i].job, "");
}

static void test_instance(void **state)
{
	struct fixture *f = *state;
	struct fake_unit *u, *scope;

	begin_known(f);
	u = fake_systemd_add(&f->systemd, "t@2.service", 21);
	scope = fake_systemd_add(&f->systemd, "run-x.scope", 0);
	u->job = 7;
	u->job_type = "start";
	fake_systemd_job_new(&f->systemd, u, FAKE_OWNER);
	fake_systemd_job_new(&f->systemd, scope, FAKE_OWNER);
	await(f, last(f, "t@2.service") && last(f, "run-x.scope"));
	assert_int_equal(last(f, "t@2.service")->main_pid, 21);
	/* Its own signals come, too. */
	u->sub = "exited";
	fake_systemd_changed(&f->systemd, u, FAKE_OWNER);
	await(f, is_sub(f, "t@2.service", "exited"));
	fake_systemd_unit_removed(&f->systemd, u);
	await(f, !*last(f, "t@2.service")->load);
	assert_string_equal(last(f, "t@2.service")->active, "inactive");
	assert_int_equal(last(f, "t@2.service")->main_pid, 0);
}

/* Asking for a unit that is not loaded loads it, and unloads it again, and so on. */
static void test_named_and_unloaded(void **state)
{
	struct fixture *f = *state;
	struct fake_unit *u = fake_systemd_add(&f->systemd, "a.service", 11);
	unsigned loads;

	begin_known(f);
	loads = f->systemd.loads;
	fake_systemd_unit_removed(&f->systemd, u);
	await(f, is_sub(f, "a.service", "dead"));
	assert_string_equal(last(f, "a.service")->load, "loaded");
	assert_int_equal(f->systemd.loads, loads);
	fake_systemd_changed(&f->systemd, u, FAKE_OWNER);
	await(f, is_sub(f, "a.service", "running"));
	assert_int_equal(f->systemd.loads, loads);
}

static void test_reload(void **state)
{
	struct fixture *f = *state;
	struct fake_unit *a = fake_systemd_add(&f->systemd, "a.service", 11);
	struct fake_unit *t = fake_systemd_add(&f->systemd, "t@1.service", 12);

	begin_known(f);
	fake_systemd_reloading(&f->systemd, true);
	fake_systemd_unit_removed(&f->systemd, a);
	fake_systemd_unit_removed(&f->systemd, t);
	t->unloaded = true;
	a->file = "disabled";
	fake_systemd_add(&f->systemd, "b.service", 13);
	fake_systemd_add(&f->systemd, "t@3.service", 14);
	fake_systemd_reloading(&f->systemd, false);
	await(f, last(f, "t@3.service") && !*last(f, "t@1.service")->load);
	assert_string_equal(last(f, "a.service")->file, "disabled");
	assert_int_equal(last(f, "b.service")->main_pid, 13);
	for (size_t i = 0; i < f->count; i++)
		if (text_equal(f->told[i].name, "a.service"))
			assert_string_equal(f->told[i].active, "active");
	assert_int_equal(f->turns, 1);
}

static void test_bus_goes_and_comes(void **state)
{
	struct fixture *f = *state;
	struct fake_unit *u = fake_systemd_add(&f->systemd, "a.service", 11);

	fake_systemd_add(&f->systemd, "t@1.service", 12)->unloaded = false;
	begin_known(f);
	fake_systemd_leave(&f->systemd);
	await(f, !f->known);
	assert_int_equal(f->why, -ECONNRESET);
	u->main_pid = 15;
	f->systemd.units[1].unloaded = true;
	fake_systemd_serve(&f->systemd);
	await(f, f->known);
	assert_int_equal(last(f, "a.service")->main_pid, 15);
	assert_string_equal(last(f, "t@1.service")->load, "");
	assert_int_equal(f->systemd.connections, 2);
}

static void test_no_bus(void **state)
{
	struct fixture *f = *state;

	f->known = true; /* what is said at first is that it is not so */
	begin(f);
	await(f, !f->known);
	assert_int_equal(f->why, -ENOENT);
	assert_int_equal(f->count, 0);
	fake_systemd_serve(&f->systemd);
	await(f, f->known);
}

static void test_systemd_goes_and_comes(void **state)
{
	struct fixture *f = *state;

	fake_systemd_add(&f->systemd, "a.service", 11);
	begin_known(f);
	fake_systemd_owner(&f->systemd, NULL);
	await(f, !f->known);
	assert_int_equal(f->why, -EHOSTUNREACH);
	f->systemd.units[0].main_pid = 16;
	fake_systemd_owner(&f->systemd, ":1.9");
	await(f, f->known);
	assert_int_equal(last(f, "a.service")->main_pid, 16);
	/* Whoever was systemd is nobody now. */
	f->systemd.units[0].sub = "forged";
	fake_systemd_changed(&f->systemd, &f->systemd.units[0], FAKE_OWNER);
	f->systemd.units[0].sub = "exited";
	fake_systemd_changed(&f->systemd, &f->systemd.units[0], ":1.9");
	await(f, is_sub(f, "a.service", "exited"));
	for (size_t i = 0; i < f->count; i++)
		assert_string_not_equal(f->told[i].sub, "forged");
	assert_int_equal(f->systemd.connections, 1);
}

static void test_nonsense(void **state)
{
	static char long_word[UNIT_WORD_MAX + 2], long_path[UNIT_PATH_MAX + 2];
	static const char *const odd[] = {"MainPID", "Job", "SubState", "NRestarts", "ExecMainCode"};
	struct fixture *f = *state;
	struct fake_unit *u = fake_systemd_add(&f->systemd, "a.service", 11);

	memset(long_word, 'w', sizeof(long_word) - 1);
	memset(long_path, '/', sizeof(long_path) - 1);
	f->known = true;
	f->systemd.odd = odd[0];
	fake_systemd_serve(&f->systemd);
	begin(f);
	await(f, !f->known);
	assert_int_equal(f->why, -EBADMSG);
	f->systemd.odd = NULL;
	await(f, f->known);
	for (size_t i = 0; i < ELEMENTS(odd) + 3; i++) {
		const struct fake_unit before = *u;

		f->systemd.odd = i < ELEMENTS(odd) ? odd[i] : NULL;
		if (i == ELEMENTS(odd))
			u->sub = long_word;
		else if (i == ELEMENTS(odd) + 1)
			u->cgroup = long_path;
		else if (i == ELEMENTS(odd) + 2)
			u->main_pid = UINT32_MAX;
		fake_systemd_changed(&f->systemd, u, FAKE_OWNER);
		await(f, !f->known);
		assert_int_equal(f->why, -EBADMSG);
		f->systemd.odd = NULL;
		*u = before;
		await(f, f->known);
	}
	assert_int_equal(last(f, "a.service")->main_pid, 11);
}

static void test_denied(void **state)
{
	struct fixture *f = *state;

	f->known = true;
	f->systemd.denied = "LoadUnit";
	fake_systemd_serve(&f->systemd);
	begin(f);
	await(f, !f->known);
	assert_int_equal(f->why, -EACCES);
	f->systemd.denied = NULL;
	await(f, f->known);
}

static void add_many(struct fixture *f, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char name[64];

		snprintf(name, sizeof(name), "t@%zu.service", i);
		fake_systemd_add(&f->systemd, name, 100);
	}
}

/* As many as are watched, with a bus that takes few calls at once. */
static void test_many(void **state)
{
	struct fixture *f = *state;
	char name[64];

	add_many(f, UNITS_MAX + 10);
	begin_known(f);
	/* The two that are named are among them. */
	assert_int_equal(f->count, UNITS_MAX);
	snprintf(name, sizeof(name), "t@%d.service", UNITS_MAX - 2);
	assert_string_equal(f->crowded, name);
	units_repeat(f->units);
	assert_int_equal(f->count, 2 * UNITS_MAX);
}

/* There is room again: all are watched, and nobody is told of too many any more. */
static void test_fewer(void **state)
{
	struct fixture *f = *state;
	struct fake_unit *u;

	add_many(f, UNITS_MAX + 10);
	begin_known(f);
	assert_string_not_equal(f->crowded, "");
	for (size_t i = 0; i < 20; i++) {
		u = &f->systemd.units[i];
		u->unloaded = true;
		fake_systemd_unit_removed(&f->systemd, u);
	}
	await(f, !*f->crowded);
	for (size_t i = 20; i < UNITS_MAX + 10; i++)
		assert_non_null(last(f, f->systemd.units[i].name));
}

/* The units that are there are others than those that were: there is room for them once those are gone. */
static void test_others(void **state)
{
	struct fixture *f = *state;

	add_many(f, UNITS_MAX - 2);
	begin_known(f);
	fake_systemd_reloading(&f->systemd, true);
	for (size_t i = 0; i < 20; i++)
		f->systemd.units[i].unloaded = true;
	for (size_t i = 0; i < 20; i++) {
		char name[64];

		snprintf(name, sizeof(name), "t@other%zu.service", i);
		fake_systemd_add(&f->systemd, name, 100);
	}
	fake_systemd_reloading(&f->systemd, false);
	await(f, last(f, "t@other19.service"));
	for (size_t i = 0; i < 20; i++)
		assert_non_null(last(f, f->systemd.units[UNITS_MAX - 2 + i].name));
	assert_string_equal(f->crowded, "");
	assert_int_equal(f->turns_crowded, 0);
}

/* What is unloaded after the bus was lost, and before it was asked for again. */
static void test_unloaded_before_it_is_asked(void **state)
{
	struct fixture *f = *state;
	struct fake_unit *u = fake_systemd_add(&f->systemd, "t@1.service", 12);

	begin_known(f);
	fake_systemd_leave(&f->systemd);
	await(f, !f->known);
	f->systemd.muted = "GetAll";
	fake_systemd_serve(&f->systemd);
	await(f, f->systemd.waiting >= 2);
	fake_systemd_unit_removed(&f->systemd, u);
	await(f, !*last(f, "t@1.service")->load);
}

/* A name may be an alias of what a glob means, too. */
static void test_alias_of_an_instance(void **state)
{
	struct fixture *f = *state;
	struct fake_unit *u = fake_systemd_add(&f->systemd, "t@1.service", 0);

	u->alias = "a.service";
	u->unloaded = true;
	begin_known(f);
	assert_null(last(f, "t@1.service"));
	u->job = 7;
	u->job_type = "start";
	u->main_pid = 11;
	fake_systemd_job_new(&f->systemd, u, FAKE_OWNER);
	await(f, last(f, "t@1.service") && is_job(f, "a.service", "start"));
	assert_int_equal(last(f, "t@1.service")->main_pid, 11);
}

static bool is_asked(const char *id)
{
	return units_are_asked(units_fixture_names, ELEMENTS(units_fixture_names), id);
}

static void test_decisions(void **state)
{
	static const struct {
		const char *type, *active, *job;
		bool ran;
	} jobs[] = {
		{"", "active", "", .ran = true},
		{"", "deactivating", "stop"},
		{"", "inactive", "stop", .ran = true},
		{"", "failed", "stop", .ran = true},
		{"", "inactive", ""},
		{"", "failed", ""},
		{"start", "deactivating", "start"},
		{"restart", "active", "restart"},
		{"start", "inactive", "start", .ran = true},
	};
	static const usec_t waits[] = {250, 500, 1000, 2000, 4000, 8000, 10000, 10000};

	for (size_t i = 0; i < ELEMENTS(jobs); i++)
		assert_string_equal(units_job(jobs[i].type, jobs[i].ran, jobs[i].active), jobs[i].job);
	for (unsigned i = 0; i < ELEMENTS(waits); i++)
		assert_int_equal(units_backoff(i), waits[i] * USEC_PER_MSEC);
	assert_int_equal(units_backoff(UINT32_MAX), 10 * USEC_PER_SEC);
	assert_true(units_restart_themselves("auto-restart"));
	assert_true(units_restart_themselves("auto-restart-queued"));
	assert_false(units_restart_themselves("running"));
	assert_true(is_asked("t@x.service"));
	assert_false(is_asked("a.service"));
	assert_false(is_asked("other.service"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_is_there),
		TEST(test_alias),
		TEST(test_changes),
		TEST(test_jobs),
		TEST(test_quick_stop),
		TEST(test_own_restart),
		TEST(test_instance),
		TEST(test_named_and_unloaded),
		TEST(test_reload),
		TEST(test_bus_goes_and_comes),
		TEST(test_no_bus),
		TEST(test_systemd_goes_and_comes),
		TEST(test_nonsense),
		TEST(test_denied),
		TEST(test_many),
		TEST(test_fewer),
		TEST(test_others),
		TEST(test_unloaded_before_it_is_asked),
		TEST(test_alias_of_an_instance),
		cmocka_unit_test(test_decisions),
	};

	return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}
