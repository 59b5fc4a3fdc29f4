/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/engine-fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/log.h"
#include "daemon/base/text.h"
#include "daemon/engine/program.h"

/* What role.c has for every role, as far as the engine asks for it. */
struct role {
	struct engine_fixture *fixture;
	void *userdata;
};

sd_event *role_event(struct role *r)
{
	return r->fixture->event;
}

const struct config *role_config(const struct role *r)
{
	return r->fixture->config;
}

void role_set_userdata(struct role *r, void *userdata)
{
	r->userdata = userdata;
}

void *role_userdata(const struct role *r)
{
	return r->userdata;
}

const char *role_state_directory(const struct role *r)
{
	return r->fixture->files.directory;
}

const char *role_host(const struct role *r)
{
	return "host";
}

gid_t role_group(const struct role *r)
{
	return (gid_t) -1;
}

struct link *role_supervisor(struct role *r)
{
	return NULL;
}

void role_exit(struct role *r, int status)
{
	fail_msg("the engine exits with status %d", status);
}

/* The other ends. */

static int on_process(struct link *l, struct message *m, void *userdata)
{
	struct engine_fixture *f = userdata;

	if (m->type == MESSAGE_DONE)
		f->done = message_u64(m);
	return 0;
}

static int check_pending(void *userdata, const struct notification *n)
{
	const struct post *post = userdata;

	assert_string_equal(n->message_id, post->message_id);
	return -EEXIST; /* the others are not looked at */
}

/* What is sent is what was stored before. */
static void check_durable(const struct engine_fixture *f, uint64_t id, struct post *post)
{
	_cleanup_free_ char *path = engine_fixture_database(f);
	struct reader *reader;

	assert_int_equal(reader_open(path, &reader), 0);
	assert_int_equal(reader_pending(reader, (int64_t) id - 1, check_pending, post), -EEXIST);
	reader_close(reader);
}

static void answer(struct engine_fixture *f, uint64_t id, unsigned status)
{
	_cleanup_buf_ struct buf packet = BUF_INIT;

	message_begin(&packet, MESSAGE_DELIVERED);
	message_put_u64(&packet, id);
	message_put_u64(&packet, status);
	message_put_u64(&packet, 0);
	message_put_string(&packet, status == 200 ? "" : f->because);
	role_fixture_send(f->notify, &packet, -1);
}

void engine_fixture_answer(struct engine_fixture *f, unsigned status)
{
	engine_fixture_await(f, f->held > 0);
	answer(f, f->held, status);
	f->held = 0;
}

static int on_notify(struct link *l, struct message *m, void *userdata)
{
	static const char key[] = "\"type\":\"";
	struct engine_fixture *f = userdata;
	struct post *post = &f->posts[f->post_count];
	uint64_t id;
	size_t size;
	const char *type;

	assert_int_equal(m->type, MESSAGE_DELIVER);
	assert_true(f->post_count < POSTS_MAX);
	id = message_u64(m);
	snprintf(post->webhook, sizeof(post->webhook), "%s", message_string(m));
	snprintf(post->message_id, sizeof(post->message_id), "%s", message_string(m));
	type = message_bytes(m, &size);
	type = memmem(type, size, key, strlen(key));
	assert_non_null(type);
	type += strlen(key);
	snprintf(post->type, sizeof(post->type), "%.*s", (int) strcspn(type, "\""), type);
	f->post_count++;
	check_durable(f, id, post);
	if (f->hold)
		f->held = f->held > 0 ? f->held : id;
	else if (!text_equal(post->webhook, "dead"))
		answer(f, id, f->answer);
	return 0;
}

static int on_web(struct link *l, struct message *m, void *userdata)
{
	struct engine_fixture *f = userdata;
	const char *body;
	size_t size;

	if (m->type == MESSAGE_TROUBLE) {
		snprintf(f->trouble, sizeof(f->trouble), "%s", message_string(m));
		return 0;
	}
	message_u64(m);
	f->status = (unsigned) message_u64(m);
	body = message_bytes(m, &size);
	snprintf(f->reply, sizeof(f->reply), "%.*s", (int) size, body);
	f->replies++;
	return 0;
}

