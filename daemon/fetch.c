/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's multi-socket interface on sd-event: libcurl says which sockets and which timeout it
 * waits for, the loop tells it what became ready, and finished requests are taken from a defer
 * source, one at a time, so that nothing is called back from within libcurl.
 * https://curl.se/libcurl/c/libcurl-multi.html */
#include "daemon/fetch.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>

#include <curl/curl.h>

#include "build-config.h"
#include "daemon/base/buf.h"
#include "daemon/base/text.h"

#define CONNECTIONS_KEPT     8L		 /* open connections without a request */
#define ANSWER_HEADERS_LIMIT (64 * 1024) /* bytes of all headers of an answer */
#define LOCATION_LIMIT	     256	 /* bytes of a host's name */
#define RETRY_AFTER_LIMIT    (7 * 86400) /* seconds: a receiver may ask for any number */

struct fetcher {
	sd_event *event;
	CURLM *multi; /* NULL until the first request */
	sd_event_source *timer;
	sd_event_source *drain;
	struct fetch *first; /* all that are under way */
};

/* A request under way. */
struct fetch {
	struct fetcher *fetcher;
	struct fetch *next, *previous;
	CURL *easy;
	struct curl_slist *headers;
	char *target; /* "host:port" or the socket's path: for error texts */
	usec_t timeout;
	struct buf body; /* of the answer */
	size_t header_bytes;
	bool headers_over;
	fetch_done_fn done;
	void *userdata;
	char error[CURL_ERROR_SIZE];
};

static struct fetch *fetch_free(struct fetch *fetch)
{
	struct fetcher *f;

	if (!fetch)
		return NULL;
	f = fetch->fetcher;
	if (fetch->next)
		fetch->next->previous = fetch->previous;
	if (fetch->previous)
		fetch->previous->next = fetch->next;
	else if (f->first == fetch)
		f->first = fetch->next;
	if (fetch->easy) {
		curl_multi_remove_handle(f->multi, fetch->easy);
		curl_easy_cleanup(fetch->easy);
	}
	curl_slist_free_all(fetch->headers);
	buf_done(&fetch->body);
	free(fetch->target);
	free(fetch);
	return NULL;
}
DEFINE_CLEANUP(struct fetch *, fetch_free);

/* What libcurl asks of the loop. */

static int act(struct fetcher *f, curl_socket_t fd, int ready)
{
	int running;

	if (curl_multi_socket_action(f->multi, fd, ready, &running) != CURLM_OK)
		return -EIO;
	return sd_event_source_set_enabled(f->drain, SD_EVENT_ONESHOT);
}

static int on_ready(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	int ready = 0;

	if (events & (EPOLLIN | EPOLLHUP))
		ready |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		ready |= CURL_CSELECT_OUT;
	if (events & EPOLLERR)
		ready |= CURL_CSELECT_ERR;
	return act(userdata, fd, ready);
}

static int on_timer(sd_event_source *source, uint64_t now, void *userdata)
{
	return act(userdata, CURL_SOCKET_TIMEOUT, 0);
}

/* PERSOCKET is the socket's event source, which libcurl keeps for us. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *persocket)
{
	static const uint32_t wanted[] = {
		[CURL_POLL_NONE] = 0,
		[CURL_POLL_IN] = EPOLLIN,
		[CURL_POLL_OUT] = EPOLLOUT,
		[CURL_POLL_INOUT] = EPOLLIN | EPOLLOUT,
	};
	sd_event_source *source = persocket;
	struct fetcher *f = userdata;

	if (what == CURL_POLL_REMOVE) {
		sd_event_source_disable_unref(source);
		curl_multi_assign(f->multi, fd, NULL);
		return 0;
	}
	if (what < 0 || what >= (int) ELEMENTS(wanted))
		return -1;
	if (source)
		return sd_event_source_set_io_events(source, wanted[what]) < 0 ? -1 : 0;
	if (sd_event_add_io(f->event, &source, fd, wanted[what], on_ready, f) < 0)
		return -1;
	if (curl_multi_assign(f->multi, fd, source) == CURLM_OK)
		return 0;
	sd_event_source_disable_unref(source);
	return -1;
}

static int on_timeout_changed(CURLM *multi, long timeout_ms, void *userdata)
{
	struct fetcher *f = userdata;

	if (timeout_ms < 0)
		return sd_event_source_set_enabled(f->timer, SD_EVENT_OFF) < 0 ? -1 : 0;
	if (sd_event_source_set_time_relative(f->timer, (usec_t) timeout_ms * USEC_PER_MSEC) < 0)
		return -1;
	return sd_event_source_set_enabled(f->timer, SD_EVENT_ONESHOT) < 0 ? -1 : 0;
}

/* What libcurl brings of an answer. */

