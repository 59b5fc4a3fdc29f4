/* SPDX-License-Identifier: Apache-2.0 */
/* modelwatch-web: the status page, the API and the metrics. It reads the database, and hands what
 * people want changed to the engine; who connects reaches nothing else. */
#include "daemon/web/web.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/web/dispatch.h"

static int listen_to_all(struct web *w)
{
	int fd, r;

	while ((fd = role_take_next_descriptor(w->role, "listen:")) >= 0) {
		r = http_server_listen(w->server, fd);
		if (r < 0)
			return log_error_errno(r, "cannot serve a listening socket");
	}
	return 0;
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
		return log_error_errno(r, "cannot read the template %s", why ? why : "");
	r = read_configuration(w);
	if (r == 0)
		r = commands_new(w->role, &w->commands);
	if (r == 0)
		r = http_server_new(role_event(w->role), dispatch_request, w, &w->server);
	return r < 0 ? log_error_errno(r, "cannot start") : listen_to_all(w);
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

static int web_connected(struct role *r)
{
	struct web *w = role_userdata(r);

	commands_forget(w->commands);
	return take_trouble(w, "", false);
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
	.stop = web_stop,
};

int main(void)
{
	return role_run(&web_program);
}