static void connect_role(struct engine_fixture *f, const char *name, int64_t pid,
	const struct link_ops *ops, struct link **ret)
{
	int fd = role_fixture_link(f->event, FROM_ENGINE, ops, f, ret);

	assert_int_equal(engine_program.peer(f->role, name, pid, fd), 0);
}

static void declare(struct engine_fixture *f, uint64_t id, const char *metric)
{
	_cleanup_buf_ struct buf packet = BUF_INIT;

	message_begin(&packet, MESSAGE_DECLARE);
	message_put_u64(&packet, id);
	message_put_string(&packet, metric);
	message_put_string(&packet, "service");
	message_put_string(&packet, "llama");
	role_fixture_send(f->process, &packet, -1);
}

/* Life. */

char *engine_fixture_database(const struct engine_fixture *f)
{
	char *path;

	assert_true(asprintf(&path, "%s/modelwatch.db", f->files.directory) > 0);
	return path;
}

void engine_fixture_make(struct engine_fixture *f, const char *config)
{
	*f = (struct engine_fixture){.answer = 200, .because = "because"};
	log_set_level(LOG_CRIT);
	files_make(&f->files);
	files_write(&f->files, "modelwatch.conf", config, strlen(config));
	if (files_load(&f->files, true, &f->config) < 0)
		fail_msg("%s", f->files.reports.data);
	assert_int_equal(sd_event_new(&f->event), 0);
}

void engine_fixture_remove(struct engine_fixture *f)
{
	config_free(f->config);
	sd_event_unref(f->event);
	files_remove(&f->files);
}

void engine_fixture_start(struct engine_fixture *f)
{
	static const struct link_ops process_ops = {on_process, role_fixture_closed},
				     notify_ops = {on_notify, role_fixture_closed},
				     web_ops = {on_web, role_fixture_closed};

	f->began = clock_wall() - 30 * USEC_PER_SEC;
	f->role = calloc(1, sizeof(*f->role));
	assert_non_null(f->role);
	f->role->fixture = f;
	assert_int_equal(engine_program.start(f->role), 0);
	connect_role(f, "process", 1000001, &process_ops, &f->process);
	connect_role(f, "notify", 1000002, &notify_ops, &f->notify);
	connect_role(f, "web", 1000003, &web_ops, &f->web);
	declare(f, 0, "modelwatch_service_up");
	declare(f, 1, "modelwatch_service_resident_bytes");
}

void engine_fixture_announce_notify(struct engine_fixture *f, const char *webhook)
{
	_cleanup_buf_ struct buf packet = BUF_INIT;
	struct message m;

	message_begin(&packet, MESSAGE_SUCCESSOR);
	message_put_string(&packet, webhook);
	assert_int_equal(message_end(&packet), 0);
	assert_int_equal(message_decode(packet.data, packet.data + MESSAGE_HEADER,
				 packet.size - MESSAGE_HEADER, FROM_SUPERVISOR, &m),
		0);
	assert_int_equal(engine_program.told(f->role, &m), 0);
}

void engine_fixture_reload(struct engine_fixture *f, const char *config)
{
	struct config *old = TAKE_POINTER(f->config);

	files_write(&f->files, "modelwatch.conf", config, strlen(config));
	if (files_load(&f->files, true, &f->config) < 0)
		fail_msg("%s", f->files.reports.data);
	assert_int_equal(engine_program.reconfigure(f->role, old), 0);
	config_free(old);
}

void engine_fixture_stop(struct engine_fixture *f)
{
	f->process = link_free(f->process);
	f->notify = link_free(f->notify);
	f->web = link_free(f->web);
	engine_program.stop(f->role);
	free(TAKE_POINTER(f->role));
}

