/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/files.h"

#include <string.h>

/* The bytes of each file, from the folder that the makefile names, between two symbols. */
#define EMBED(identifier, path)                                                                    \
	__asm__(".pushsection .rodata\n"                                                           \
		"file_" #identifier ":\n"                                                          \
		".incbin \"" path "\"\n"                                                           \
		"file_" #identifier "_end:\n"                                                      \
		".byte 0\n"                                                                        \
		".popsection\n");                                                                  \
	extern const char file_##identifier[], file_##identifier##_end[]

#define FILE(identifier, folder, name, type)                                                       \
	EMBED(identifier, MW_WEB_DIRECTORY "/" folder "/" name);
#include "daemon/web/files.def"
#undef FILE

struct file file_get(enum file_id id)
{
	static const struct {
		const char *name, *content_type, *data, *end;
	} files[] = {
#define FILE(identifier, folder, name, type)                                                       \
	{name, type, file_##identifier, file_##identifier##_end},
#include "daemon/web/files.def"
#undef FILE
	};

	return (struct file){
		.name = files[id].name,
		.content_type = files[id].content_type,
		.data = files[id].data,
		.size = (size_t) (files[id].end - files[id].data),
	};
}
