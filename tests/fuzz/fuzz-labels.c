/* SPDX-License-Identifier: Apache-2.0 */
/* What labels_parse() accepts, labels_write() writes in the same bytes. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "schema/series.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(labels_done) struct labels labels = {0}, copy = {0};
	_cleanup_buf_ struct buf written = BUF_INIT;
	_cleanup_free_ char *text = strndup((const char *) data, size);

	assert(text);
	if (labels_parse(text, &labels) < 0)
		return 0;
	labels_write(&labels, &written);
	assert(buf_error(&written) == 0);
	assert(strcmp(written.data, text) == 0);
	for (size_t i = 0; i < labels.count; i++)
		assert(labels_get(&labels, labels.items[i].name) == labels.items[i].value);
	assert(labels_copy(&labels, &copy) == 0);
	assert(labels_compare(&labels, &copy) == 0);
	assert(labels_fingerprint(&labels) == labels_fingerprint(&copy));
	return 0;
}