void engine_fixture_event(struct engine_fixture *f, const char *type, int64_t pid, double up)
{
	_cleanup_buf_ struct buf packet = BUF_INIT, evidence = BUF_INIT, samples = BUF_INIT;
	char name[] = "reason";
	const struct evidence reason = {name, (char *) (uintptr_t) f->reason};
	const struct sample sample = {f->event_series, up};

	if (f->reason && text_equal(type, EVENT_PROCESS_EXITED))
		evidence_write(&reason, 1, &evidence);
	else
		evidence_write(NULL, 0, &evidence);
	samples_write(&sample, 1, &samples);
	message_begin(&packet, MESSAGE_EVENT);
	message_put_u64(&packet, ++f->last_event);
	message_put_string(&packet, type);
	message_put_string(&packet, "llama");
	/* Each in a millisecond of its own. */
	message_put_u64(&packet, f->began + f->last_event * USEC_PER_MSEC);
	message_put_u64(&packet, (uint64_t) pid);
	message_put_u64(&packet, 1);
	message_put_u64(&packet, f->stack);
	message_put_string(&packet, f->command_line ? f->command_line : "");
	message_put_string(&packet, "");
	message_put_bytes(&packet, evidence.data, evidence.size);
	message_put_bytes(&packet, samples.data, samples.size);
	role_fixture_send(f->process, &packet, -1);
}

void engine_fixture_resident(struct engine_fixture *f, double bytes)
{
	_cleanup_buf_ struct buf packet = BUF_INIT;

	message_begin(&packet, MESSAGE_SAMPLES);
	message_put_string(&packet, "process");
	message_put_u64(&packet, clock_wall());
	message_put_u64(&packet, 1);
	message_put_f64(&packet, bytes);
	role_fixture_send(f->process, &packet, -1);
}

void engine_fixture_fact(
	struct engine_fixture *f, const char *service, const char *key, const char *value)
{
	_cleanup_buf_ struct buf packet = BUF_INIT;

	message_begin(&packet, MESSAGE_FACT);
	message_put_string(&packet, "service");
	message_put_string(&packet, service);
	message_put_string(&packet, key);
	message_put_string(&packet, value);
	role_fixture_send(f->process, &packet, -1);
}

int engine_fixture_listen(struct engine_fixture *f, struct sockaddr_un *ret)
{
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(ret->sun_path, sizeof(ret->sun_path), "%s/http.sock", f->files.directory);
	unlink(ret->sun_path);
	assert_int_equal(bind(listener, (struct sockaddr *) ret, sizeof(*ret)), 0);
	assert_int_equal(listen(listener, 1), 0);
	return listener;
}

void engine_fixture_command(struct engine_fixture *f, const char *verb, const char *argument)
{
	struct sockaddr_un address;
	_cleanup_close_ int listener = engine_fixture_listen(f, &address);
	_cleanup_close_ int person = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	_cleanup_close_ int accepted = -1;

	assert_int_equal(connect(person, (struct sockaddr *) &address, sizeof(address)), 0);
	accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	engine_fixture_command_over(f, accepted, verb, argument);
}

void engine_fixture_command_over(
	struct engine_fixture *f, int accepted, const char *verb, const char *argument)
{
	_cleanup_buf_ struct buf packet = BUF_INIT;

	assert_true(accepted >= 0);
	f->status = 0;
	message_begin(&packet, MESSAGE_COMMAND);
	message_put_u64(&packet, 1);
	message_put_string(&packet, verb);
	message_put_string(&packet, argument);
	message_put_string(&packet, "{}");
	message_put_string(&packet, "");
	role_fixture_send(f->web, &packet, accepted);
}

size_t engine_fixture_posts(const struct engine_fixture *f, const char *webhook, const char *type)
{
	size_t count = 0;

	for (size_t i = 0; i < f->post_count; i++)
		count += text_equal(f->posts[i].webhook, webhook) &&
			 text_equal(f->posts[i].type, type);
	return count;
}
