/* SPDX-License-Identifier: Apache-2.0 */
/* Matchers and their regular expressions: the first line is the matcher, the rest a label's value. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "alerts/promql/promql.h"
#include "daemon/base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = strndup((const char *) data, size), *why = NULL;
	char *line = strchr(text, '\n');
	struct labels labels = {0};
	struct matcher m;

	if (line)
		*line++ = '\0';
	if (matcher_parse(text, &m, &why) < 0) {
		assert(why);
		return 0;
	}
	if (line)
		labels_set(&labels, m.name, line);
	matcher_matches(&m, &labels);
	labels_done(&labels);
	matcher_done(&m);
	return 0;
}
