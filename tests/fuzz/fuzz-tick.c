/* SPDX-License-Identifier: Apache-2.0 */
/* What the reader of a moment's row accepts, the writer writes in the same bytes. The input is tried
 * as it is, and with the checksum that it ought to have, which no fuzzer finds by itself. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "schema/crc32c.h"
#include "schema/tick.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const void *data, size_t size)
{
	_cleanup_free_ struct sample *list = calloc(size / 9 + 1, sizeof(*list));
	_cleanup_buf_ struct buf written = BUF_INIT;
	struct tick t;
	size_t count = 0;
	int r;

	assert(list);
	if (tick_read(data, size, &t) < 0)
		return;
	while ((r = tick_next(&t, &list[count])) > 0) {
		assert(count == 0 || list[count - 1].series < list[count].series);
		count++;
	}
	if (r < 0)
		return;
	tick_write(list, count, &written);
	assert(buf_error(&written) == 0);
	assert(written.size == size && memcmp(written.data, data, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf summed = BUF_INIT;

	check(data, size);
	buf_add(&summed, data, size);
	buf_put_u32(&summed, crc32c(data, size));
	assert(buf_error(&summed) == 0);
	check(summed.data, summed.size);
	return 0;
}