static size_t on_body(char *data, size_t one, size_t size, void *userdata)
{
	struct fetch *fetch = userdata;

	buf_add(&fetch->body, data, size);
	return buf_error(&fetch->body) == 0 ? size : 0;
}

static size_t on_header(char *data, size_t one, size_t size, void *userdata)
{
	struct fetch *fetch = userdata;

	fetch->header_bytes += size;
	fetch->headers_over = fetch->header_bytes > ANSWER_HEADERS_LIMIT;
	return fetch->headers_over ? 0 : size;
}

/* Errors that libcurl's own words describe well and without anything secret: names, ports, and
 * what OpenSSL thinks of a certificate. */
static bool libcurl_explains(CURLcode code)
{
	static const CURLcode codes[] = {
		CURLE_COULDNT_RESOLVE_HOST,
		CURLE_COULDNT_RESOLVE_PROXY,
		CURLE_PEER_FAILED_VERIFICATION,
		CURLE_SSL_CONNECT_ERROR,
		CURLE_SSL_CIPHER,
	};

	for (size_t i = 0; i < ELEMENTS(codes); i++)
		if (codes[i] == code)
			return true;
	return false;
}

static const char *own_words(CURLcode code)
{
	static const struct {
		CURLcode code;
		const char *text;
	} words[] = {
		{CURLE_GOT_NOTHING, "the connection was closed without an answer"},
		{CURLE_PARTIAL_FILE, "the connection was closed in the middle of the answer"},
		{CURLE_RECV_ERROR, "the connection broke before the answer was complete"},
		{CURLE_SEND_ERROR, "the connection broke before the request was sent"},
		{CURLE_UNSUPPORTED_PROTOCOL, "the answer is not HTTP"},
		{CURLE_WEIRD_SERVER_REPLY, "the answer is not HTTP"},
		{CURLE_SSL_CACERT_BADFILE, "the file of certificate authorities cannot be read"},
		{CURLE_SSL_CERTPROBLEM, "the client certificate or its key cannot be used"},
		{CURLE_OUT_OF_MEMORY, "out of memory"},
	};

	for (size_t i = 0; i < ELEMENTS(words); i++)
		if (words[i].code == code)
			return words[i].text;
	return curl_easy_strerror(code);
}

/* True where everything that matters arrived: a status, and more of a body than is wanted. */
static bool body_over(const struct fetch *fetch)
{
	return buf_error(&fetch->body) == -E2BIG;
}

