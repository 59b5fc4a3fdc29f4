/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/collector-fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "collectors/process/connector.h"
#include "daemon/base/file.h"
#include "daemon/base/text.h"

#define PATIENCE (60 * USEC_PER_SEC) /* that only a hang takes */

static struct told_series *find_series(struct collector_fixture *f, const char *name)
{
	for (size_t i = 0; i < f->series_count; i++)
		if (text_equal(f->series[i].name, name))
			return &f->series[i];
	return NULL;
}

static int declare(void *userdata, const struct series *series, uint32_t *ret_id)
{
	struct collector_fixture *f = userdata;
	_cleanup_buf_ struct buf name = BUF_INIT;
	const char *service = labels_get(&series->labels, "service");
	struct told_series *again;

	assert_true(series_metric_is_valid(series->metric));
	assert_non_null(service);
	buf_printf(&name, "%s %s", series->metric, service);
	for (size_t i = 0; i < series->labels.count; i++)
		if (!text_equal(series->labels.items[i].name, "service"))
			buf_printf(&name, " %s", series->labels.items[i].value);
	again = find_series(f, name.data);
	if (again) {
		/* The servers of other tests are discovered, too: theirs end, and come back anew. */
		assert_true(again->stale);
		again->any = false;
		*ret_id = (uint32_t) (again - f->series);
		return 0;
	}
	f->series = reallocarray(f->series, f->series_count + 1, sizeof(*f->series));
	assert_non_null(f->series);
	f->series[f->series_count] = (struct told_series){.name = buf_take(&name),
		.counter = text_ends_with(series->metric, "_total")};
	*ret_id = (uint32_t) f->series_count++;
	return 0;
}

static int take_sample(void *userdata, uint32_t id, double value)
{
	struct collector_fixture *f = userdata;
	struct told_series *s;

	assert_true(id < f->series_count);
	s = &f->series[id];
	if (sample_is_stale(value))
		s->stale = true;
	else {
		/* Whatever a test is about, no counter ever falls. */
		if (s->counter && s->any && value < s->value)
			fail_msg("%s fell from %f to %f", s->name, s->value, value);
		s->value = value;
		s->stale = false;
		s->any = true;
	}
	s->count++;
	return 0;
}

static int tick(void *userdata, const char *collector, usec_t now)
{
	struct collector_fixture *f = userdata;

	assert_string_equal(collector, "process");
	f->ticks++;
	return 0;
}

static int take_event(void *userdata, const struct event *event)
{
	struct collector_fixture *f = userdata;
	_cleanup_buf_ struct buf evidence = BUF_INIT;
	struct told_event *e;

	f->events = reallocarray(f->events, f->event_count + 1, sizeof(*f->events));
	assert_non_null(f->events);
	e = &f->events[f->event_count++];
	for (size_t i = 0; i < event->evidence_count; i++) {
		const char *text = event->evidence[i].text;

		assert_true(text_is_utf8(text, strlen(text)));
		buf_printf(&evidence, "%s=%s\n", event->evidence[i].name, text);
	}
	*e = (struct told_event){strdup(event->type), strdup(event->service),
		strdup(event->reason), (pid_t) event->pid, event->start,
		event->stack, strdup(event->command_line), buf_take(&evidence),
		calloc(event->sample_count + 1, sizeof(struct sample)), event->sample_count};
	assert_non_null(e->samples);
	for (size_t i = 0; i < event->sample_count; i++) {
		e->samples[i] = event->samples[i];
		take_sample(f, event->samples[i].series, event->samples[i].value);
	}
	return 0;
}

static int take_fact(void *userdata, const char *topic, const char *subject, const char *key,
	const char *value)
{
	struct collector_fixture *f = userdata;
	char name[256];
	size_t i = 0;

	assert_true(text_is_utf8(value, strlen(value)));
	snprintf(name, sizeof(name), "%s %s %s", topic, subject, key);
	while (i < f->fact_count && !text_equal(f->facts[i].name, name))
		i++;
	if (i == f->fact_count) {
		f->facts = reallocarray(f->facts, ++f->fact_count, sizeof(*f->facts));
		assert_non_null(f->facts);
		f->facts[i] = (struct told_fact){.name = strdup(name)};
	}
	free(f->facts[i].value);
	f->facts[i].value = strdup(value);
	return 0;
}

