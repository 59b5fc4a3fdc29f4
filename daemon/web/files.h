/* SPDX-License-Identifier: Apache-2.0 */
/* The templates and assets, as the program carries them: no page needs a file at run time.
 *
 * Layer: daemon/web. */
#pragma once

#include <stddef.h>

struct file {
	const char *name;
	const char *content_type; /* "" for a template */
	const char *data;         /* a NUL follows */
	size_t size;
};

enum file_id {
#define FILE(identifier, ...) FILE_##identifier,
#include "daemon/web/files.def"
#undef FILE
	FILES,
};

/* Templates and assets, by their id. */
struct file file_get(enum file_id id);
