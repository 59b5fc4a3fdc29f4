/* SPDX-License-Identifier: Apache-2.0 */
/* The wire forms of event.h: whatever a reader takes, the writer gives back and it is read again. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "daemon/base/buf.h"
#include "schema/known.h"
#include "schema/records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_evidence(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct evidence *list;
	size_t count;

	if (evidence_read(data, size, &list, &count) < 0)
		return;
	evidence_write(list, count, &b);
	assert(b.size == size && memcmp(b.data, data, size) == 0);
	evidence_list_free(list, count);
}

static void fuzz_samples(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	_cleanup_free_ struct sample *list = NULL;
	size_t count;

	if (samples_read(data, size, &list, &count) < 0)
		return;
	samples_write(list, count, &b);
	assert(b.size == size && memcmp(b.data, data, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct known known, again;

	fuzz_evidence(data, size);
	fuzz_samples(data, size);
	if (known_read(data, size, &known) < 0)
		return 0;
	/* Labels may arrive in any order; they leave sorted. */
	known_write(&known, &b);
	assert(b.size == size);
	assert(known_read(b.data, b.size, &again) == 0);
	known_done(&known);
	known_done(&again);
	return 0;
}