static bool has_room(void *userdata)
{
	const struct collector_fixture *f = userdata;

	return !f->full;
}

static void failed(void *userdata, int reason)
{
	fail_msg("the collector ends: %s", strerror(-reason));
}

int collector_fixture_open(void **state)
{
	struct collector_fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	*f = (struct collector_fixture){.directory = "/tmp/test-collector-XXXXXX",
		.orphan_wait = USEC_PER_HOUR,
		.user = geteuid(),
		.sink = {declare, take_sample, tick, take_event, take_fact, has_room, failed, f}};
	/* A pipe whose reader is gone is no end of the test. */
	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(f->directory) || sd_event_new(&f->event) < 0)
		return -1;
	snprintf(f->cgroups, sizeof(f->cgroups), "%s/cgroups", f->directory);
	if (mkdir(f->cgroups, 0700) < 0)
		return -1;
	*state = f;
	/* What the kernel kills elsewhere on the host explains nothing here. */
	fixture_oom_kills(f, CGROUP_UNIFIED, 0);
	fixture_oom_kills(f, CGROUP_MEMORY, 0);
	fixture_program(f, "served", "model server");
	return 0;
}

int collector_fixture_open_connected(void **state)
{
	int r = collector_fixture_open(state);

	((struct collector_fixture *) *state)->connector = true;
	return r;
}

static void free_told(struct collector_fixture *f)
{
	for (size_t i = 0; i < f->event_count; i++) {
		free(f->events[i].type);
		free(f->events[i].service);
		free(f->events[i].reason);
		free(f->events[i].command_line);
		free(f->events[i].evidence);
		free(f->events[i].samples);
	}
	for (size_t i = 0; i < f->series_count; i++)
		free(f->series[i].name);
	for (size_t i = 0; i < f->fact_count; i++) {
		free(f->facts[i].name);
		free(f->facts[i].value);
	}
	free(f->events);
	free(f->series);
	free(f->facts);
}

int collector_fixture_close(void **state)
{
	struct collector_fixture *f = *state;
	char command[128];

	for (size_t i = 0; i < f->server_count; i++) {
		struct server *s = &f->servers[i];

		if (s->pid > 0) {
			kill(-s->pid, SIGKILL);
			server_end(s, SIGKILL);
		}
		close_fd(&s->input);
		close_fd(&s->output);
	}
	for (size_t i = 0; i < f->port_count; i++)
		close_fd(&f->ports[i]);
	collector_free(f->collector);
	sd_event_unref(f->event);
	free_told(f);
	snprintf(command, sizeof(command), "rm -r '%s'", f->directory);
	free(f);
	return system(command) == 0 ? 0 : -1;
}

void fixture_program(struct collector_fixture *f, const char *program, const char *name)
{
	const char *build = getenv("top_builddir");
	_cleanup_buf_ struct buf bytes = BUF_INIT;
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];

	if (program[0] == '/')
		snprintf(path, sizeof(path), "%s", program);
	else
		snprintf(path, sizeof(path), "%s/tests/integration/%s", build ? build : ".",
			program);
	assert_int_equal(file_read(path, 64 << 20, &bytes), 0);
	snprintf(f->program, sizeof(f->program), "%s/%s", f->directory, name);
	fd = open(f->program, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, bytes.data, bytes.size), 0);
	f->program_list[0] = f->program;
}

bool fixture_oom_kills(
	struct collector_fixture *f, enum cgroup_hierarchy hierarchy, unsigned kills)
{
	/* Where there are both, the older one is looked at first. */
	static const struct {
		const char *others, *directory, *file;
	} counts[] = {
		[CGROUP_OTHER] = {"*", NULL, NULL},
		[CGROUP_MEMORY] = {"", "/memory", "memory.oom_control"},
		[CGROUP_UNIFIED] = {"memory", "", "memory.events"},
	};
	_cleanup_buf_ struct buf cgroups = BUF_INIT, command = BUF_INIT, directory = BUF_INIT;
	struct cgroup_path path = {0};
	size_t position = 0;

