/* SPDX-License-Identifier: Apache-2.0 */
/* Why systemd stops a unit, as the watch of units finds out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "tests/unit/units-fixture.h"

/* a.service needs others, and is stopped while they are as the case says: MOMENT is when they left. */
struct stop {
	const char *requires, *binds_to;
	struct {
		const char *name, *active, *binds_to;
		usec_t left; /* microseconds ago; 0 for never */
		uint32_t job;
	} others[2];
	const char *ended; /* of whose job that is heard meanwhile */
	const char *denied, *muted, *odd;
	const char *cause;
};

#define GPU	"gpu.service"
#define MIDDLE	"middle.service"
#define JUST	USEC_PER_MSEC
#define BEFORE	(3 * USEC_PER_SEC) /* a.service began */
#define DEVICE	"dev-nvidia0.device"

static const struct stop stops[] = {
	{.cause = ""},
	{.binds_to = GPU, .others = {{GPU, "failed", .left = JUST}}, .cause = "gpu.service failed"},
	{.binds_to = DEVICE,
		.others = {{DEVICE, "inactive", .left = JUST}},
		.cause = "dev-nvidia0.device is gone"},
	{.binds_to = GPU, .others = {{GPU, "inactive", .left = JUST}}, .cause = "gpu.service ended"},
	{.binds_to = GPU, .others = {{GPU, "deactivating", .left = JUST}}, .cause = "gpu.service ended"},
	{.binds_to = GPU, .others = {{GPU, "activating", .left = JUST}}, .cause = "gpu.service ended"},
	/* Asked to stop, too: still to do so, and done already. */
	{.binds_to = GPU, .others = {{GPU, "active", .job = 8}}, .cause = ""},
	{.binds_to = GPU, .others = {{GPU, "deactivating", .left = JUST, .job = 8}}, .cause = ""},
	{.binds_to = GPU, .others = {{GPU, "inactive", .left = JUST}}, .ended = GPU, .cause = ""},
	{.binds_to = GPU, .others = {{GPU, "failed", .left = JUST}}, .ended = GPU, .cause = ""},
	/* That was before. */
	{.binds_to = GPU, .others = {{GPU, "failed", .left = BEFORE}}, .cause = ""},
	{.binds_to = GPU, .others = {{GPU, "active", .left = BEFORE}}, .cause = ""},
	/* What is required only stops nobody. */
	{.requires = GPU, .others = {{GPU, "failed", .left = JUST}}, .cause = ""},
	/* What is needed is bound to something. */
	{.requires = MIDDLE,
		.others = {{MIDDLE, "active", GPU, .job = 8}, {GPU, "failed", .left = JUST}},
		.cause = "gpu.service failed"},
	{.binds_to = MIDDLE,
		.others = {{MIDDLE, "inactive", GPU, .left = JUST}, {GPU, "failed", .left = JUST}},
		.ended = MIDDLE,
		.cause = "gpu.service failed"},
	{.requires = MIDDLE,
		.others = {{MIDDLE, "active", GPU}, {GPU, "failed", .left = JUST}},
		.cause = ""},
	/* In a circle. */
	{.requires = MIDDLE, .others = {{MIDDLE, "active", "a.service", .job = 8}}, .cause = ""},
	/* Nobody says it. */
	{.binds_to = GPU, .others = {{GPU, "failed", .left = JUST}}, .denied = "GetAll", .cause = ""},
	{.binds_to = GPU, .others = {{GPU, "failed", .left = JUST}}, .muted = "GetAll", .cause = ""},
	{.binds_to = GPU, .others = {{GPU, "failed", .left = JUST}}, .odd = "BindsTo", .cause = ""},
};

static void add_others(struct fixture *f, const struct stop *stop, usec_t now)
{
	for (size_t i = 0; i < ELEMENTS(stop->others) && stop->others[i].name; i++) {
		struct fake_unit *u = fake_systemd_add(&f->systemd, stop->others[i].name, 0);

		u->active = stop->others[i].active;
		u->binds_to = stop->others[i].binds_to;
		u->job = stop->others[i].job;
		u->inactive_enter = stop->others[i].left > 0 ? now - stop->others[i].left : 0;
	}
}