/* What was waited for in vain: a connection, TLS and all, or an answer over it. */
static const char *missed(const struct fetch *fetch)
{
	curl_off_t connected = 0;

	curl_easy_getinfo(fetch->easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
	return connected > 0 ? "no answer" : "cannot connect";
}

static void explain(const struct fetch *fetch, CURLcode code, int system_error, struct buf *b)
{
	char text[RFC3339_MAX];

	buf_printf(b, "%s: ", fetch->target);
	if (body_over(fetch))
		buf_printf(b, "the answer is larger than %zu bytes", fetch->body.limit);
	else if (fetch->headers_over)
		buf_printf(b, "the answer's headers are larger than %d bytes",
			ANSWER_HEADERS_LIMIT);
	else if (code == CURLE_OPERATION_TIMEDOUT)
		buf_printf(b, "%s within %s", missed(fetch),
			clock_format_duration(fetch->timeout, text));
	else if (code == CURLE_COULDNT_CONNECT && system_error > 0)
		buf_printf(b, "cannot connect: %s", strerror(system_error));
	else
		buf_add_string(b, libcurl_explains(code) && fetch->error[0] ? fetch->error
									    : own_words(code));
}

/* The host alone: a redirect's path may carry what is secret. */
static void redirect_host(CURL *easy, char host[static LOCATION_LIMIT])
{
	const char *location = NULL;
	char *part = NULL;
	CURLU *url = curl_url();

	host[0] = '\0';
	curl_easy_getinfo(easy, CURLINFO_REDIRECT_URL, &location);
	if (url && location && curl_url_set(url, CURLUPART_URL, location, 0) == CURLUE_OK &&
		curl_url_get(url, CURLUPART_HOST, &part, 0) == CURLUE_OK &&
		strlen(part) < LOCATION_LIMIT)
		strcpy(host, part);
	curl_free(part);
	curl_url_cleanup(url);
}

/* Calls back, and frees the fetch before: the callback may free the fetcher. */
static void finish(struct fetch *fetch, CURLcode code)
{
	_cleanup_buf_ struct buf error = BUF_INIT, body = BUF_INIT;
	struct fetch_response response = {.retry_after = -1, .content_type = "", .body = ""};
	fetch_done_fn done = fetch->done;
	_cleanup_free_ char *type = NULL;
	void *userdata = fetch->userdata;
	char host[LOCATION_LIMIT];
	const char *text = NULL;
	curl_off_t wait = 0;
	long value = 0;

	if (code != CURLE_OK) {
		curl_easy_getinfo(fetch->easy, CURLINFO_OS_ERRNO, &value);
		response.system_error = code == CURLE_COULDNT_CONNECT ? (int) value : 0;
		explain(fetch, code, response.system_error, &error);
	}
	if (code == CURLE_OK || body_over(fetch)) {
		curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &value);
		response.status = (unsigned) value;
	}
	curl_easy_getinfo(fetch->easy, CURLINFO_RETRY_AFTER, &wait);
	if (wait > 0)
		response.retry_after = wait < RETRY_AFTER_LIMIT ? wait : RETRY_AFTER_LIMIT;
	curl_easy_getinfo(fetch->easy, CURLINFO_CONTENT_TYPE, &text);
	type = text ? strdup(text) : NULL;
	redirect_host(fetch->easy, host);
	body = fetch->body;
	fetch->body = BUF_INIT;
	fetch_free(fetch);

	if (type)
		response.content_type = type;
	response.redirect_host = host;
	if (body.data)
		response.body = body.data;
	response.body_size = body.size;
	response.error = error.data ? error.data : code == CURLE_OK ? "" : "out of memory";
	done(&response, userdata);
}

/* One finished request for each turn of the loop; after finish() nothing of ours is touched. */
static int on_drain(sd_event_source *source, void *userdata)
{
	struct fetcher *f = userdata;
	struct fetch *fetch = NULL;
	CURLMsg *message;
	int left;

	message = curl_multi_info_read(f->multi, &left);
	if (!message || message->msg != CURLMSG_DONE)
		return 0;
	sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &fetch);
	finish(fetch, message->data.result);
	return 0;
}

/* Setting up. */

static int set_url(CURL *easy, const struct fetch_request *request, char **ret_target)
{
	char *host = NULL, *port = NULL, *scheme = NULL;
	CURLU *url = curl_url();
	int r = -EINVAL;

	if (!url)
		return -ENOMEM;
	if (curl_url_set(url, CURLUPART_URL, request->url, 0) == CURLUE_OK &&
		curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		(text_equal(scheme, "http") || text_equal(scheme, "https")) &&
		curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
		curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
		if (request->unix_socket)
			*ret_target = strdup(request->unix_socket);
		else if (asprintf(ret_target, "%s:%s", host, port) < 0)
			*ret_target = NULL;
		r = *ret_target ? 0 : -ENOMEM;
	}
	curl_free(host);
	curl_free(port);
	curl_free(scheme);
	curl_url_cleanup(url);
	if (r < 0)
		return r;
	return curl_easy_setopt(easy, CURLOPT_URL, request->url) == CURLE_OK ? 0 : -ENOMEM;
}

