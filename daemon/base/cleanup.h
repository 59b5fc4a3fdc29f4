/* SPDX-License-Identifier: Apache-2.0 */
/* Ownership that ends with the scope: destructors for the cleanup attribute.
 *
 * Layer: base. Every destructor takes a pointer to the variable and accepts an empty one.
 * Ownership leaves a scope only visibly, by TAKE_POINTER() or TAKE_FD(). */
#pragma once

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(destructor) __attribute__((cleanup(destructor)))
#define _cleanup_free_        _cleanup_(free_pointer)
#define _cleanup_close_       _cleanup_(close_fd)

/* Gives the value to the caller and leaves the variable empty. */
#define TAKE_POINTER(p)                                                                            \
	({                                                                                         \
		__typeof__(p) *_p = &(p), _value = *_p;                                            \
		*_p = NULL;                                                                        \
		_value;                                                                            \
	})
#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int *_fd = &(fd), _value = *_fd;                                                   \
		*_fd = -1;                                                                         \
		_value;                                                                            \
	})

#define ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

/* A named number as it stands, for a text that tells it. */
#define STRINGIFY(number)      STRINGIFY_WORD(number)
#define STRINGIFY_WORD(number) #number

static inline void free_pointer(void *p)
{
	free(*(void **) p);
}

/* Keeps errno, so that an error path can return -errno after it. */
static inline void close_fd(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

/* Defines NAME_pointer(), a destructor for the cleanup attribute, from a free function that
 * accepts NULL. */
#define DEFINE_CLEANUP(type, free_function)                                                        \
	static inline void free_function##_pointer(type *p)                                        \
	{                                                                                          \
		free_function(*p);                                                                 \
	}                                                                                          \
	struct _semicolon_
