/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP requests out, on the event loop: the one place that knows libcurl.
 *
 * Layer: daemon. http and https alone, no redirects followed, certificates verified, the body
 * bounded, no proxy but the one given. Secrets in URLs never reach an error text. */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/base/clock.h"

struct fetcher;
struct fetch; /* one request under way */

struct fetch_request {
	const char *method; /* "GET", "POST" */
	const char *url;
	const char *unix_socket; /* connect there instead; NULL for the URL's host */
	const char *const *headers;
	size_t header_count;
	const void *body;
	size_t body_size;
	usec_t timeout;	      /* for the whole request */
	size_t body_limit;    /* bytes of the answer's body that are kept; what is over is an error */
	const char *ca;	      /* PEM file; NULL for the system's */
	const char *certificate, *key; /* PEM, of the client; NULL for none */
	const char *proxy;    /* NULL for none */
};

struct fetch_response {
	unsigned status; /* 0 after a transport error */
	int64_t retry_after; /* seconds; -1 where there was none */
	const char *content_type;
	const char *body; /* NUL-terminated */
	size_t body_size;
	const char *error; /* what went wrong with the transport; "" if nothing */
};

typedef void (*fetch_done_fn)(const struct fetch_response *response, void *userdata);

int fetcher_new(sd_event *event, struct fetcher **ret);
/* Ends what is under way without calling back. */
struct fetcher *fetcher_free(struct fetcher *f);

/* Copies the request. DONE is called once, from the loop, never from within. */
int fetch_start(struct fetcher *f, const struct fetch_request *request, fetch_done_fn done,
	void *userdata, struct fetch **ret);
