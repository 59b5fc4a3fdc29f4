/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collectors/process/container.h"
#include "collectors/process/container_names.h"
#include "daemon/base/cleanup.h"
#include "tests/unit/collector-fixture.h"

#define ID    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

/* The container of the group: "ID@PARENT" or "NAME in PARENT". */
static void check_container(const char *path, const char *expected)
{
	_cleanup_buf_ struct buf found = BUF_INIT;
	struct container c;

	if (container_of_group(path, strlen(path), &c))
		buf_printf(&found, "%s%s%.*s", c.name, c.has_id ? "@" : " in ", (int) c.parent_size,
			c.parent);
	assert_string_equal(found.data ? found.data : "", expected);
}

static void test_groups(void **state)
{
	static const char *const cases[][2] = {
		{"/system.slice/docker-" ID ".scope", ID "@/system.slice/"},
		{"/docker/" ID, ID "@/docker/"},
		{"/docker/" ID "/docker/" OTHER, ID "@/docker/"},
		{"/machine.slice/libpod-" ID ".scope/container", ID "@/machine.slice/"},
		{"/libpod_parent/libpod-" ID, ID "@/libpod_parent/"},
		{"/system.slice/llama.service/libpod-payload-" ID, ID "@/system.slice/llama.service/"},
		{"/kubepods.slice/kubepods-pod1.slice/cri-containerd-" ID ".scope",
			ID "@/kubepods.slice/kubepods-pod1.slice/"},
		{"/kubepods.slice/crio-" ID ".scope", ID "@/kubepods.slice/"},
		{"/kubepods/burstable/pod1/" ID, ID "@/kubepods/burstable/pod1/"},
		{"/system.slice/nerdctl-" ID ".scope", ID "@/system.slice/"},
		{"/machine.slice/machine-web\\x2d1.scope/payload", "web-1 in /machine.slice/"},
		{"/machine.slice/systemd-nspawn@llama.service/payload", "llama in /machine.slice/"},
		{"/lxc.payload.llama/system.slice", "llama in /"},
		{"/lxc/llama", "llama in /lxc/"},
		{"/lxc/llama/ns", "llama in /lxc/"},
		/* What only looks like one. */
		{"/", ""},
		{"", ""},
		{"/lxc", ""},
		{"/lxc/", ""},
		{"/xlxc/llama", ""},
		{"/machine.slice/libpod-conmon-" ID ".scope", ""},
		{"/lxc.monitor.llama", ""},
		{"/system.slice/docker.service", ""},
		{"/system.slice/docker-" ID ".scope2", ""},
		{"/docker/" ID "0", ""},
		{"/docker/0123456789ab", ""},
		{"/docker/0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", ""},
		{"/machine.slice/machine-.scope", ""},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++)
		check_container(cases[i][0], cases[i][1]);
}

/* A name that no manager takes is none. */
static void test_long_name(void **state)
{
	char path[2 * CONTAINER_NAME_MAX];

	snprintf(path, sizeof(path), "/lxc/%0*d", CONTAINER_NAME_MAX, 0);
	check_container(path, "");
}

static void test_id(void **state)
{
	assert_true(container_is_id("0123456789ab"));
	assert_true(container_is_id(ID));
	assert_false(container_is_id("0123456789a"));
	assert_false(container_is_id(ID "0"));
	assert_false(container_is_id("0123456789aB"));
	assert_false(container_is_id("llama-server"));
	assert_false(container_is_id(""));
}

static void test_monitor(void **state)
{
	static const struct {
		const char *name; /* NULL for none */
		const char *arguments[8];
	} cases[] = {
		{"llama", {"/usr/bin/conmon", "--api-version", "1", "-c", ID, "-n", "llama"}},
		{"llama", {"conmon", "--name", "llama", "--cid", ID}},
		{NULL, {"/usr/bin/conmon", "-c", OTHER, "-n", "llama"}},
		{NULL, {"/usr/bin/conmon", "-n", "llama"}},
		{NULL, {"/usr/bin/conmon", "-c", ID}},
		{NULL, {"/usr/bin/conmon", "-c", ID, "-n"}},
		/* A value is no option. */
		{NULL, {"/usr/bin/conmon", "-n", "-c", ID}},
		{NULL, {"xconmon", "-c", ID, "-n", "llama"}},
		{NULL, {NULL}},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		const char *name;
		size_t count = 0;

		while (cases[i].arguments[count])
			count++;
		name = container_monitored(cases[i].arguments, count, ID);
		if (!name != !cases[i].name)
			fail_msg("case %zu", i);
		if (name)
			assert_string_equal(name, cases[i].name);
	}
}

/* Of a service of that user; of none in particular where that is -1. */
static bool matches_of(
	struct collector_fixture *f, int user, const char *given, const char *group)
{
	const uid_t users[] = {(uid_t) user};
	const struct service_match m = {.name = "llama", .users = users, .user_count = user >= 0};
	_cleanup_buf_ struct buf cgroups = BUF_INIT;

	buf_printf(&cgroups, "1:name=systemd:/x\n0::%s\n", group);
	return container_names_match(f->collector, &m, given, cgroups.data, cgroups.size);
}

static bool matches(struct collector_fixture *f, const char *given, const char *group)
{
	return matches_of(f, -1, given, group);
}

