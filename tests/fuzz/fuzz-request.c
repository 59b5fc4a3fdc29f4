/* SPDX-License-Identifier: Apache-2.0 */
/* Lines: method, target, Host, Accept; then the body. What the web role reads of them itself. */
#include <stdint.h>
#include <string.h>

#include "daemon/base/buf.h"
#include "daemon/web/command_body.h"
#include "daemon/web/content_negotiation.h"
#include "daemon/web/head_check.h"
#include "daemon/web/host_check.h"
#include "daemon/web/route.h"

#define LINES 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const allowed[] = {"gpu7.example.net"};
	static const struct host_names names = {"gpu7", "https://page.example/mw", allowed, 1};
	_cleanup_buf_ struct buf text = BUF_INIT;
	_cleanup_free_ char *body = NULL;
	const char *lines[LINES] = {"", "", "", ""}, *why;
	struct route_match match;
	char *at;

	buf_add(&text, data, size);
	at = text.data;
	for (size_t i = 0; i < LINES; i++) {
		char *end = memchr(at, '\n', (size_t) (text.data + text.size - at));

		if (!end)
			break;
		*end = '\0';
		lines[i] = at;
		at = end + 1;
	}
	route_resolve(lines[0], lines[1], &match);
	route_is_page(lines[1]);
	head_find_fault(
		&(struct head){.method = lines[0],
			.target = lines[1],
			.target_place = lines[1],
			.version = lines[3],
			.fields = {{lines[3], lines[2], strlen(lines[3]), strlen(lines[2])}},
			.count = 1},
		size % 2);
	host_is_served(lines[2], "127.0.0.1", &names);
	origin_is_own(lines[3], NULL, lines[2], &names);
	command_body_is_json(lines[3]);
	negotiate_exposition_format(lines[3]);
	command_body_read(at, (size_t) (text.data + text.size - at), size % 2, &body, &why);
	return 0;
}
