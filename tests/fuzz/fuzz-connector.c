/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams of the kernel's process events. */
#include <assert.h>
#include <errno.h>
#include <stdint.h>

#include "collectors/process/connector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct connector_event event = {.kind = CONNECTOR_EXIT, .pid = -1, .status = -1};
	int r = connector_parse(data, size, &event);

	assert(r == 1 || r == 0 || r == -EBADMSG);
	if (r != 1)
		assert(event.pid == -1 && event.status == -1);
	else
		assert(event.kind == CONNECTOR_EXEC || event.kind == CONNECTOR_EXIT ||
		       event.kind == CONNECTOR_KILLED);
	return 0;
}
