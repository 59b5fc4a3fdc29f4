/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions: a refusal with its position, or an answer in which no label set comes twice. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "alerts/promql/promql.h"
#include "daemon/base/cleanup.h"
#include "daemon/base/map.h"
#include "daemon/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each metric has these, with values of its own. */
static int select_some(void *userdata, const char *metric, int64_t time_ms, promql_series_fn fn,
	void *fn_userdata)
{
	static const char *const labels[] = {"{}", "{a=\"1\"}", "{a=\"2\",b=\"x\"}"};
	int r = 0;

	assert(promql_reads(userdata, metric));
	for (size_t i = 0; i < ELEMENTS(labels) && r == 0; i++) {
		struct series series = {.metric = strdup(metric)};

		assert(labels_parse(labels[i], &series.labels) == 0);
		r = fn(fn_userdata, &series, (double) ((strlen(metric) + i) % 3));
		series_done(&series);
	}
	return r;
}

static int count_element(void *userdata, const struct labels *labels, double value)
{
	--*(int *) userdata;
	return 0;
}

struct subjects {
	struct map *seen;
	int holding;
};

static int count_subject(void *userdata, const struct labels *labels, double value, bool holds)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct subjects *s = userdata;
	void *old = NULL;

	labels_write(labels, &text);
	assert(map_put(s->seen, text.data, text.size, s, &old) == 0 && !old);
	s->holding += holds;
	return 0;
}

static void evaluate(const struct promql *p)
{
	struct promql_source source = {select_some, (void *) (uintptr_t) p};
	struct subjects s = {.seen = map_new()};

	assert(promql_subjects(p, &source, 0, count_subject, &s) == 0);
	assert(promql_evaluate(p, &source, 0, count_element, &s.holding) == 0);
	assert(s.holding == 0 && promql_metric(p, 0));
	promql_threshold(p);
	map_free(s.seen, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = strndup((const char *) data, size), *why = NULL;
	struct promql *p = NULL;
	int r = promql_parse(text, &p, &why);

	assert(r == 0 || text_after(why, "position "));
	if (r == 0)
		evaluate(p);
	promql_free(p);
	return 0;
}
