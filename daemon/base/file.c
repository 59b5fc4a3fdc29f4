/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define READ_STEP 4096 /* bytes asked for at once; most /proc files are smaller */
#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

int file_read_fd(int fd, size_t limit, struct buf *b)
{
	size_t before = b->size;
	char block[READ_STEP];

	for (;;) {
		ssize_t size = read(fd, block, sizeof(block));
		int r = 0;

		if (size < 0 && errno == EINTR)
			continue;
		if (size == 0)
			return 0;
		if (size < 0)
			r = -errno;
		else if ((size_t) size > limit - (b->size - before))
			r = -EFBIG;
		else {
			buf_add(b, block, (size_t) size);
			r = buf_error(b);
		}
		if (r < 0) {
			b->size = before;
			if (b->data)
				b->data[before] = '\0';
			return r;
		}
	}
}

int file_read_at(int directory, const char *path, size_t limit, struct buf *b)
{
	_cleanup_close_ int fd = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return -errno;
	return file_read_fd(fd, limit, b);
}

int file_read(const char *path, size_t limit, struct buf *b)
{
	return file_read_at(AT_FDCWD, path, limit, b);
}

int file_write_all(int fd, const void *data, size_t size)
{
	const char *bytes = data;

	while (size > 0) {
		ssize_t written = write(fd, bytes, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		bytes += written;
		size -= (size_t) written;
	}
	return 0;
}

int file_seal(const char *name, const void *data, size_t size)
{
	_cleanup_close_ int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return -errno;
	r = file_write_all(fd, data, size);
	if (r < 0)
		return r;
	if (fcntl(fd, F_ADD_SEALS, ALL_SEALS) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int file_read_sealed(int fd, size_t limit, struct buf *b)
{
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || (seals & ALL_SEALS) != ALL_SEALS)
		return -EBADMSG;
	/* The writer's offset is shared with us: it stands at the end. */
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	return file_read_fd(fd, limit, b);
}