/* Its job, why it has that, and its end come in this order, however fast it ends. */
static void test_why_it_stops(void **state)
{
	for (size_t i = 0; i < ELEMENTS(stops); i++) {
		const struct stop *stop = &stops[i];
		struct fake_unit *u, other = {0};
		usec_t now = clock_monotonic();
		struct fixture *f;
		size_t told;

		assert_int_equal(units_fixture_make(state), 0);
		f = *state;
		u = fake_systemd_add(&f->systemd, "a.service", 11);
		u->requires = stop->requires;
		u->binds_to = stop->binds_to;
		u->inactive_exit = now - 2 * USEC_PER_SEC;
		add_others(f, stop, now);
		begin_known(f);
		f->systemd.denied = stop->denied;
		f->systemd.muted = stop->muted;
		f->systemd.odd = stop->odd;
		told = f->count;
		u->job = 7;
		u->job_type = "stop";
		fake_systemd_job_new(&f->systemd, u, FAKE_OWNER);
		if (stop->ended) {
			snprintf(other.name, sizeof(other.name), "%s", stop->ended);
			fake_systemd_job_removed(&f->systemd, &other, 8);
		}
		await(f, f->count > told);
		f->systemd.denied = f->systemd.odd = NULL;
		fake_systemd_job_removed(&f->systemd, u, 7);
		u->job = 0;
		u->main_pid = 0;
		u->active = "inactive";
		u->sub = "dead";
		fake_systemd_changed(&f->systemd, u, FAKE_OWNER);
		await(f, is_sub(f, "a.service", "dead"));
		if (!text_equal(f->told[told].job, "stop") || f->told[told].main_pid != 11 ||
			!text_equal(f->told[told].cause, stop->cause) ||
			!text_equal(last(f, "a.service")->cause, stop->cause))
			fail_msg("case %zu: job '%s', cause '%s'", i, f->told[told].job, f->told[told].cause);
		assert_true(f->known);
		assert_int_equal(units_fixture_remove(state), 0);
	}
}

/* It is over before anybody could be asked: what happened is told in its order all the same. */
static void test_ends_before_the_cause(void **state)
{
	struct fixture *f = *state;
	struct fake_unit *u = fake_systemd_add(&f->systemd, "a.service", 11), *gpu;
	size_t told;

	gpu = fake_systemd_add(&f->systemd, GPU, 0);
	gpu->inactive_enter = clock_monotonic();
	gpu->active = "failed";
	u->binds_to = GPU;
	begin_known(f);
	told = f->count;
	u->job = 7;
	fake_systemd_job_new(&f->systemd, u, FAKE_OWNER);
	u->active = "deactivating";
	fake_systemd_changed(&f->systemd, u, FAKE_OWNER);
	u->active = "inactive";
	u->main_pid = 0;
	fake_systemd_changed(&f->systemd, u, FAKE_OWNER);
	fake_systemd_job_removed(&f->systemd, u, 7);
	u->job = 0;
	await(f, last(f, "a.service")->main_pid == 0 && is_job(f, "a.service", ""));
	assert_string_equal(f->told[told].job, "stop");
	assert_string_equal(f->told[told].cause, "gpu.service failed");
	assert_int_equal(f->told[told].main_pid, 11);
	assert_string_equal(last(f, "a.service")->cause, "gpu.service failed");
	/* Until it begins anew. */
	u->job = 9;
	u->job_type = "start";
	fake_systemd_job_new(&f->systemd, u, FAKE_OWNER);
	await(f, is_job(f, "a.service", "start"));
	assert_string_equal(last(f, "a.service")->cause, "");
}

