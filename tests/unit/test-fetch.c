/* SPDX-License-Identifier: Apache-2.0 */
/* fetch against a server of its own in a child process that misbehaves in every way it is asked. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cmocka.h>

#include "daemon/base/buf.h"
#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "daemon/fetch.h"
#include "tests/unit/server.h"

#define BODY_LIMIT 4096

/* The side under test. */

struct fixture {
	sd_event *event;
	struct fetcher *fetcher;
	pid_t server;
	unsigned port;
};

struct result {
	unsigned calls, status;
	int64_t retry_after;
	char type[64], host[64], body[BODY_LIMIT + 1], error[512];
	size_t body_size;
	int system_error;
	sd_event *event;
	struct fetcher **free_fetcher;
};

static void on_done(const struct fetch_response *response, void *userdata)
{
	struct result *result = userdata;

	result->calls++;
	result->status = response->status;
	result->retry_after = response->retry_after;
	result->body_size = response->body_size;
	result->system_error = response->system_error;
	snprintf(result->type, sizeof(result->type), "%s", response->content_type);
	snprintf(result->host, sizeof(result->host), "%s", response->redirect_host);
	snprintf(result->body, sizeof(result->body), "%s", response->body);
	snprintf(result->error, sizeof(result->error), "%s", response->error);
	if (result->free_fetcher)
		*result->free_fetcher = fetcher_free(*result->free_fetcher);
	sd_event_exit(result->event, 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	_cleanup_close_ int listener = server_listen(&f->port);

	/* None of this may have an effect. */
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("all_proxy", "http://127.0.0.1:1", 1);
	signal(SIGPIPE, SIG_IGN);
	f->server = server_start(listener);
	assert_int_equal(sd_event_new(&f->event), 0);
	assert_int_equal(fetcher_new(f->event, &f->fetcher), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fetcher_free(f->fetcher);
	sd_event_unref(f->event);
	kill(f->server, SIGKILL);
	free(f);
	return 0;
}

/* Runs one request in a loop of its own, to its end. */
static struct result run(struct fixture *f, const struct fetch_request *request)
{
	struct result result = {.event = f->event};

	fetcher_free(f->fetcher);
	sd_event_unref(f->event);
	assert_int_equal(sd_event_new(&f->event), 0);
	assert_int_equal(fetcher_new(f->event, &f->fetcher), 0);
	result.event = f->event;
	assert_int_equal(fetch_start(f->fetcher, request, on_done, &result), 0);
	assert_int_equal(result.calls, 0);
	sd_event_loop(f->event);
	assert_int_equal(result.calls, 1);
	return result;
}

static const char *url_of(const struct fixture *f, const char *path, char url[static 128])
{
	snprintf(url, 128, "http://user:hidden@127.0.0.1:%u%s", f->port, path);
	return url;
}

static void test_answers(void **state)
{
	static const struct {
		const char *path;
		unsigned status;
		int64_t retry_after;
		const char *body, *type, *host;
		const char *error; /* what stands behind the target in it; NULL for none */
		unsigned timeout_ms;
	} cases[] = {
		{"/200", 200, -1, "fine", "text/plain", "", NULL, 20000},
		{"/500", 500, 7, "oops", "", "", NULL, 20000},
		{"/date", 429, 1000, "", "", "", NULL, 20000},
		{"/never", 503, 604800, "", "", "", NULL, 20000},
		{"/redirect", 302, -1, "", "", "elsewhere.example", NULL, 20000},
		{"/slow", 200, -1, "slow", "", "", NULL, 20000},
		{"/hang", 0, -1, "", "", "", "no answer within 200ms", 200},
		{"/early", 0, -1, "", "", "", "the connection was closed without an answer", 20000},
		{"/half", 0, -1, NULL, "", "",
			"the connection was closed in the middle of the answer", 20000},
		{"/huge", 200, -1, NULL, "", "", "the answer is larger than 4096 bytes", 20000},
		{"/headers", 0, -1, "", "", "",
			"the answer's headers are larger than 65536 bytes", 20000},
		{"/garbage", 0, -1, "", "", "", "the answer is not HTTP", 20000},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		char url[128], error[256] = "";
		struct fetch_request request = {.method = "GET",
			.url = url_of(f, cases[i].path, url),
			.timeout = cases[i].timeout_ms * USEC_PER_MSEC,
			.body_limit = BODY_LIMIT};
		struct result result = run(f, &request);

		if (cases[i].error)
			snprintf(error, sizeof(error), "127.0.0.1:%u: %s", f->port, cases[i].error);
		assert_string_equal(result.error, error);
		assert_int_equal(result.status, cases[i].status);
		/* A second may pass between the server's clock and libcurl's. */
		assert_in_range(result.retry_after + 1,
			cases[i].retry_after > 100 ? 900 : cases[i].retry_after + 1,
			cases[i].retry_after + 1);
		if (cases[i].body)
			assert_string_equal(result.body, cases[i].body);
		assert_true(result.body_size <= BODY_LIMIT);
		assert_string_equal(result.type, cases[i].type);
		assert_string_equal(result.host, cases[i].host);
	}
}

static void test_what_is_sent(void **state)
{
	static const char *const headers[] = {"Content-Type: application/json", "X-Team: ml", "X-Empty:"};
	struct fixture *f = *state;
	char url[128];
	struct fetch_request request = {.method = "POST",
		.url = url_of(f, "/echo", url),
		.headers = headers,
		.header_count = ELEMENTS(headers),
		.body = "{\"a\":1}",
		.body_size = 7,
		.timeout = 20 * USEC_PER_SEC,
		.body_limit = BODY_LIMIT};
	struct result result = run(f, &request);

	assert_int_equal(result.status, 200);
	assert_non_null(text_after(result.body, "POST /echo HTTP/1.1\r\n"));
	assert_non_null(strstr(result.body, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(result.body, "\r\nX-Team: ml\r\n"));
	assert_non_null(strstr(result.body, "\r\nX-Empty:\r\n"));
	assert_non_null(strstr(result.body, "\r\nUser-Agent: modelwatch/"));
	assert_non_null(strstr(result.body, "\r\nContent-Length: 7\r\n"));
	assert_null(strcasestr(result.body, "\r\nexpect:"));
	assert_true(text_ends_with(result.body, "\r\n\r\n{\"a\":1}"));
}

static void test_refused_at_once(void **state)
{
	static const char *const broken[] = {"X-A: b\r\nX-C: d", "nothing"};
	struct fixture *f = *state;
	const struct fetch_request requests[] = {
		{.url = "ftp://127.0.0.1/"},
		{.url = "file:///etc/passwd"},
		{.url = "gopher://127.0.0.1/"},
		{.url = ""},
		{.url = "http://"},
		{.url = "http://127.0.0.1:99999/"},
		{.url = "http://127.0.0.1/", .headers = broken, .header_count = 1},
		{.url = "http://127.0.0.1/", .headers = broken + 1, .header_count = 1},
	};

	for (size_t i = 0; i < ELEMENTS(requests); i++) {
		struct fetch_request request = requests[i];

		request.method = "GET";
		request.timeout = USEC_PER_SEC;
		request.body_limit = BODY_LIMIT;
		assert_int_equal(fetch_start(f->fetcher, &request, on_done, NULL), -EINVAL);
	}
}

static void test_nobody_listens(void **state)
{
	struct fixture *f = *state;
	char url[128], error[256];
	unsigned port;
	int closed = server_listen(&port);
	struct fetch_request request = {.method = "GET",
		.url = url,
		.timeout = 20 * USEC_PER_SEC,
		.body_limit = BODY_LIMIT};
	struct result result;

	close(closed);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/secret?token=1", port);
	snprintf(error, sizeof(error), "127.0.0.1:%u: cannot connect: Connection refused", port);
	result = run(f, &request);
	assert_int_equal(result.status, 0);
	assert_string_equal(result.error, error);
	assert_int_equal(result.system_error, ECONNREFUSED);
}

/* Connected by the kernel, but nobody answers the greeting of TLS. */
static void test_silent_tls(void **state)
{
	struct fixture *f = *state;
	char url[128], error[256];
	unsigned port;
	int silent = server_listen(&port);
	struct fetch_request request = {.method = "GET",
		.url = url,
		.timeout = 100 * USEC_PER_MSEC,
		.body_limit = BODY_LIMIT};
	struct result result;

	snprintf(url, sizeof(url), "https://127.0.0.1:%u/", port);
	snprintf(error, sizeof(error), "127.0.0.1:%u: cannot connect within 100ms", port);
	result = run(f, &request);
	close(silent);
	assert_int_equal(result.status, 0);
	assert_string_equal(result.error, error);
}

static void test_unix_socket(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char directory[] = "/tmp/test-fetch-XXXXXX";
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct fetch_request request = {.method = "GET",
		.url = "http://localhost/200",
		.unix_socket = address.sun_path,
		.timeout = 20 * USEC_PER_SEC,
		.body_limit = BODY_LIMIT};
	struct result result;
	pid_t server;

	assert_non_null(mkdtemp(directory));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", directory);
	result = run(f, &request);
	assert_int_equal(result.system_error, ENOENT);
	assert_non_null(strstr(result.error, address.sun_path));

	assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 4), 0);
	server = server_start(fd);
	result = run(f, &request);
	assert_int_equal(result.status, 200);
	assert_string_equal(result.body, "fine");
	kill(server, SIGKILL);
	unlink(address.sun_path);
	rmdir(directory);
}

/* Many at once over one fetcher; the connections that they leave serve the next. */
static void test_many(void **state)
{
	enum { MANY = 20 };
	struct fixture *f = *state;
	struct result results[MANY] = {{0}};
	unsigned calls = 0;
	char url[128];
	struct fetch_request request = {.method = "GET",
		.url = url_of(f, "/200", url),
		.timeout = 20 * USEC_PER_SEC,
		.body_limit = BODY_LIMIT};
	sd_event *quiet = NULL;

	assert_int_equal(sd_event_new(&quiet), 0);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < MANY; i++) {
			results[i] = (struct result){.event = quiet};
			assert_int_equal(fetch_start(f->fetcher, &request, on_done, &results[i]), 0);
		}
		do {
			assert_true(sd_event_run(f->event, 20 * USEC_PER_SEC) > 0);
			calls = 0;
			for (size_t i = 0; i < MANY; i++)
				calls += results[i].calls;
		} while (calls < MANY);
		for (size_t i = 0; i < MANY; i++)
			assert_int_equal(results[i].status, 200);
	}
	sd_event_unref(quiet);
}

