/* SPDX-License-Identifier: Apache-2.0 */
/* One file of a configuration: whatever it holds, each error names a line, and what loads without an
 * error travels to every role. */
#include <stdlib.h>

#include "daemon/config/check.h"
#include "daemon/config/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void travel(const struct config *c, unsigned role)
{
	_cleanup_buf_ struct buf slice = BUF_INIT;
	_cleanup_config_ struct config *arrived = NULL;

	if (config_slice(c, role, &slice) < 0 ||
		config_unslice(slice.data, slice.size, &arrived) < 0)
		abort();
}

static void report(void *userdata, int level, const char *text)
{
	if (__builtin_strncmp(text, "file:", 5) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_config_ struct config *c = config_new(FOR_ALL);
	_cleanup_problems_ struct problems problems = {0};
	struct place place = {.file = "file", .number = 1};

	config_take_text(c, &problems, &place, data, size);
	config_check(c, &problems);
	config_check_unused(c, &problems);
	for (unsigned role = 1; problems.errors == 0 && (role & FOR_ALL); role <<= 1)
		travel(c, role);
	if (problems.left_out == 0)
		problems_report(&problems, report, NULL);
	return 0;
}