/* What is not enabled is unloaded as soon as it stopped. */
static void test_unloaded_before_the_cause(void **state)
{
	static const char *const units[] = {"a.service", "t@1.service"};

	for (size_t i = 0; i < ELEMENTS(units); i++) {
		struct fake_unit *u, *gpu;
		struct fixture *f;
		size_t told;

		assert_int_equal(units_fixture_make(state), 0);
		f = *state;
		u = fake_systemd_add(&f->systemd, units[i], 11);
		gpu = fake_systemd_add(&f->systemd, GPU, 0);
		gpu->inactive_enter = clock_monotonic();
		gpu->active = "failed";
		u->binds_to = GPU;
		begin_known(f);
		told = f->count;
		u->job = 7;
		u->job_type = "stop";
		fake_systemd_job_new(&f->systemd, u, FAKE_OWNER);
		fake_systemd_job_removed(&f->systemd, u, 7);
		fake_systemd_unit_removed(&f->systemd, u);
		u->job = 0;
		u->job_type = NULL;
		await(f, last(f, units[i])->main_pid == 0);
		/* That it ended comes before that it is gone, which makes whoever hears that forget it. */
		assert_string_equal(f->told[told + 1].load, "loaded");
		assert_int_equal(f->told[told + 1].main_pid, 0);
		assert_string_equal(f->told[told].cause, "gpu.service failed");
		assert_string_equal(f->told[told].job, "stop");
		assert_int_equal(f->told[told].main_pid, 11);
		assert_string_equal(last(f, units[i])->load, i == 0 ? "loaded" : "");
		/* It begins anew. */
		u->job = 9;
		u->job_type = "start";
		u->main_pid = 12;
		fake_systemd_job_new(&f->systemd, u, FAKE_OWNER);
		await(f, is_job(f, units[i], "start") && last(f, units[i])->main_pid == (i == 0 ? 0 : 12));
		assert_int_equal(units_fixture_remove(state), 0);
	}
}

/* A restart that is a start by the time that it is asked for: its stop is told all the same. */
static void test_quick_restart(void **state)
{
	struct fixture *f = *state;
	struct fake_unit *u = fake_systemd_add(&f->systemd, "a.service", 11);
	size_t told;

	begin_known(f);
	told = f->count;
	u->job = 7;
	u->job_type = "start";
	fake_systemd_job_new(&f->systemd, u, FAKE_OWNER);
	u->active = "deactivating";
	fake_systemd_changed(&f->systemd, u, FAKE_OWNER);
	u->active = "inactive";
	u->main_pid = 0;
	fake_systemd_changed(&f->systemd, u, FAKE_OWNER);
	await(f, last(f, "a.service")->main_pid == 0 && is_job(f, "a.service", "start"));
	assert_string_equal(f->told[told].job, "stop");
	assert_int_equal(f->told[told].main_pid, 11);
}

/* systemd, which is busy, says of its stop only when it is over: that it was one comes first all the same. */
static void test_told_when_it_is_over(void **state)
{
	struct fixture *f = *state;
	struct fake_unit *u = fake_systemd_add(&f->systemd, "a.service", 11);
	size_t told;

	begin_known(f);
	told = f->count;
	u->job = 7;
	u->active = "inactive";
	u->sub = "dead";
	u->main_pid = 0;
	fake_systemd_kind_changed(&f->systemd, u);
	fake_systemd_changed(&f->systemd, u, FAKE_OWNER);
	fake_systemd_job_new(&f->systemd, u, FAKE_OWNER);
	fake_systemd_job_removed(&f->systemd, u, 7);
	u->job = 0;
	fake_systemd_changed(&f->systemd, u, FAKE_OWNER);
	await(f, is_sub(f, "a.service", "dead") && is_job(f, "a.service", ""));
	assert_string_equal(f->told[told].job, "stop");
}

/* What a.service needs is known before it is stopped, and may be otherwise by then. */
static void stop_after(struct fixture *f, struct fake_unit *u)
{
	u->job = 7;
	u->job_type = "stop";
	fake_systemd_job_new(&f->systemd, u, FAKE_OWNER);
	await(f, is_job(f, "a.service", "stop"));
	assert_string_equal(last(f, "a.service")->cause, "gpu.service failed");
}

static struct fake_unit *add_failed_gpu(struct fixture *f)
{
	struct fake_unit *gpu = fake_systemd_add(&f->systemd, GPU, 0);

	gpu->active = "failed";
	gpu->inactive_enter = clock_monotonic();
	return gpu;
}

