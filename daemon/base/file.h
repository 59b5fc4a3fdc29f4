/* SPDX-License-Identifier: Apache-2.0 */
/* Whole small files and sealed memory files.
 *
 * Layer: base. Every read has a limit: beyond it the answer is -EFBIG, never a part. */
#pragma once

#include <stddef.h>

#include "daemon/base/buf.h"

/* Appends the file beneath DIRECTORY (AT_FDCWD for none) to B. Works for /proc, whose files have
 * no size. 0 or -errno; after an error B is as before. */
int file_read_at(int directory, const char *path, size_t limit, struct buf *b);
int file_read(const char *path, size_t limit, struct buf *b);

/* Appends all that can be read from FD. */
int file_read_fd(int fd, size_t limit, struct buf *b);

/* Writes all SIZE bytes or fails with -errno. */
int file_write_all(int fd, const void *data, size_t size);

/* A memory file named NAME that holds the bytes and can never change again. A descriptor, or
 * -errno. */
int file_seal(const char *name, const void *data, size_t size);

/* Appends a sealed memory file that another process made. -EBADMSG where it is not sealed against
 * every change. */
int file_read_sealed(int fd, size_t limit, struct buf *b);
