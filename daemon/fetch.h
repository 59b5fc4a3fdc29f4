/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP requests out, on the event loop: the one place that knows libcurl.
 *
 * Layer: daemon. http and https alone, no redirects followed, certificates verified, TLS 1.2 at
 * least, headers and body bounded, no proxy but the one given. Connections stay open for the next
 * request to the same place. Error texts name the host and the port, never a URL's path, query or
 * user, nor a header's value. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "daemon/base/clock.h"

struct fetcher;

struct fetch_request {
	const char *method;	 /* "GET", "POST" ... */
	const char *url;
	const char *unix_socket; /* connect there instead; NULL for the URL's host */
	const char *const *headers; /* "Name: value"; one with a line break is refused */
	size_t header_count;
	const void *body;
	size_t body_size;
	usec_t timeout;	   /* for the whole request, from the name to the last byte */
	size_t body_limit; /* bytes of the answer's body, not 0; more is an error */
	const char *ca;	   /* path of a PEM file; NULL for the system's */
	const char *certificate, *key; /* of the client, in PEM; NULL for none */
	const char *proxy;	       /* its URL; NULL for none */
};

/* Nothing in it lives longer than the call of fetch_done_fn. */
struct fetch_response {
	/* 0 after a transport error. Of an answer that is too large it is there, with an error:
	 * who wants no more than the status has it. */
	unsigned status;
	int64_t retry_after; /* seconds, a week at most, also where a date was given; -1: none */
	const char *content_type;  /* "" for none */
	const char *redirect_host; /* where a 3xx points; "" for none */
	const char *body;	   /* NUL-terminated */
	size_t body_size;
	const char *error; /* what went wrong with the transport; "" if nothing */
	int system_error;  /* the errno of a connection that failed; 0 if it has none */
};

typedef void (*fetch_done_fn)(const struct fetch_response *response, void *userdata);

/* Once a process before its sandbox closes (libcurl and OpenSSL read their configuration then). The
 * rest is set up with the first request. */
int fetcher_new(sd_event *event, struct fetcher **ret);
/* Ends what is under way without calling back. */
struct fetcher *fetcher_free(struct fetcher *f);

/* Copies the request. DONE is called once, from the loop, never from within; it may start others or
 * free the fetcher. -EINVAL: not a URL or header that could be sent, or no limit; -ENOMEM; -EIO. */
int fetch_start(struct fetcher *f, const struct fetch_request *request, fetch_done_fn done,
	void *userdata);

/* Encodes TEXT as one segment of a URL's path (free() it), or NULL without memory. */
char *fetch_escape(const char *text);