	assert_int_equal(file_read("/proc/self/cgroup", 65536, &cgroups), 0);
	while (hierarchy != CGROUP_OTHER && path.hierarchy != hierarchy)
		if (!proc_cgroup_next(cgroups.data, cgroups.size, &position, &path))
			return false;
	buf_printf(&command, "cd '%s' && rm -rf %s", f->cgroups, counts[hierarchy].others);
	if (hierarchy != CGROUP_OTHER) {
		buf_printf(&directory, "%s%s%.*s", f->cgroups, counts[hierarchy].directory,
			(int) path.size, path.path);
		buf_printf(&command,
			" && mkdir -p '%s' && "
			"printf 'oom_kill_disable 0\\noom 0\\noom_kill %u\\n' >'%s/%s'",
			directory.data, kills, directory.data, counts[hierarchy].file);
	}
	assert_int_equal(system(command.data), 0);
	return true;
}

struct service_match *fixture_service(struct collector_fixture *f, const char *name)
{
	struct service_match *m = &f->matches[f->match_count++];

	assert_true(f->match_count <= MATCHES_MAX);
	*m = (struct service_match){.name = name,
		.expected = true,
		.executables = f->program_list,
		.executable_count = 1,
		.users = &f->user,
		.user_count = 1};
	return m;
}

void fixture_command_line(
	struct collector_fixture *f, struct service_match *m, const char *argument)
{
	snprintf(f->command_line, sizeof(f->command_line), "%s/* %s", f->directory, argument);
	f->command_line_list[0] = f->command_line;
	m->command_lines = f->command_line_list;
	m->command_line_count = 1;
}

void fixture_begin(struct collector_fixture *f, const struct known *known)
{
	const struct known nothing = {0};
	struct collector_options options = {.services = f->matches,
		.service_count = f->match_count,
		.discovery = f->discovery,
		.interval = INTERVAL,
		.cgroups = f->cgroups,
		.orphan_wait = f->orphan_wait,
		.connector = f->obstacle < 0 ? f->obstacle : -ENODATA,
		.exits = -1};

	if (f->events_socket > 0)
		options.connector = f->events_socket;
	if (f->connector) {
		options.connector = connector_open();
		options.exits = connector_open_exits();
		if (options.connector < 0)
			skip();
	}
	assert_int_equal(collector_new(f->event, &f->sink, &options, &f->collector), 0);
	if (f->prepared)
		f->prepared(f);
	assert_int_equal(collector_start(f->collector, known ? known : &nothing), 0);
}

static const int ending_signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM};

/* In the child: its own group, so that all it starts can be ended; cores are allowed. */
static void become(struct collector_fixture *f, const char *const *arguments, const int in[2],
	const int out[2])
{
	const struct rlimit core = {RLIM_INFINITY, RLIM_INFINITY};
	const char *list[16] = {f->program};
	size_t count = 1;

	for (; arguments && arguments[count - 1] && count < ELEMENTS(list) - 1; count++)
		list[count] = arguments[count - 1];
	setpgid(0, 0);
	/* Who runs in the background of a script, or of nohup, ignores some. */
	for (size_t i = 0; i < ELEMENTS(ending_signals); i++)
		signal(ending_signals[i], SIG_DFL);
	if (chdir(f->directory) < 0 || dup2(in[0], 0) < 0 || dup2(out[1], 1) < 0)
		_exit(126);
	setrlimit(RLIMIT_CORE, &core);
	execv(f->program, (char *const *) (uintptr_t) list);
	_exit(127);
}

struct server *fixture_server(struct collector_fixture *f, const char *const *arguments)
{
	struct server *s = &f->servers[f->server_count];
	char line[8];
	int in[2], out[2];

	assert_true(f->server_count < SERVERS_MAX);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (s->pid == 0)
		become(f, arguments, in, out);
	close(in[0]);
	close(out[1]);
	s->input = in[1];
	s->output = out[0];
	f->server_count++;
	assert_int_equal(read(s->output, line, 6), 6);
	assert_memory_equal(line, "ready\n", 6);
	return s;
}

/* A socket that is bound, but does not listen, keeps the port from everybody but who wants to share it:
 * the kernel gives it to nobody who asks for any port. */
uint16_t free_port(struct collector_fixture *f)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0 && f->port_count < PORTS_MAX);
	f->ports[f->port_count++] = fd;
	assert_int_equal(bind(fd, (struct sockaddr *) &address, length), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *) &address, &length), 0);
	return ntohs(address.sin_port);
}

struct server *server_of_weights(
	struct collector_fixture *f, uint16_t port, const char *weights)
{
	const char *arguments[] = {"--port", NULL, "-m", weights, NULL};
	char text[8];