/* Whoever has groups of his own names them as he likes. */
static void test_forged(void **state)
{
	static const char joes[] = "/user.slice/user-1000.slice/user@1000.service/machine-llama.scope";
	struct collector_fixture *f = *state;

	fixture_begin(f, NULL);
	assert_false(matches(f, "llama", joes));
	assert_false(matches_of(f, 1001, "llama", joes));
	assert_false(matches_of(f, 0, "llama", joes));
	assert_true(matches_of(f, 1000, "llama", joes));
	assert_false(matches_of(f, 0, "llama", "/user.slice/user-4294967296.slice/machine-llama.scope"));
	assert_true(matches_of(f, 1000, "llama", "/machine.slice/machine-llama.scope"));
	assert_true(matches(f, "llama", "/user.slice/machine-llama.scope"));
	/* Another container's, which it made of its own. */
	assert_false(matches(f, "llama", "/docker/" ID "/machine-llama.scope"));
	assert_false(matches(f, "fedcba987654", "/docker/" ID "/docker/" OTHER));
}

static void test_given(void **state)
{
	struct collector_fixture *f = *state;

	fixture_begin(f, NULL);
	assert_true(matches(f, ID, "/docker/" ID));
	assert_true(matches(f, "0123456789ab", "/docker/" ID));
	assert_false(matches(f, "fedcba987654", "/docker/" ID));
	assert_false(matches(f, "0123456789", "/docker/" ID));
	assert_true(matches(f, "llama", "/lxc.payload.llama"));
	assert_false(matches(f, "llam", "/lxc.payload.llama"));
	/* A name that could be an id. */
	assert_true(matches(f, "0123456789ab", "/lxc.payload.0123456789ab"));
	assert_false(matches(f, "0123456789ab", "/lxc.payload.0123456789abc"));
	assert_false(matches(f, "llama", "/docker/" ID));
}

static void put_in_group(struct collector_fixture *f, pid_t pid, const char *group)
{
	_cleanup_buf_ struct buf command = BUF_INIT;

	buf_printf(&command, "mkdir -p '%s%s' && echo %d >>'%s%s/cgroup.procs'", f->cgroups, group,
		pid, f->cgroups, group);
	assert_int_equal(system(command.data), 0);
}

/* Podman's name of a container is told by the one that watches over it, as long as that is beside it. */
static void test_names(void **state)
{
	struct collector_fixture *f = *state;
	static const char *const arguments[] = {"-c", ID, "-n", "llama", NULL};
	struct server *s;

	fixture_program(f, "served", "conmon");
	s = fixture_server(f, arguments);
	fixture_begin(f, NULL);
	assert_false(matches(f, "llama", "/machine.slice/libpod-" ID ".scope"));
	put_in_group(f, s->pid, "/user.slice/libpod-conmon-" ID ".scope");
	put_in_group(f, s->pid, "/machine.slice/libpod-conmon-" OTHER ".scope");
	assert_false(matches(f, "llama", "/machine.slice/libpod-" ID ".scope"));
	put_in_group(f, s->pid, "/machine.slice/libpod-conmon-" ID ".scope");
	assert_true(matches(f, "llama", "/machine.slice/libpod-" ID ".scope/container"));
	assert_false(matches(f, "other", "/machine.slice/libpod-" ID ".scope"));
	assert_false(matches(f, "llama", "/machine.slice/libpod-" OTHER ".scope"));
	/* It is known from then on. */
	server_end(s, SIGKILL);
	assert_true(matches(f, "llama", "/machine.slice/libpod-" ID ".scope"));
}

/* ...in the group of the unit that started it, and of Podman's own. */
static void test_other_groups(void **state)
{
	static const char *const groups[] = {"/llama.service/supervisor", "/libpod_parent/conmon"};
	static const char *const contained[] = {"/llama.service/libpod-payload-", "/libpod_parent/libpod-"};
	struct collector_fixture *f = *state;

	fixture_program(f, "served", "conmon");
	fixture_begin(f, NULL);
	for (size_t i = 0; i < ELEMENTS(groups); i++) {
		_cleanup_buf_ struct buf group = BUF_INIT;
		const char *const arguments[] = {"-c", i == 0 ? ID : OTHER, "-n", "llama", NULL};

		put_in_group(f, fixture_server(f, arguments)->pid, groups[i]);
		buf_printf(&group, "%s%s", contained[i], arguments[1]);
		assert_true(matches(f, "llama", group.data));
	}
}

/* A name that nobody is seen to have may be one of Docker's. */
static void test_absent_name(void **state)
{
	static const char *const given[] = {"llama"};
	static const char check[] = "doctor service llama state";
	struct collector_fixture *f = *state;
	struct service_match *m = fixture_service(f, "llama");
	struct server *s;

	m->containers = given;
	m->container_count = 1;
	fixture_begin(f, NULL);
	fixture_await(f, MISSING, "llama", 1);
	fixture_await_fact(f, check, "limited");
	/* It is found by other means after all. */
	m->container_count = 0;
	s = fixture_server(f, NULL);
	assert_int_equal(fixture_await(f, STARTED, "llama", 1)->pid, s->pid);
	assert_string_equal(fixture_fact(f, check), "");
}

/* Of an id there is no doubt. */
static void test_absent_id(void **state)
{
	static const char *const given[] = {"llama", "0123456789ab"};
	struct collector_fixture *f = *state;
	struct service_match *m = fixture_service(f, "llama");

	m->containers = given;
	m->container_count = 2;
	fixture_begin(f, NULL);
	fixture_await(f, MISSING, "llama", 1);
	fixture_ticks(f, 2);
	assert_string_equal(fixture_fact(f, "doctor service llama state"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_long_name),
		cmocka_unit_test(test_id),
		cmocka_unit_test(test_monitor),
		WITHOUT(test_given),
		WITHOUT(test_forged),
		WITHOUT(test_names),
		WITHOUT(test_other_groups),
		WITHOUT(test_absent_name),
		WITHOUT(test_absent_id),
	};

	return cmocka_run_group_tests_name("container", tests, NULL, NULL);
}
