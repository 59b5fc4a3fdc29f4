/* SPDX-License-Identifier: Apache-2.0 */
/* What the role `web` knows and holds.
 *
 * Layer: daemon/web. */
#pragma once

#include "daemon/role.h"
#include "daemon/web/commands.h"
#include "daemon/web/documents.h"
#include "daemon/web/host_check.h"
#include "daemon/web/http_server.h"
#include "daemon/web/pages.h"

struct web {
	struct role *role;
	struct http_server *server;
	struct pages *pages;
	struct commands *commands;
	struct documents documents;
	struct host_names names;
	usec_t started;         /* monotonic */
	sd_event_source *begin; /* on until requests are taken */
	sd_event_source *idle;  /* on from the first request until what it needed is given back */
	char *external_url;
	char *trouble;           /* why the engine cannot write the database; NULL while it can */
	bool trouble_of_samples; /* ...but all else than samples */
	bool password_set;       /* logins were asked for: who is not local gets nothing without */
};
