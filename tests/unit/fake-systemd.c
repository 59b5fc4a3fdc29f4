/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "tests/unit/fake-systemd.h"

#define MANAGER "org.freedesktop.systemd1.Manager"
#define MANAGER_PATH "/org/freedesktop/systemd1"

#define sure(expression) assert_true((expression) >= 0)

static void path_of(const struct fake_unit *u, char path[static 1024])
{
	_cleanup_free_ char *encoded = NULL;

	sure(sd_bus_path_encode(MANAGER_PATH "/unit", u->name, &encoded));
	snprintf(path, 1024, "%s", encoded);
}

static void job_path(const struct fake_unit *u, char path[static 64])
{
	snprintf(path, 64, u->job > 0 ? MANAGER_PATH "/job/%u" : "/", u->job);
}

static struct fake_unit *find(struct fake_systemd *f, const char *path)
{
	for (size_t i = 0; i < f->count; i++) {
		char own[1024], job[64];

		path_of(&f->units[i], own);
		job_path(&f->units[i], job);
		if (text_equal(own, path) || text_equal(job, path) ||
			text_equal(f->units[i].name, path) ||
			(f->units[i].alias && text_equal(f->units[i].alias, path)))
			return &f->units[i];
	}
	return NULL;
}

static void put(struct fake_systemd *f, sd_bus_message *m, const char *name, const char *type, ...)
{
	va_list arguments;

	sure(sd_bus_message_open_container(m, 'e', "sv"));
	sure(sd_bus_message_append(m, "s", name));
	if (f->odd && text_equal(f->odd, name)) {
		sure(sd_bus_message_append(m, "v", "t", UINT64_MAX));
	} else {
		va_start(arguments, type);
		sure(sd_bus_message_open_container(m, 'v', type));
		sure(sd_bus_message_appendv(m, type, arguments));
		sure(sd_bus_message_close_container(m));
		va_end(arguments);
	}
	sure(sd_bus_message_close_container(m));
}

/* One call gives the properties of both interfaces. */
static void put_properties(struct fake_systemd *f, sd_bus_message *m, const struct fake_unit *u)
{
	char path[64];

	job_path(u, path);
	sure(sd_bus_message_open_container(m, 'a', "{sv}"));
	put(f, m, "Description", "s", "not looked at");
	put(f, m, "Id", "s", u->name);
	put(f, m, "LoadState", "s", u->load);
	put(f, m, "ActiveState", "s", u->active);
	put(f, m, "SubState", "s", u->sub);
	put(f, m, "UnitFileState", "s", u->file);
	put(f, m, "Result", "s", u->result);
	put(f, m, "ControlGroup", "s", u->cgroup);
	put(f, m, "MainPID", "u", u->main_pid);
	put(f, m, "ExecMainCode", "i", 1);
	put(f, m, "ExecMainStatus", "i", 3);
	put(f, m, "NRestarts", "u", 2);
	put(f, m, "Job", "(uo)", u->job, path);
	put(f, m, "InactiveExitTimestampMonotonic", "t", u->inactive_exit);
	put(f, m, "ActiveExitTimestampMonotonic", "t", u->active_exit);
	put(f, m, "InactiveEnterTimestampMonotonic", "t", u->inactive_enter);
	put(f, m, "Requires", "as", u->requires ? 2 : 1, "-.mount", u->requires);
	put(f, m, "BindsTo", "as", u->binds_to ? 1 : 0, u->binds_to);
	sure(sd_bus_message_close_container(m));
}

static void put_list(struct fake_systemd *f, sd_bus_message *m)
{
	sure(sd_bus_message_open_container(m, 'a', "(ssssssouso)"));
	for (size_t i = 0; i < f->count; i++) {
		const struct fake_unit *u = &f->units[i];
		char path[1024];

		path_of(u, path);
		if (!u->unloaded)
			sure(sd_bus_message_append(m, "(ssssssouso)", u->name, "", u->load,
				u->active, u->sub, "", path, 0, "", "/"));
	}
	sure(sd_bus_message_close_container(m));
}

