/* SPDX-License-Identifier: Apache-2.0 */
/* modelwatch-web: the status page, the API and the metrics. It reads the database, and hands what
 * people want changed to the engine; who connects reaches nothing else. */
#include "daemon/web/web.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/clock.h"
#include "daemon/journal.h"
#include "daemon/trim.h"
#include "daemon/web/dispatch.h"

#define IDLE_AFTER  USEC_PER_SEC /* after a request, memory is given back */
#define ENGINE_WAIT USEC_PER_SEC /* before requests are taken without it */
#define FREE_MAX    (1024 * 1024) /* bytes of the heap that may stay: giving back has its price */

/* The source is off while it is not needed, and before each of its calls. */
static int look_later(sd_event_source *source)
{
	int r = sd_event_source_set_time_relative(source, IDLE_AFTER);

	return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* What large documents needed would stay ours for ever. */
static int on_idle(sd_event_source *source, uint64_t now, void *userdata)
{
	struct web *w = userdata;

	if (http_server_is_sending(w->server))
		return look_later(source);
	if (mallinfo2().fordblks > FREE_MAX)
		trim_memory();
	return sd_event_source_set_enabled(source, SD_EVENT_OFF);
}

static void on_request(struct http_exchange *x, const struct http_request *q, void *userdata)
{
	struct web *w = userdata;
	int enabled;

	dispatch_request(x, q, w);
	/* Who asks all the time does not put it off. */
	if (sd_event_source_get_enabled(w->idle, &enabled) == 0)
		look_later(w->idle);
}

static int on_begin(sd_event_source *source, uint64_t now, void *userdata)
{
	struct web *w = userdata;

	return http_server_begin(w->server);
}

/* Whoever finds the sockets after our predecessor left may want something changed: the first are
 * answered when there is an engine to hand it to, or soon if there is none. */
static int listen_to_all(struct web *w)
{
	int fd, r;

	while ((fd = role_take_next_descriptor(w->role, "listen:")) >= 0) {
		r = http_server_listen(w->server, fd);
		if (r < 0)
			return journal_failure(r, "cannot serve a listening socket");
	}
	r = sd_event_add_time_relative(role_event(w->role), &w->begin, CLOCK_MONOTONIC, ENGINE_WAIT,
		USEC_PER_MSEC, on_begin, w);
	return r < 0 ? journal_failure(r, "cannot wait for the engine") : 0;
}

/* How long it takes at most until what a collector saw can be read. */
static int64_t reading_interval_ms(const struct section *daemon)
{
	usec_t interval = section_duration(daemon, OPTION_DAEMON_INTERVAL);
	usec_t evaluate = section_duration(daemon, OPTION_DAEMON_EVALUATE);

	return usec_to_ms(interval > evaluate ? interval : evaluate);
}

static int read_configuration(struct web *w)
{
	const struct config *c = role_config(w->role);
	const struct section *page = config_find(c, SECTION_PAGE, "");
	const struct section *daemon = config_find(c, SECTION_DAEMON, "");

	w->external_url = config_external_url(c);
	if (!w->external_url)
		return -ENOMEM;
	w->password_set = section_has(page, OPTION_PAGE_PASSWORD);
	w->names.host = role_host(w->role);
	w->names.external_url = w->external_url;
	w->names.allowed = section_list(page, OPTION_PAGE_ALLOWED_HOST, &w->names.allowed_count);
	return documents_init(&w->documents, role_state_directory(w->role), w->names.host,
		w->external_url, reading_interval_ms(daemon), c);
}

static void web_free(struct web *w)
{
	sd_event_source_disable_unref(w->begin);
	sd_event_source_disable_unref(w->idle);
	commands_free(w->commands);
	http_server_free(w->server);
	pages_free(w->pages);
	documents_done(&w->documents);
	free(w->external_url);
	free(w->trouble);
	free(w);
}

static int start(struct web *w)
{
	_cleanup_free_ char *why = NULL;
	int r = pages_new(&w->pages, &why);

	if (r < 0)
		return journal_failure(r, "cannot read the template %s", why ? why : "");
	r = read_configuration(w);
	if (r == 0)
		r = commands_new(w->role, &w->commands);
	if (r == 0)
		r = http_server_new(role_event(w->role), on_request, w, &w->server);
	if (r == 0)
		r = sd_event_add_time_relative(role_event(w->role), &w->idle, CLOCK_MONOTONIC,
			IDLE_AFTER, USEC_PER_SEC, on_idle, w);
	if (r >= 0)
		r = sd_event_source_set_enabled(w->idle, SD_EVENT_OFF);
	return r < 0 ? journal_failure(r, "cannot start") : listen_to_all(w);
}

static int web_start(struct role *role)
{
	struct web *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->role = role;
	w->started = clock_monotonic();
	role_set_userdata(role, w);
	r = start(w);
	if (r < 0)
		web_free(w);
	return r;
}

static int take_trouble(struct web *w, const char *text, bool of_samples)
{
	w->trouble_of_samples = of_samples;
	free(w->trouble);
	w->trouble = *text ? strdup(text) : NULL;
	return *text && !w->trouble ? -ENOMEM : 0;
}

static int web_connected(struct role *role)
{
	struct web *w = role_userdata(role);
	int r;

	commands_forget(w->commands);
	r = sd_event_source_set_time_relative(w->begin, 0);
	return r < 0 ? r : take_trouble(w, "", false);
}

static int web_message(struct role *r, struct message *m)
{
	struct web *w = role_userdata(r);

	if (m->type == MESSAGE_TROUBLE) {
		const char *text = message_string(m);

		return take_trouble(w, text, message_u64(m) > 0);
	}
	return m->type == MESSAGE_REPLY ? commands_reply(w->commands, m) : -EBADMSG;
}

static void on_left(void *userdata)
{
	struct web *w = userdata;

	role_exit(w->role, EXIT_SUCCESS);
}

/* Who was accepted is answered; everybody else finds our successor at the same sockets. */
static void web_leave(struct role *r)
{
	struct web *w = role_userdata(r);

	commands_leave(w->commands);
	http_server_leave(w->server, on_left);
}

static void web_stop(struct role *r)
{
	web_free(role_userdata(r));
}

static const struct role_program web_program = {
	.name = "web",
	.engine_says = FROM_ENGINE,
	.start = web_start,
	.connected = web_connected,
	.message = web_message,
	.leave = web_leave,
	.stop = web_stop,
};

int main(void)
{
	return role_run(&web_program);
}
