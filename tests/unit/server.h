/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP server for tests, in a child process, that misbehaves in every way that the path names:
 * /200 /echo (the request as body) /500 (Retry-After: 7) /date (429, 1000 s) /never (503, INT64_MAX s)
 * /redirect /hang /early /half /huge /headers /garbage /slow; /tell/FD writes the request to a
 * descriptor that was open when the server started, and answers 204. One child for each connection, so
 * that one that hangs stops nothing else. Failures of the set-up fail the test. */
#pragma once

#include <sys/types.h>

/* Forks a child that dies with its parent, also where that died before the child could say so. */
pid_t server_fork(void);

/* A socket that listens on a free port of 127.0.0.1. */
int server_listen(unsigned *ret_port);

/* Serves the listening socket; the caller kills it. */
pid_t server_start(int listener);

/* The same, with these bytes as the answer to every request. */
pid_t server_start_with(int listener, const char *answer);