static void test_needs_something_else_by_now(void **state)
{
	struct fixture *f = *state;
	struct fake_unit *u = fake_systemd_add(&f->systemd, "a.service", 11);

	add_failed_gpu(f);
	begin_known(f);
	/* What was loaded later binds it. */
	u->binds_to = GPU;
	stop_after(f, u);
}

/* It began anew since it was asked. */
static void test_left_before_it_began(void **state)
{
	struct fixture *f = *state;
	struct fake_unit *u = fake_systemd_add(&f->systemd, "a.service", 11);

	add_failed_gpu(f);
	u->binds_to = GPU;
	begin_known(f);
	u->inactive_exit = clock_monotonic();
	fake_systemd_changed(&f->systemd, u, FAKE_OWNER);
	u->job = 7;
	u->job_type = "stop";
	fake_systemd_job_new(&f->systemd, u, FAKE_OWNER);
	await(f, is_job(f, "a.service", "stop"));
	assert_string_equal(last(f, "a.service")->cause, "");
}

/* What it needed before it was loaded anew explains nothing. */
static void test_loaded_anew(void **state)
{
	for (int reloads = 0; reloads < 2; reloads++) {
		struct fixture *f;
		struct fake_unit *u;
		unsigned asked;

		assert_int_equal(units_fixture_make(state), 0);
		f = *state;
		u = fake_systemd_add(&f->systemd, "a.service", 11);
		u->binds_to = GPU;
		add_failed_gpu(f);
		begin_known(f);
		u->binds_to = NULL;
		if (reloads) {
			fake_systemd_reloading(&f->systemd, true);
			fake_systemd_reloading(&f->systemd, false);
			asked = f->systemd.gets_all;
			await(f, f->systemd.gets_all == asked + 2);
		} else {
			fake_systemd_unit_removed(&f->systemd, u);
			await(f, is_sub(f, "a.service", "dead"));
			u->job = 6;
			u->job_type = "start";
			fake_systemd_job_new(&f->systemd, u, FAKE_OWNER);
			fake_systemd_changed(&f->systemd, u, FAKE_OWNER);
			await(f, is_job(f, "a.service", "start") && is_sub(f, "a.service", "running"));
			fake_systemd_job_removed(&f->systemd, u, 6);
			u->job = 0;
			u->job_type = NULL;
			fake_systemd_changed(&f->systemd, u, FAKE_OWNER);
			await(f, is_job(f, "a.service", ""));
		}
		u->job = 7;
		u->job_type = "stop";
		fake_systemd_job_new(&f->systemd, u, FAKE_OWNER);
		await(f, is_job(f, "a.service", "stop"));
		assert_string_equal(last(f, "a.service")->cause, "");
		assert_int_equal(units_fixture_remove(state), 0);
	}
}

#define MANY  250
#define BOUND 100

/* All of them stop, as a target or the host does, faster than systemd answers. */
static void stop_many(struct fixture *f, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		f->systemd.units[i].job = 1000 + (uint32_t) i;
		f->systemd.units[i].job_type = "stop";
		fake_systemd_job_new(&f->systemd, &f->systemd.units[i], FAKE_OWNER);
	}
	for (size_t i = 0; i < count; i++) {
		f->systemd.units[i].active = "inactive";
		f->systemd.units[i].sub = "dead";
		f->systemd.units[i].main_pid = 0;
		fake_systemd_changed(&f->systemd, &f->systemd.units[i], FAKE_OWNER);
	}
}

static void add_many(struct fixture *f, uint32_t count)
{
	char name[64];

	for (uint32_t i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "t@%u.service", i);
		fake_systemd_add(&f->systemd, name, 100 + i);
	}
}

static bool all_told(const struct fixture *f)
{
	for (size_t i = 0; i < BOUND; i++)
		if (!is_job(f, f->systemd.units[i].name, "stop"))
			return false;
	return true;
}

static size_t count_ended(const struct fixture *f, size_t from, size_t *asked)
{
	size_t ended = 0;

	*asked = 0;
	for (size_t i = from; i < f->count; i++) {
		*asked += f->told[i].main_pid > 0 && text_equal(f->told[i].job, "stop");
		ended += f->told[i].main_pid == 0;
	}
	return ended;
}