static void put_jobs(struct fake_systemd *f, sd_bus_message *m)
{
	sure(sd_bus_message_open_container(m, 'a', "(usssoo)"));
	for (size_t i = 0; i < f->count; i++) {
		const struct fake_unit *u = &f->units[i];
		char path[1024], job[64];

		path_of(u, path);
		job_path(u, job);
		if (u->job > 0 && u->job_type)
			sure(sd_bus_message_append(
				m, "(usssoo)", u->job, u->name, u->job_type, "waiting", job, path));
	}
	sure(sd_bus_message_close_container(m));
}

/* Fills in the answer; a negative errno is the answer instead. */
static int answer(struct fake_systemd *f, const char *member, sd_bus_message *call, sd_bus_message *m)
{
	const char *text = "", *property = "";
	char path[1024];
	struct fake_unit *u = find(f, sd_bus_message_get_path(call));

	if (f->denied && text_equal(f->denied, member))
		return -EACCES;
	if (sd_bus_message_has_signature(call, "s"))
		sure(sd_bus_message_read(call, "s", &text));
	if (text_equal(member, "Hello")) {
		sure(sd_bus_message_append(m, "s", ":1.42"));
	} else if (text_equal(member, "AddMatch")) {
		f->matches++;
	} else if (text_equal(member, "GetNameOwner")) {
		if (!f->owner)
			return -ENXIO;
		sure(sd_bus_message_append(m, "s", f->owner));
	} else if (text_equal(member, "Subscribe")) {
		f->subscribed++;
	} else if (text_equal(member, "LoadUnit")) {
		u = find(f, text);
		f->loads++;
		if (!u)
			return -ENOENT;
		path_of(u, path);
		sure(sd_bus_message_append(m, "o", path));
	} else if (text_equal(member, "ListUnitsByPatterns")) {
		f->lists++;
		put_list(f, m);
	} else if (text_equal(member, "ListJobs")) {
		put_jobs(f, m);
	} else if (text_equal(member, "GetAll") && u) {
		f->gets_all++;
		put_properties(f, m, u);
	} else if (text_equal(member, "Get") && u) {
		f->gets++;
		sure(sd_bus_message_read(call, "ss", &text, &property));
		if (text_equal(property, "JobType") && !u->job_type)
			return -ENOENT;
		sure(sd_bus_message_append(
			m, "v", "s", text_equal(property, "JobType") ? u->job_type : u->cgroup));
	} else if (!text_equal(member, "RemoveMatch"))
		return -ENOENT;
	return 0;
}

static void reply_to(struct fake_systemd *f, sd_bus_message *call)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	int r;

	sure(sd_bus_message_new_method_return(call, &reply));
	r = answer(f, sd_bus_message_get_member(call), call, reply);
	if (r == -ENXIO)
		sure(sd_bus_reply_method_errorf(call, SD_BUS_ERROR_NAME_HAS_NO_OWNER, "nobody"));
	else if (r == -ENOENT)
		sure(sd_bus_reply_method_errorf(call, SD_BUS_ERROR_UNKNOWN_OBJECT, "no such thing"));
	else if (r == -EACCES)
		sure(sd_bus_reply_method_errorf(call, SD_BUS_ERROR_ACCESS_DENIED, "denied"));
	else
		sure(sd_bus_send(f->bus, reply, NULL));
}

static void answer_later(struct fake_systemd *f)
{
	sure(sd_event_source_set_time_relative(f->answering, f->late));
	sure(sd_event_source_set_enabled(f->answering, SD_EVENT_ONESHOT));
}

