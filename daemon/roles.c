/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/roles.h"

#include <linux/capability.h>

#include "daemon/base/text.h"
#include "daemon/config/config.h"
#include "daemon/message.h"

const struct role_row role_rows[ROLES] = {
#define ROLE(identifier, name, slice, sender, capabilities, reach, calls, data_limit, open_files,  \
	needed)                                                                                    \
	[ROLE_##identifier] = {name, slice, sender, capabilities, reach, calls, data_limit,        \
		open_files, needed},
#include "daemon/roles.def"
#undef ROLE
};

const struct role_row *role_row_find(const char *name)
{
	for (size_t i = 0; i < ROLES; i++)
		if (text_equal(role_rows[i].name, name))
			return &role_rows[i];
	return NULL;
}