	snprintf(text, sizeof(text), "%u", port);
	arguments[1] = text;
	return fixture_server(f, arguments);
}

struct server *listening_server(struct collector_fixture *f, uint16_t port)
{
	return server_of_weights(f, port, "/srv/models/x.gguf");
}

void server_say(struct server *s, const char *line)
{
	assert_int_equal(write(s->input, line, strlen(line)), (ssize_t) strlen(line));
}

pid_t server_hear(struct server *s)
{
	char text[16] = "";

	for (size_t i = 0; i < sizeof(text) - 1 && read(s->output, text + i, 1) == 1; i++)
		if (text[i] == '\n')
			break;
	return (pid_t) atoi(text);
}

int server_end(struct server *s, int signal)
{
	int status = 0;

	if (signal > 0)
		kill(s->pid, signal);
	assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
	s->pid = 0;
	return status;
}

uint64_t server_start_ticks(pid_t pid)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct proc_stat stat;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	assert_int_equal(file_read(path, 4096, &text), 0);
	assert_int_equal(proc_stat_parse(text.data, text.size, &stat), 0);
	return stat.start;
}

/* One turn of the loop, which nothing may end. */
static void turn(struct collector_fixture *f, usec_t begin)
{
	assert_true(sd_event_run(f->event, USEC_PER_SEC) >= 0);
	assert_int_not_equal(sd_event_get_state(f->event), SD_EVENT_FINISHED);
	assert_true(usec_since(clock_monotonic(), begin) < PATIENCE);
}

static bool is_event(const struct told_event *e, const char *type, const char *service)
{
	return text_equal(e->type, type) && (!service || text_equal(e->service, service));
}

size_t fixture_events(struct collector_fixture *f, const char *type, const char *service)
{
	size_t count = 0;

	for (size_t i = 0; i < f->event_count; i++)
		count += is_event(&f->events[i], type, service);
	return count;
}

const struct told_event *fixture_await(
	struct collector_fixture *f, const char *type, const char *service, size_t count)
{
	usec_t begin = clock_monotonic();
	const struct told_event *last = NULL;

	while (fixture_events(f, type, service) < count)
		turn(f, begin);
	for (size_t i = 0; i < f->event_count; i++)
		if (is_event(&f->events[i], type, service))
			last = &f->events[i];
	return last;
}

struct server *fixture_running(struct collector_fixture *f)
{
	struct server *s = fixture_server(f, NULL);

	fixture_service(f, "llama");
	fixture_begin(f, NULL);
	fixture_await(f, STARTED, "llama", 1);
	return s;
}

void fixture_ticks(struct collector_fixture *f, unsigned count)
{
	usec_t begin = clock_monotonic();
	unsigned until = f->ticks + count;

	while (f->ticks < until)
		turn(f, begin);
}

void fixture_await_value(struct collector_fixture *f, const char *series, double value)
{
	usec_t begin = clock_monotonic();

	while (fixture_series(f, series)->stale || fixture_series(f, series)->value != value ||
		!fixture_series(f, series)->any)
		turn(f, begin);
}

void fixture_await_fact(struct collector_fixture *f, const char *name, const char *value)
{
	usec_t begin = clock_monotonic();

	while (!text_equal(fixture_fact(f, name), value))
		turn(f, begin);
}

const struct told_series *fixture_series(struct collector_fixture *f, const char *name)
{
	static const struct told_series none = {.value = -1};
	const struct told_series *s = find_series(f, name);

	return s ? s : &none;
}

bool event_has(struct collector_fixture *f, const struct told_event *e, const char *series)
{
	for (size_t i = 0; i < e->sample_count; i++)
		if (text_equal(f->series[e->samples[i].series].name, series))
			return true;
	return false;
}

double event_value(struct collector_fixture *f, const struct told_event *e, const char *series)
{
	for (size_t i = 0; i < e->sample_count; i++)
		if (text_equal(f->series[e->samples[i].series].name, series))
			return e->samples[i].value;
	return NAN;
}

const char *fixture_fact(struct collector_fixture *f, const char *name)
{
	for (size_t i = 0; i < f->fact_count; i++)
		if (text_equal(f->facts[i].name, name))
			return f->facts[i].value;
	return "";
}