/* Those that came first, one at a time. */
static int on_idle(sd_event_source *source, uint64_t now, void *userdata)
{
	struct fake_systemd *f = userdata;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = f->calls[0];

	f->waiting--;
	f->queued--;
	memmove(f->calls, f->calls + 1, f->queued * sizeof(*f->calls));
	reply_to(f, call);
	if (f->queued > 0)
		answer_later(f);
	return 0;
}

static void answer_slowly(struct fake_systemd *f, sd_bus_message *call)
{
	if (!f->answering) {
		sure(sd_event_add_time_relative(f->event, &f->answering, CLOCK_MONOTONIC, 0, 1, on_idle, f));
		sure(sd_event_source_set_priority(f->answering, SD_EVENT_PRIORITY_IDLE));
	}
	if (f->queued == 0)
		answer_later(f);
	f->calls[f->queued++] = sd_bus_message_ref(call);
}

static int on_call(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct fake_systemd *f = userdata;
	bool muted = f->muted && text_equal(f->muted, sd_bus_message_get_member(call));

	if (!sd_bus_message_is_method_call(call, NULL, NULL))
		return 0;
	if (text_equal(sd_bus_message_get_destination(call), "org.freedesktop.DBus") ||
		(!f->slow && !muted)) {
		reply_to(f, call);
		return 1;
	}
	f->most = f->waiting + 1 > f->most ? f->waiting + 1 : f->most;
	if (f->waiting == FAKE_WAITING) {
		sure(sd_bus_reply_method_errorf(call, SD_BUS_ERROR_LIMITS_EXCEEDED, "too many"));
		return 1;
	}
	f->waiting++;
	if (!muted)
		answer_slowly(f, call);
	return 1;
}

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct fake_systemd *f = userdata;
	int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	sd_id128_t id;

	sure(connection);
	f->bus = sd_bus_close_unref(f->bus);
	f->connections++;
	sure(sd_id128_randomize(&id));
	sure(sd_bus_new(&f->bus));
	sure(sd_bus_set_fd(f->bus, connection, connection));
	sure(sd_bus_set_server(f->bus, true, id));
	sure(sd_bus_add_filter(f->bus, NULL, on_call, f));
	sure(sd_bus_start(f->bus));
	sure(sd_bus_attach_event(f->bus, f->event, 0));
	return 0;
}

void fake_systemd_make(struct fake_systemd *f, sd_event *event)
{
	*f = (struct fake_systemd){.event = event, .directory = "/tmp/test-units-XXXXXX",
		.owner = FAKE_OWNER, .listener = -1};
	assert_non_null(mkdtemp(f->directory));
	snprintf(f->path, sizeof(f->path), "%s/bus", f->directory);
	snprintf(f->address, sizeof(f->address), "unix:path=%s", f->path);
}

void fake_systemd_serve(struct fake_systemd *f)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", f->path);
	f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	sure(f->listener);
	sure(bind(f->listener, (struct sockaddr *) &address, sizeof(address)));
	sure(listen(f->listener, 1));
	sure(sd_event_add_io(f->event, &f->accepting, f->listener, EPOLLIN, on_connection, f));
}

void fake_systemd_leave(struct fake_systemd *f)
{
	while (f->queued > 0)
		sd_bus_message_unref(f->calls[--f->queued]);
	f->waiting = 0;
	f->answering = sd_event_source_disable_unref(f->answering);
	f->bus = sd_bus_close_unref(f->bus);
	f->accepting = sd_event_source_disable_unref(f->accepting);
	close_fd(&f->listener);
	unlink(f->path);
}

void fake_systemd_remove(struct fake_systemd *f)
{
	fake_systemd_leave(f);
	rmdir(f->directory);
}

struct fake_unit *fake_systemd_add(struct fake_systemd *f, const char *name, uint32_t main_pid)
{
	struct fake_unit *u = &f->units[f->count++];

