/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/sample.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/cursor.h"

#define SAMPLES_MAX  65536 /* in one list */
#define SAMPLE_BYTES (sizeof(uint32_t) + sizeof(double))

/* Prometheus, model/value/value.go: StaleNaN. */
#define STALE_NAN_BITS 0x7ff0000000000002ULL

double sample_stale(void)
{
	const uint64_t bits = STALE_NAN_BITS;
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

bool sample_is_stale(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits == STALE_NAN_BITS;
}

void samples_write(const struct sample *list, size_t count, struct buf *b)
{
	buf_put_u32(b, (uint32_t) count);
	for (size_t i = 0; i < count; i++) {
		buf_put_u32(b, list[i].series);
		buf_put_f64(b, list[i].value);
	}
}

int samples_read(const void *data, size_t size, struct sample **ret, size_t *ret_count)
{
	struct cursor c = cursor_init(data, size);
	struct sample *list;
	size_t count;
	int r = cursor_array(&c, SAMPLES_MAX, SAMPLE_BYTES, sizeof(*list), &list, &count);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		list[i].series = cursor_u32(&c);
		list[i].value = cursor_f64(&c);
	}
	if (!cursor_complete(&c)) {
		free(list);
		return -EBADMSG;
	}
	*ret = list;
	*ret_count = count;
	return 0;
}
