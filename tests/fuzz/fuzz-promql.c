/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions: an answer, or a refusal with its position. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "alerts/promql/promql.h"
#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int select_one(void *userdata, const char *metric, int64_t time_ms, promql_series_fn fn,
	void *fn_userdata)
{
	struct series series = {.metric = strdup(metric)};
	int r = fn(fn_userdata, &series, 1);

	series_done(&series);
	return r;
}

static int ignore(void *userdata, const struct labels *labels, double value)
{
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct promql_source source = {select_one, NULL};
	_cleanup_free_ char *text = strndup((const char *) data, size), *why = NULL;
	struct promql *p = NULL;
	int r = promql_parse(text, &p, &why);

	assert(r == 0 || text_after(why, "position "));
	if (r == 0)
		promql_evaluate(p, &source, 0, ignore, NULL);
	promql_free(p);
	return 0;
}