	assert_true(f->count <= FAKE_UNITS_MAX);
	*u = (struct fake_unit){.load = "loaded", .active = main_pid > 0 ? "active" : "inactive",
		.sub = main_pid > 0 ? "running" : "dead", .file = "enabled", .result = "success",
		.cgroup = main_pid > 0 ? "/system.slice/a.service" : "", .main_pid = main_pid};
	snprintf(u->name, sizeof(u->name), "%s", name);
	return u;
}

static sd_bus_message *signal_of(struct fake_systemd *f, const char *sender, const char *path,
	const char *interface, const char *member)
{
	sd_bus_message *m;

	sure(sd_bus_message_new_signal(f->bus, &m, path, interface, member));
	sure(sd_bus_message_set_sender(m, sender));
	return m;
}

static void emit(struct fake_systemd *f, sd_bus_message *m)
{
	sure(sd_bus_send(f->bus, m, NULL));
	sd_bus_message_unref(m);
}

void fake_systemd_changed(struct fake_systemd *f, const struct fake_unit *u, const char *sender)
{
	sd_bus_message *m;
	char path[1024];

	path_of(u, path);
	m = signal_of(f, sender, path, "org.freedesktop.DBus.Properties", "PropertiesChanged");
	sure(sd_bus_message_append(m, "s", "org.freedesktop.systemd1.Unit"));
	put_properties(f, m, u);
	sure(sd_bus_message_append(m, "as", 0));
	emit(f, m);
}

void fake_systemd_kind_changed(struct fake_systemd *f, const struct fake_unit *u)
{
	sd_bus_message *m;
	char path[1024];

	path_of(u, path);
	m = signal_of(f, FAKE_OWNER, path, "org.freedesktop.DBus.Properties", "PropertiesChanged");
	sure(sd_bus_message_append(m, "s", "org.freedesktop.systemd1.Service"));
	sure(sd_bus_message_open_container(m, 'a', "{sv}"));
	put(f, m, "MainPID", "u", u->main_pid);
	put(f, m, "Result", "s", u->result);
	sure(sd_bus_message_close_container(m));
	sure(sd_bus_message_append(m, "as", 0));
	emit(f, m);
}

void fake_systemd_job_new(struct fake_systemd *f, const struct fake_unit *u, const char *sender)
{
	sd_bus_message *m = signal_of(f, sender, MANAGER_PATH, MANAGER, "JobNew");
	char path[64];

	job_path(u, path);
	sure(sd_bus_message_append(m, "uos", u->job, path, u->name));
	emit(f, m);
}

void fake_systemd_job_removed(struct fake_systemd *f, const struct fake_unit *u, uint32_t job)
{
	sd_bus_message *m = signal_of(f, FAKE_OWNER, MANAGER_PATH, MANAGER, "JobRemoved");

	sure(sd_bus_message_append(m, "uoss", job, "/job", u->name, "done"));
	emit(f, m);
}

void fake_systemd_unit_removed(struct fake_systemd *f, const struct fake_unit *u)
{
	sd_bus_message *m = signal_of(f, FAKE_OWNER, MANAGER_PATH, MANAGER, "UnitRemoved");
	char path[1024];

	path_of(u, path);
	sure(sd_bus_message_append(m, "so", u->name, path));
	emit(f, m);
}

void fake_systemd_reloading(struct fake_systemd *f, bool active)
{
	sd_bus_message *m = signal_of(f, FAKE_OWNER, MANAGER_PATH, MANAGER, "Reloading");

	sure(sd_bus_message_append(m, "b", active));
	emit(f, m);
}

void fake_systemd_owner(struct fake_systemd *f, const char *owner)
{
	sd_bus_message *m = signal_of(f, "org.freedesktop.DBus", "/org/freedesktop/DBus",
		"org.freedesktop.DBus", "NameOwnerChanged");

	sure(sd_bus_message_append(m, "sss", "org.freedesktop.systemd1", f->owner ? f->owner : "",
		owner ? owner : ""));
	f->owner = owner;
	emit(f, m);
}