static int add_header(struct curl_slist **list, const char *header)
{
	struct curl_slist *longer;
	_cleanup_free_ char *empty = NULL;
	size_t name = strcspn(header, ":");

	/* A line break would begin another header. */
	if (strpbrk(header, "\r\n") || !header[name])
		return -EINVAL;
	/* libcurl's notation: "Name:" leaves a header out, "Name;" sends one without a value. */
	if (!header[name + 1 + strspn(header + name + 1, " \t")]) {
		if (asprintf(&empty, "%.*s;", (int) name, header) < 0)
			return -ENOMEM;
		header = empty;
	}
	longer = curl_slist_append(*list, header);
	if (!longer)
		return -ENOMEM;
	*list = longer;
	return 0;
}

static int set_headers(struct fetch *fetch, const struct fetch_request *request)
{
	int r = 0;

	/* Without "Expect: 100-continue" a POST is one round trip. */
	fetch->headers = curl_slist_append(NULL, "Expect:");
	if (!fetch->headers)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < request->header_count; i++)
		r = add_header(&fetch->headers, request->headers[i]);
	if (r < 0)
		return r;
	curl_easy_setopt(fetch->easy, CURLOPT_HTTPHEADER, fetch->headers);
	return 0;
}

static CURLcode set_body(CURL *easy, const struct fetch_request *request)
{
	CURLcode code = CURLE_OK;

	if (request->body) {
		curl_easy_setopt(
			easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) request->body_size);
		code = curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->body);
	} else if (text_equal(request->method, "POST"))
		code = curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, "");
	if (code != CURLE_OK)
		return code;
	return curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

static CURLcode set_limits(CURL *easy, const struct fetch_request *request)
{
	usec_t ms = request->timeout / USEC_PER_MSEC;
	long timeout = ms > LONG_MAX ? LONG_MAX : ms > 0 ? (long) ms : 1;
	CURLcode code;

	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, timeout);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
#if LIBCURL_VERSION_NUM >= 0x075700
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
#if LIBCURL_VERSION_NUM >= 0x075500
	code = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	code = curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long) (CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	if (code != CURLE_OK)
		return code;
	/* Empty, not unset: unset means what the environment says. */
	code = curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
	if (code != CURLE_OK)
		return code;
	return curl_easy_setopt(easy, CURLOPT_PROXY, request->proxy ? request->proxy : "");
}

static CURLcode set_blob(CURL *easy, CURLoption option, const char *pem)
{
	/* The blob is copied; libcurl's type has no const. */
	union {
		const char *from;
		void *to;
	} data = {.from = pem};
	struct curl_blob blob = {.data = data.to, .len = strlen(pem), .flags = CURL_BLOB_COPY};

	return curl_easy_setopt(easy, option, &blob);
}

static CURLcode set_tls(CURL *easy, const struct fetch_request *request)
{
	CURLcode code = CURLE_OK;

	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	if (request->ca) {
		/* This file alone: nothing that the system trusts besides. */
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
		code = curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca);
	}
	if (code == CURLE_OK && request->certificate)
		code = set_blob(easy, CURLOPT_SSLCERT_BLOB, request->certificate);
	if (code == CURLE_OK && request->key)
		code = set_blob(easy, CURLOPT_SSLKEY_BLOB, request->key);
	return code;
}

