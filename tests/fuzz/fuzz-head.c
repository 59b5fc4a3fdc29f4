/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of changes, each with its length before it, upon one of all, under the checksums that they ought to
 * have. What was read is written so that another reader has the same. */
#include <assert.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "schema/crc32c.h"
#include "schema/head.h"

#define KEY	   4242
#define SERIES_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A row with its sum. */
static int read_row(struct head *h, const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf row = BUF_INIT;
	enum head_kind kind;

	buf_add(&row, data, size);
	buf_put_u32(&row, crc32c_keyed(KEY, data, size));
	assert(buf_error(&row) == 0);
	return head_read(h, KEY, row.data, row.size, &kind, NULL, NULL);
}

static size_t list_values(const struct head *h, struct sample *list)
{
	size_t count = 0;

	for (uint32_t id = 1; id < h->size && count < SERIES_MAX; id++)
		if (h->has[id])
			list[count++] = (struct sample){id, h->values[id]};
	return count;
}

static void check(struct head *writer, struct head *reader, const struct head *read, bool first)
{
	static struct sample list[SERIES_MAX], again[SERIES_MAX];
	_cleanup_buf_ struct buf row = BUF_INIT;
	size_t count = list_values(read, list);
	enum head_kind kind = first ? HEAD_ALL : HEAD_CHANGES;

	assert(head_write(writer, KEY, kind, list, count, &row) == 0);
	assert(head_read(reader, KEY, row.data, row.size, &kind, NULL, NULL) == 0);
	assert(list_values(reader, again) == count);
	for (size_t i = 0; i < count; i++)
		assert(list[i].series == again[i].series &&
			memcmp(&list[i].value, &again[i].value, sizeof(double)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(head_done) struct head read = {0}, writer = {0}, reader = {0};
	bool first = true;

	while (size > 1) {
		size_t row = 1 + data[0] % (size - 1);

		if (read_row(&read, data + 1, row) < 0)
			break;
		check(&writer, &reader, &read, first);
		first = false;
		data += 1 + row;
		size -= 1 + row;
	}
	return 0;
}