/* All of them are stopped for one reason, and systemd is late to say anything: it is asked once. */
static void test_many_for_one_reason(void **state)
{
	static const char *const between[] = {NULL, MIDDLE};

	for (size_t i = 0; i < ELEMENTS(between); i++) {
		struct fixture *f;

		assert_int_equal(units_fixture_make(state), 0);
		f = *state;
		add_many(f, BOUND);
		for (size_t j = 0; j < BOUND; j++) {
			f->systemd.units[j].binds_to = between[i] ? NULL : GPU;
			f->systemd.units[j].requires = between[i];
		}
		add_failed_gpu(f);
		if (between[i]) {
			struct fake_unit *middle = fake_systemd_add(&f->systemd, MIDDLE, 5);

			middle->binds_to = GPU;
			middle->job = 8;
		}
		begin_known(f);
		f->systemd.slow = true;
		f->systemd.late = 5 * USEC_PER_MSEC;
		f->systemd.gets_all = 0;
		stop_many(f, BOUND);
		await(f, all_told(f));
		for (size_t j = 0; j < BOUND; j++)
			assert_string_equal(last(f, f->systemd.units[j].name)->cause, "gpu.service failed");
		assert_in_range(f->systemd.gets_all, 1, 4);
		assert_int_equal(units_fixture_remove(state), 0);
	}
}

/* More calls than a bus takes at once: they take turns. */
static void test_many_stops(void **state)
{
	struct fixture *f = *state;
	size_t told, asked;

	add_many(f, MANY);
	begin_known(f);
	f->systemd.slow = true;
	told = f->count;
	stop_many(f, MANY);
	await(f, f->systemd.connections > 1 || count_ended(f, told, &asked) >= MANY);
	assert_int_equal(f->systemd.connections, 1);
	assert_int_equal(asked, MANY);
	assert_true(f->known);
	assert_in_range(f->systemd.most, 4, 100);
	for (size_t i = 0; i < MANY; i++)
		assert_string_equal(last(f, f->systemd.units[i].name)->job, "stop");
}

/* systemd answers one call after the other: what can wait keeps it from nothing. */
static void test_causes_come_first(void **state)
{
	struct fixture *f = *state;
	size_t told, asked;

	add_many(f, MANY);
	begin_known(f);
	f->systemd.muted = "GetAll";
	f->systemd.gets = 0;
	told = f->count;
	stop_many(f, MANY);
	await(f, count_ended(f, told, &asked) > 0);
	assert_int_equal(f->systemd.gets, 0);
}

/* What was given up still waits for its answer. */
static void test_many_without_an_answer(void **state)
{
	struct fixture *f = *state;
	size_t told, asked;

	add_many(f, MANY);
	begin_known(f);
	f->systemd.muted = "GetAll";
	for (int round = 0; round < 10; round++) {
		told = f->count;
		stop_many(f, MANY);
		await(f, f->systemd.connections > 1 || count_ended(f, told, &asked) >= MANY);
		assert_int_equal(f->systemd.connections, 1);
		for (uint32_t i = 0; i < MANY; i++) {
			fake_systemd_job_removed(&f->systemd, &f->systemd.units[i], 1000 + i);
			f->systemd.units[i].job = 0;
			f->systemd.units[i].active = "active";
			f->systemd.units[i].main_pid = 100 + i;
			fake_systemd_changed(&f->systemd, &f->systemd.units[i], FAKE_OWNER);
		}
		await(f, last(f, f->systemd.units[MANY - 1].name)->main_pid > 0);
	}
	assert_in_range(f->systemd.most, 4, 100);
	assert_true(f->known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_why_it_stops),
		TEST(test_ends_before_the_cause),
		cmocka_unit_test(test_unloaded_before_the_cause),
		TEST(test_quick_restart),
		TEST(test_told_when_it_is_over),
		TEST(test_needs_something_else_by_now),
		TEST(test_left_before_it_began),
		cmocka_unit_test(test_loaded_anew),
		cmocka_unit_test(test_many_for_one_reason),
		TEST(test_many_stops),
		TEST(test_causes_come_first),
		TEST(test_many_without_an_answer),
	};

	return cmocka_run_group_tests_name("units-cause", tests, NULL, NULL);
}