static void test_freed_while_under_way(void **state)
{
	struct fixture *f = *state;
	struct result result = {.event = f->event, .free_fetcher = &f->fetcher};
	struct result other = {.event = f->event};
	char url[128], hanging[128];
	struct fetch_request request = {.method = "GET",
		.url = url_of(f, "/200", url),
		.timeout = 20 * USEC_PER_SEC,
		.body_limit = BODY_LIMIT};
	struct fetch_request hang = request;

	hang.url = url_of(f, "/hang", hanging);
	assert_int_equal(fetch_start(f->fetcher, &hang, on_done, &other), 0);
	assert_int_equal(fetch_start(f->fetcher, &request, on_done, &result), 0);
	sd_event_loop(f->event);
	assert_int_equal(result.calls, 1);
	assert_int_equal(other.calls, 0);
	assert_null(f->fetcher);
}

/* A TLS server with a certificate that nobody but the test trusts. */

static X509 *self_signed(EVP_PKEY *key)
{
	X509 *certificate = X509_new();
	X509_NAME *name = X509_get_subject_name(certificate);
	X509_EXTENSION *names =
		X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");

	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *) "test", -1, -1, 0);
	X509_set_issuer_name(certificate, name);
	X509_set_pubkey(certificate, key);
	X509_add_ext(certificate, names, -1);
	X509_EXTENSION_free(names);
	X509_sign(certificate, key, EVP_sha256());
	return certificate;
}

