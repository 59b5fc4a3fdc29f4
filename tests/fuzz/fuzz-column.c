/* SPDX-License-Identifier: Apache-2.0 */
/* The input is a column of so many values as its first two bytes say, and it is values: those come back in
 * the same bits. */
#include <assert.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "schema/column.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static double values[COLUMN_VALUES_MAX], again[COLUMN_VALUES_MAX];

static void check(size_t count)
{
	_cleanup_free_ struct column_work *work = column_work_new();
	_cleanup_buf_ struct buf written = BUF_INIT;

	assert(work);
	column_write(work, values, count, &written);
	assert(buf_error(&written) == 0);
	assert(column_read(written.data, written.size, again, count) == 0);
	assert(memcmp(values, again, count * sizeof(*values)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t count;

	if (size < 2)
		return 0;
	count = 1 + (size_t) (data[0] << 8 | data[1]) % COLUMN_VALUES_MAX;
	data += 2;
	size -= 2;
	if (column_read(data, size, values, count) == 0)
		check(count);
	count = size / sizeof(*values);
	if (count == 0 || count > COLUMN_VALUES_MAX)
		return 0;
	memcpy(values, data, count * sizeof(*values));
	check(count);
	return 0;
}
