/* SPDX-License-Identifier: Apache-2.0 */
/* Who may ask, and what answers: from a request to its row of routes.def.
 *
 * Layer: daemon/web. */
#pragma once

#include "daemon/web/http_server.h"

/* A http_request_fn; USERDATA is a struct web. */
void dispatch_request(struct http_exchange *x, const struct http_request *http, void *userdata);
