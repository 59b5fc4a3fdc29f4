/* SPDX-License-Identifier: Apache-2.0 */
/* A slice from a sealed memory file: refused, or every value of it can be asked for. */
#include <stdlib.h>

#include "daemon/config/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct section *s, enum option option)
{
	const char *const *list;
	size_t count, bytes = 0;

	section_has(s, option);
	section_bool(s, option);
	section_number(s, option);
	section_duration(s, option);
	bytes += __builtin_strlen(section_string(s, option));
	list = section_list(s, option, &count);
	for (size_t i = 0; i < count; i++)
		bytes += __builtin_strlen(list[i]);
	if (bytes > 2 * CONFIG_TOTAL_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_config_ struct config *c = NULL;

	if (config_unslice(data, size, &c) < 0)
		return 0;
	for (enum option o = 0; o < OPTIONS; o++) {
		const struct section *s = NULL;

		while ((s = config_next(c, option_rows[o].kind, s)))
			if (option_rows[o].roles & c->roles)
				ask(s, o);
	}
	return 0;
}