static void serve_tls(int listener, SSL_CTX *tls)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		SSL *ssl = SSL_new(tls);
		static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";
		char request[4096];

		SSL_set_fd(ssl, fd);
		if (SSL_accept(ssl) == 1 && SSL_read(ssl, request, sizeof(request)) > 0)
			SSL_write(ssl, text, sizeof(text) - 1);
		SSL_free(ssl);
		close(fd);
	}
}

static void test_tls(void **state)
{
	struct fixture *f = *state;
	char path[] = "/tmp/test-fetch-ca-XXXXXX", url[128];
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");
	unsigned port;
	_cleanup_close_ int listener = server_listen(&port);
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = self_signed(key);
	struct fetch_request request = {.method = "GET",
		.url = url,
		.timeout = 20 * USEC_PER_SEC,
		.body_limit = BODY_LIMIT};
	struct result result;
	pid_t server;

	PEM_write_X509(file, certificate);
	fclose(file);
	server = server_fork();
	if (server == 0) {
		SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

		SSL_CTX_use_certificate(tls, certificate);
		SSL_CTX_use_PrivateKey(tls, key);
		serve_tls(listener, tls);
	}
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/secret", port);
	result = run(f, &request);
	assert_int_equal(result.status, 0);
	assert_non_null(strstr(result.error, "self-signed certificate"));
	assert_null(strstr(result.error, "secret"));

	request.ca = path;
	result = run(f, &request);
	assert_string_equal(result.error, "");
	assert_int_equal(result.status, 200);
	assert_string_equal(result.body, "fine");

	/* The right authority, but not the name that was asked for. */
	snprintf(url, sizeof(url), "https://localhost:%u/", port);
	result = run(f, &request);
	assert_int_equal(result.status, 0);
	assert_non_null(strstr(result.error, "localhost"));

	request.ca = "/nonexistent/ca.pem";
	result = run(f, &request);
	assert_int_equal(result.status, 0);
	assert_non_null(strstr(result.error, "certificate authorities"));
	assert_null(strstr(result.error, "nonexistent"));
	kill(server, SIGKILL);
	X509_free(certificate);
	EVP_PKEY_free(key);
	unlink(path);
}

static void test_escape(void **state)
{
	_cleanup_free_ char *escaped = fetch_escape("a/b c?d");

	assert_string_equal(escaped, "a%2Fb%20c%3Fd");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_sent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nobody_listens, setup, teardown),
		cmocka_unit_test_setup_teardown(test_silent_tls, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unix_socket, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_freed_while_under_way, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tls, setup, teardown),
		cmocka_unit_test(test_escape),
	};

	return cmocka_run_group_tests_name("fetch", tests, NULL, NULL);
}
