/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/trim.h"

#include <link.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Segments that were ever writable hold relocated pointers that no file has: they stay. */
static int drop_object(struct dl_phdr_info *object, size_t size, void *userdata)
{
	uintptr_t page = (uintptr_t) sysconf(_SC_PAGESIZE);

	for (size_t i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		uintptr_t start, end;

		if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W))
			continue;
		start = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
		end = object->dlpi_addr + segment->p_vaddr + segment->p_memsz;
		/* The address of a mapping is not a pointer to an object of ours. */
		(void) madvise((void *) start, end - start, MADV_DONTNEED);
	}
	return 0;
}

void trim_memory(void)
{
	malloc_trim(0);
	dl_iterate_phdr(drop_object, NULL);
}
