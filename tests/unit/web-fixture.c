/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "daemon/config/model.h"
#include "tests/unit/web-fixture.h"

#define TEXT(literal) ((char[]){literal})

static void acknowledge(struct fixture *f)
{
	struct incident i;

	assert_int_equal(reader_incident(store_reader(f->store), 17, &i), 0);
	i.acknowledged_ms = i.opened_ms + 1;
	free(i.acknowledged_by);
	i.acknowledged_by = strdup("mara");
	assert_int_equal(store_begin(f->store), 0);
	assert_int_equal(store_put_incident(f->store, &i), 0);
	assert_int_equal(store_commit(f->store), 0);
	incident_done(&i);
}

static int on_command(struct link *l, struct message *m, void *userdata)
{
	struct fixture *f = userdata;
	_cleanup_buf_ struct buf packet = BUF_INIT;
	uint64_t number = message_u64(m);
	const char *verb = message_string(m), *argument = message_string(m);
	const char *body = f->status == 200 ? "{}" : "{\"error\":\"so already\"}";
	struct ucred peer;
	socklen_t size = sizeof(peer);

	assert_int_equal(m->type, MESSAGE_COMMAND);
	snprintf(f->command, sizeof(f->command), "%s %s %s", verb, argument, message_string(m));
	assert_int_equal(getsockopt(m->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size), 0);
	f->peer = peer.pid;
	f->commands++;
	if (f->status == 0)
		return 0;
	if (f->status == 200 && text_equal(verb, "acknowledge"))
		acknowledge(f);
	message_begin(&packet, MESSAGE_REPLY);
	message_put_u64(&packet, number);
	message_put_u64(&packet, f->status);
	message_put_bytes(&packet, body, strlen(body));
	role_fixture_send(l, &packet, -1);
	return 0;
}

static const struct link_ops engine_ops = {on_command, role_fixture_closed};

static void pass_listener(struct fixture *f, const char *name, int fd)
{
	_cleanup_buf_ struct buf packet = BUF_INIT;

	assert_true(fd >= 0);
	assert_int_equal(listen(fd, 64), 0);
	message_begin(&packet, MESSAGE_DESCRIPTOR);
	message_put_string(&packet, name);
	role_fixture_send(f->role.supervisor, &packet, fd);
	close(fd);
}

static void pass_listeners(struct fixture *f)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t size = sizeof(in);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", f->path);
	assert_int_equal(bind(fd, (struct sockaddr *) &un, sizeof(un)), 0);
	pass_listener(f, "listen:unix:/path", fd);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fd, (struct sockaddr *) &in, sizeof(in)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *) &in, &size), 0);
	f->port = ntohs(in.sin_port);
	pass_listener(f, "listen:127.0.0.1", fd);
}

void connect_engine(struct fixture *f)
{
	role_fixture_connect(&f->role, FROM_WEB, &engine_ops, f);
}

static void configure(struct fixture *f)
{
	_cleanup_config_ struct config *c = config_new(FOR_ALL);
	struct section *s;
	struct number number;

	assert_int_equal(
		config_add_section(c, SECTION_ALERT, "ServiceDown", &(struct place){0}, &s), 0);
	assert_int_equal(config_parse(OPTION_ALERT_EXPR, "modelwatch_service_up == 0", &number), 0);
	assert_int_equal(section_put(c, s, OPTION_ALERT_EXPR, "modelwatch_service_up == 0", &number,
				 &(struct place){0}),
		0);
	/* Sections that are always there. */
	assert_int_equal(config_add_section(c, SECTION_DAEMON, "", &(struct place){0}, &s), 0);
	assert_int_equal(config_add_section(c, SECTION_PAGE, "", &(struct place){0}, &s), 0);
	role_fixture_configure(&f->role, c, FOR_WEB, DEADLINE);
}

int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	role_fixture_make(&f->role);
	snprintf(f->path, sizeof(f->path), "%s/http.sock", f->role.directory);
	snprintf(f->database, sizeof(f->database), "%s/modelwatch.db", f->role.directory);
	role_fixture_start(&f->role, "web");
	pass_listeners(f);
	configure(f);
	*state = f;
	return 0;
}

int teardown(void **state)
{
	struct fixture *f = *state;

	role_fixture_stop(&f->role);
	store_close(f->store);
	role_fixture_remove(&f->role);
	free(f);
	return 0;
}

void response_done(struct response *a)
{
	buf_done(&a->text);
}

int on_answer(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct response *a = userdata;
	char part[4096];
	ssize_t size = read(fd, part, sizeof(part));

	if (size > 0)
		buf_add(&a->text, part, (size_t) size);
	else {
		a->done = true;
		sd_event_source_set_enabled(source, SD_EVENT_OFF);
	}
	return 0;
}

