/* SPDX-License-Identifier: Apache-2.0 */
/* The input is tried as it is, and with the checksum that it ought to have, which no fuzzer finds by itself.
 * What is read is in order. */
#include <assert.h>

#include "daemon/base/cleanup.h"
#include "schema/chunk.h"
#include "schema/crc32c.h"

#define KEY 4242

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const void *data, size_t size)
{
	static struct chunk chunk;
	static int64_t times[CHUNK_TIMES_MAX];
	static double values[CHUNK_TIMES_MAX];

	if (chunk_read(&chunk, KEY, data, size) < 0)
		return;
	for (size_t i = 0; i < chunk.column_count; i++) {
		const struct chunk_column *column = &chunk.columns[i];

		assert(chunk_find(&chunk, column->id) == column);
		assert(column->count > 0 && column->count <= chunk.time_count);
		if (chunk_read_column(&chunk, column, times, values) < 0)
			continue;
		for (size_t n = 1; n < column->count; n++)
			assert(times[n - 1] < times[n]);
		assert(times[0] >= chunk.times[0]);
		assert(times[column->count - 1] <= chunk.times[chunk.time_count - 1]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf summed = BUF_INIT;

	check(data, size);
	buf_add(&summed, data, size);
	buf_put_u32(&summed, crc32c_keyed(KEY, data, size));
	assert(buf_error(&summed) == 0);
	check(summed.data, summed.size);
	return 0;
}
