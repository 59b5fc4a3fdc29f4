/* SPDX-License-Identifier: Apache-2.0 */
/* modelwatch test-webhook: does a notification get there? */
#include <stdlib.h>
#include <string.h>

#include "daemon/base/text.h"
#include "daemon/cli/client.h"
#include "daemon/fetch.h"

static void print_result(const json_t *result)
{
	long long status = json_integer_value(json_object_get(result, "status"));
	const char *error = show_string(result, "error"), *name = show_string(result, "webhook");
	struct style style = client_style();
	_cleanup_buf_ struct buf b = BUF_INIT;

	show_paint(&b, &style, BOLD, name);
	if (json_is_true(json_object_get(result, "delivered")))
		buf_printf(&b, ": delivered, the receiver answered %lld", status);
	else {
		buf_add_string(&b, ": not delivered: ");
		show_paint(&b, &style, RED, *error ? error : "no reason was given");
	}
	puts(b.data ? b.data : "");
}

int verb_test_webhook(const struct invocation *i)
{
	_cleanup_(answer_done) struct answer answer = {0};
	_cleanup_free_ char *name = fetch_escape(i->argument), *path = NULL;
	int r;

	if (!name || asprintf(&path, "/v1/webhooks/%s/test", name) < 0)
		return i->verb->failure;
	r = client_request(i, "POST", path, "{}", NULL, &answer);
	if (i->json)
		client_print(&answer.body);
	if (r < 0)
		return i->verb->failure;
	if (!i->json)
		print_result(answer.json);
	return json_is_true(json_object_get(answer.json, "delivered")) ? EXIT_SUCCESS
									 : i->verb->failure;
}