int dial(struct fixture *f, bool tcp)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
		.sin_addr = {htonl(INADDR_LOOPBACK)},
		.sin_port = htons((uint16_t) f->port)};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(tcp ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", f->path);
	if (tcp)
		assert_int_equal(connect(fd, (struct sockaddr *) &in, sizeof(in)), 0);
	else
		assert_int_equal(connect(fd, (struct sockaddr *) &un, sizeof(un)), 0);
	return fd;
}

struct response send_request(struct fixture *f, const char *request, const char *host,
	const char *headers, const char *body, size_t size)
{
	struct response a = {.text = BUF_INIT};
	_cleanup_buf_ struct buf text = BUF_INIT;
	_cleanup_close_ int fd = dial(f, host != NULL);
	sd_event_source *source;

	buf_printf(&text,
		"%s HTTP/1.1\r\nHost: %s\r\n%sConnection: close\r\nContent-Length: %zu\r\n\r\n",
		request, host ? host : "any", headers, size);
	buf_add(&text, body, size);
	for (size_t sent = 0; sent < text.size;) {
		ssize_t part = write(fd, text.data + sent, text.size - sent);

		if (part < 0)
			break; /* answered and closed before all was read: the answer counts */
		sent += (size_t) part;
	}
	assert_int_equal(sd_event_add_io(f->role.event, &source, fd, EPOLLIN, on_answer, &a), 0);
	await(f, a.done);
	sd_event_source_disable_unref(source);
	assert_int_equal(strncmp(a.text.data, "HTTP/1.1 ", 9), 0);
	a.status = (unsigned) atoi(a.text.data + 9);
	a.body = strstr(a.text.data, "\r\n\r\n") + 4;
	return a;
}

struct response get(struct fixture *f, const char *target)
{
	char request[256];

	snprintf(request, sizeof(request), "GET %s", target);
	return send_request(f, request, NULL, "", "", 0);
}

void assert_status(struct fixture *f, const char *target, unsigned status)
{
	_cleanup_(response_done) struct response a = get(f, target);

	print_message("%s: %u\n", target, a.status);
	assert_int_equal(a.status, status);
}

json_t *get_json(struct fixture *f, const char *target)
{
	_cleanup_(response_done) struct response a = get(f, target);
	json_t *json = json_loads(a.body, 0, NULL);

	assert_int_equal(a.status, 200);
	assert_non_null(strstr(a.text.data, "Content-Type: application/json\r\n"));
	assert_non_null(json);
	return json;
}

static void put_samples(struct fixture *f, int64_t now_ms)
{
	struct label labels[] = {{TEXT("service"), TEXT(SERVICE)}};
	struct label collector[] = {{TEXT("collector"), TEXT("process")}};
	struct series up = {TEXT("modelwatch_service_up"), {labels, 1}};
	struct series success = {
		TEXT("modelwatch_collector_last_success_timestamp_seconds"), {collector, 1}};
	struct sample samples[2] = {{.value = 1}};

	assert_int_equal(store_series(f->store, &up, &samples[0].series), 0);
	assert_int_equal(store_series(f->store, &success, &samples[1].series), 0);
	for (int64_t t = now_ms - 60000; t <= now_ms; t += 1000) {
		samples[1].value = (double) t / 1000;
		assert_int_equal(store_append(f->store, t, samples, 2), 0);
	}
}

void fill_store(struct fixture *f)
{
	int64_t now_ms = usec_to_ms(clock_wall());
	struct service_record service = {.name = TEXT(SERVICE),
		.state = SERVICE_DOWN,
		.since_ms = now_ms,
		.reason = TEXT("exited"),
		.url = TEXT("")};
	struct role_record role = {.name = TEXT("engine"), .pid = 1, .state = TEXT("running")};
	struct incident incident = {.id = 17,
		.severity = SEVERITY_CRITICAL,
		.title = TEXT("down <b>"),
		.service = TEXT(SERVICE),
		.runbook = TEXT(""),
		.opened_ms = now_ms};
	struct timeline_entry entry = {.incident = 17,
		.time_ms = now_ms,
		.type = TEXT("opened"),
		.actor = TEXT("modelwatch"),
		.text = TEXT("down")};
	struct fact fact = {
		TEXT("process"), TEXT("doctor"), TEXT("ptrace"), TEXT("state"), TEXT("limited")};

	assert_int_equal(store_open(f->database, &f->store, NULL), 0);
	assert_int_equal(store_begin(f->store), 0);
	assert_int_equal(store_put_service(f->store, &service), 0);
	assert_int_equal(store_put_role(f->store, &role), 0);
	assert_int_equal(store_put_incident(f->store, &incident), 0);
	assert_int_equal(store_add_timeline(f->store, &entry), 0);
	assert_int_equal(store_put_fact(f->store, &fact), 0);
	put_samples(f, now_ms);
	assert_int_equal(store_commit(f->store), 0);
}
