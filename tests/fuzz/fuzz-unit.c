/* SPDX-License-Identifier: Apache-2.0 */
/* The wire form of unit.h: whatever the reader takes, the writer gives back. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "schema/unit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct unit_state u;

	if (unit_state_read(data, size, &u) < 0)
		return 0;
	unit_state_write(&u, &b);
	assert(b.size == size && memcmp(b.data, data, size) == 0);
	unit_state_done(&u);
	return 0;
}
