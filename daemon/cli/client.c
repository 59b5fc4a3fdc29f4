/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/cli/client.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/base/file.h"
#include "daemon/base/text.h"
#include "daemon/fetch.h"

#define GROUP	 "modelwatch" /* whose members may use the socket of an installed daemon */
#define BODY_MAX (64 * 1024 * 1024) /* bytes of an answer */
/* For a daemon that hangs: else it answers, or ends the connection (GUEST_SERVED), long before. */
#define TIMEOUT	 (2 * USEC_PER_MIN)

void answer_done(struct answer *a)
{
	buf_done(&a->body);
	json_decref(a->json);
	*a = (struct answer){0};
}

struct style client_style(void)
{
	const char *none = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return (struct style){
		.colour = isatty(STDOUT_FILENO) && !(none && *none) &&
			  !(terminal && text_equal(terminal, "dumb")),
		.now = clock_wall(),
	};
}

char *client_socket(const struct invocation *i)
{
	const char *set = getenv("MODELWATCH_SOCKET"), *directory = getenv("RUNTIME_DIRECTORY");
	char *path;

	if (i->socket)
		return strdup(i->socket);
	if (set && *set)
		return strdup(set);
	if (!directory || !*directory)
		return strdup(MW_RUNDIR "/http.sock");
	/* systemd separates several directories by colons; the first is ours. */
	if (asprintf(&path, "%.*s/http.sock", (int) strcspn(directory, ":"), directory) < 0)
		return NULL;
	return path;
}

void client_print(const struct buf *body)
{
	fwrite(body->data ? body->data : "", 1, body->size, stdout);
	if (isatty(STDOUT_FILENO) && body->size > 0 && body->data[body->size - 1] != '\n')
		putchar('\n');
}

/* Whose the socket is tells who may use it; where it is hidden, its directory does. */
static bool find_owner(const char *socket, struct stat *ret)
{
	const char *slash = strrchr(socket, '/');
	_cleanup_free_ char *directory = slash ? strndup(socket, (size_t) (slash - socket)) : NULL;

	return stat(socket, ret) == 0 || (directory && stat(directory, ret) == 0);
}

static void explain_permission(const char *socket)
{
	const struct group *group = NULL;
	const struct passwd *owner = NULL;
	const char *user = getenv("USER");
	struct stat st;

	if (find_owner(socket, &st)) {
		group = getgrgid(st.st_gid);
		owner = getpwuid(st.st_uid);
	}
	fprintf(stderr, "modelwatch: %s: permission denied\n", socket);
	if (group && text_equal(group->gr_name, GROUP))
		fprintf(stderr,
			"Members of the group " GROUP " may use it: 'sudo usermod -aG " GROUP " %s', "
			"then log in again;\nor try with sudo.\n",
			user && *user ? user : "NAME");
	else if (owner && owner->pw_uid != 0)
		fprintf(stderr, "Only root and the user %s may use it: try with sudo.\n",
			owner->pw_name);
	else
		fputs("Only root may use it: try with sudo.\n", stderr);
}

static void explain_transport(const char *socket, const struct fetch_response *response)
{
	int e = response->system_error;

	if (e == EACCES || e == EPERM)
		explain_permission(socket);
	else if (e == ENOENT || e == ECONNREFUSED)
		fprintf(stderr,
			"modelwatch: cannot reach modelwatchd at %s: is it running?\n"
			"Try 'systemctl status modelwatchd', or name another socket by --socket.\n",
			socket);
	else
		fprintf(stderr, "modelwatch: %s\n", response->error);
}

/* A request and where its answer goes. */
struct exchange {
	sd_event *event;
	const char *socket;
	struct answer answer;
	int r;
};

static void on_answer(const struct fetch_response *response, void *userdata)
{
	struct exchange *x = userdata;
	struct buf body = {.limit = BODY_MAX};

	if (*response->error) {
		explain_transport(x->socket, response);
		x->r = response->system_error > 0 ? -response->system_error : -EIO;
	} else {
		buf_add(&body, response->body, response->body_size);
		x->r = buf_error(&body);
		x->answer.status = response->status;
		x->answer.body = body;
	}
	sd_event_exit(x->event, 0);
}

static int exchange_run(struct exchange *x, const struct fetch_request *request)
{
	struct fetcher *fetcher = NULL;
	int r = sd_event_new(&x->event);

	if (r == 0)
		r = fetcher_new(x->event, &fetcher);
	if (r == 0)
		r = fetch_start(fetcher, request, on_answer, x);
	if (r == 0)
		r = sd_event_loop(x->event);
	if (r < 0)
		fprintf(stderr, "modelwatch: cannot send the request: %s\n", strerror(-r));
	else
		r = x->r;
	fetcher_free(fetcher);
	x->event = sd_event_unref(x->event);
	return r;
}

/* Whoever listens at the socket need not be modelwatchd. */
static int read_answer(struct answer *a, const char *unknown)
{
	const char *error;

	a->json = a->body.size > 0
		? json_loadb(a->body.data, a->body.size, JSON_REJECT_DUPLICATES, NULL)
		: NULL;
	error = a->status == 404 && unknown ? unknown : show_string(a->json, "error");
	if (a->status < 200 || a->status > 299) {
		_cleanup_free_ char *printable = text_printable(error, strlen(error));
		bool reason = printable && *printable;

		fprintf(stderr, "modelwatch: %s\n",
			reason ? printable : "the daemon refused without a reason");
		return -EREMOTEIO;
	}
	if (!json_is_object(a->json)) {
		fputs("modelwatch: the answer is not the daemon's: it is no JSON object\n", stderr);
		return -EBADMSG;
	}
	return 0;
}

int client_request(const struct invocation *i, const char *method, const char *path,
	const char *body, const char *unknown, struct answer *ret)
{
	static const char *const headers[] = {"Content-Type: application/json"};
	_cleanup_free_ char *socket = client_socket(i), *url = NULL;
	struct exchange x = {.socket = socket};
	struct fetch_request request = {
		.method = method,
		.unix_socket = socket,
		.headers = headers,
		.header_count = body ? ELEMENTS(headers) : 0,
		.body = body,
		.body_size = body ? strlen(body) : 0,
		.timeout = TIMEOUT,
		.body_limit = BODY_MAX,
	};
	int r;

	if (!socket || asprintf(&url, "http://localhost%s", path) < 0)
		return -ENOMEM;
	request.url = url;
	r = exchange_run(&x, &request);
	if (r == 0)
		r = read_answer(&x.answer, unknown);
	*ret = x.answer;
	return r;
}

int client_show(const struct invocation *i, const char *path, const char *unknown, show_fn show,
	struct answer *ret)
{
	struct answer answer = {0};
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct style style = client_style();
	int r = client_request(i, "GET", path, NULL, unknown, &answer);

	if (i->json)
		client_print(&answer.body);
	else if (r == 0) {
		show(answer.json, &style, &text);
		fputs(text.data ? text.data : "", stdout);
	}
	if (ret)
		*ret = answer;
	else
		answer_done(&answer);
	return r;
}