static CURLcode set_callbacks(struct fetch *fetch, const struct fetch_request *request)
{
	CURL *easy = fetch->easy;
	CURLcode code;

	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetch);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, fetch);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, fetch->error);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, fetch);
	code = curl_easy_setopt(easy, CURLOPT_USERAGENT, "modelwatch/" PACKAGE_VERSION);
	if (code == CURLE_OK && request->unix_socket)
		code = curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, request->unix_socket);
	return code;
}

static int set_up(struct fetch *fetch, const struct fetch_request *request)
{
	int r;

	r = set_url(fetch->easy, request, &fetch->target);
	if (r < 0)
		return r;
	r = set_headers(fetch, request);
	if (r < 0)
		return r;
	if (set_callbacks(fetch, request) != CURLE_OK || set_limits(fetch->easy, request) ||
		set_body(fetch->easy, request) || set_tls(fetch->easy, request))
		return -ENOMEM;
	return 0;
}

/* What costs memory waits for the first request. */
static int make_multi(struct fetcher *f)
{
	if (f->multi)
		return 0;
	f->multi = curl_multi_init();
	if (!f->multi)
		return -ENOMEM;
	curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f);
	curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, on_timeout_changed);
	curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f);
	curl_multi_setopt(f->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT);
	return 0;
}

int fetch_start(struct fetcher *f, const struct fetch_request *request, fetch_done_fn done,
	void *userdata)
{
	_cleanup_(fetch_free_pointer) struct fetch *fetch = NULL;
	int r;

	if (request->body_limit == 0)
		return -EINVAL;
	r = make_multi(f);
	if (r < 0)
		return r;
	fetch = calloc(1, sizeof(*fetch));
	if (!fetch)
		return -ENOMEM;
	*fetch = (struct fetch){.fetcher = f,
		.timeout = request->timeout,
		.body = {.limit = request->body_limit},
		.done = done,
		.userdata = userdata};
	fetch->easy = curl_easy_init();
	if (!fetch->easy)
		return -ENOMEM;
	r = set_up(fetch, request);
	if (r < 0)
		return r;
	if (curl_multi_add_handle(f->multi, fetch->easy) != CURLM_OK)
		return -EIO;
	fetch->next = f->first;
	if (f->first)
		f->first->previous = fetch;
	f->first = TAKE_POINTER(fetch);
	return 0;
}

struct fetcher *fetcher_free(struct fetcher *f)
{
	if (!f)
		return NULL;
	while (f->first)
		fetch_free(f->first);
	if (f->multi)
		curl_multi_cleanup(f->multi);
	sd_event_source_disable_unref(f->timer);
	sd_event_source_disable_unref(f->drain);
	sd_event_unref(f->event);
	curl_global_cleanup();
	free(f);
	return NULL;
}
DEFINE_CLEANUP(struct fetcher *, fetcher_free);

int fetcher_new(sd_event *event, struct fetcher **ret)
{
	_cleanup_(fetcher_free_pointer) struct fetcher *f = NULL;
	int r;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -EIO;
	f = calloc(1, sizeof(*f));
	if (!f) {
		curl_global_cleanup();
		return -ENOMEM;
	}
	f->event = sd_event_ref(event);
	/* Accurate to the microsecond: libcurl starts a request by a timeout of 0. */
	r = sd_event_add_time(event, &f->timer, CLOCK_MONOTONIC, USEC_INFINITY, 1, on_timer, f);
	if (r < 0)
		return r;
	r = sd_event_source_set_enabled(f->timer, SD_EVENT_OFF);
	if (r < 0)
		return r;
	r = sd_event_add_defer(event, &f->drain, on_drain, f);
	if (r < 0)
		return r;
	r = sd_event_source_set_enabled(f->drain, SD_EVENT_OFF);
	if (r < 0)
		return r;
	*ret = TAKE_POINTER(f);
	return 0;
}

char *fetch_escape(const char *text)
{
	char *escaped = curl_easy_escape(NULL, text, 0), *copy;

	copy = escaped ? strdup(escaped) : NULL;
	curl_free(escaped);
	return copy;
}
