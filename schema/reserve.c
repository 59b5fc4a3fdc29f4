/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "daemon/base/buf.h"
#include "daemon/base/cleanup.h"

#define RESERVE_BYTES (1 << 20)
#define ROOM_BYTES    (4 << 20) /* that must be there for it to be made, itself included */
#define RESERVE_MODE  0640

static int reserve_path(const char *database, struct buf *ret)
{
	buf_add_string(ret, database);
	buf_add_string(ret, "-reserve");
	return buf_error(ret);
}

/* Takes all of the room and leaves the most of it: so quotas count as a full disk does. */
static int fill(int fd)
{
	int error = posix_fallocate(fd, 0, ROOM_BYTES);

	if (error > 0)
		return error == EDQUOT ? -ENOSPC : -error;
	return ftruncate(fd, RESERVE_BYTES) < 0 ? -errno : 0;
}

int reserve_make(const char *database)
{
	_cleanup_buf_ struct buf path = BUF_INIT;
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r = reserve_path(database, &path);

	if (r < 0)
		return r;
	fd = open(path.data, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, RESERVE_MODE);
	if (fd < 0 || fstat(fd, &st) < 0)
		return errno == EDQUOT ? -ENOSPC : -errno;
	if (st.st_size == RESERVE_BYTES)
		return 0;
	r = fill(fd);
	if (r < 0)
		unlink(path.data);
	return r;
}

int reserve_release(const char *database)
{
	_cleanup_buf_ struct buf path = BUF_INIT;
	int r = reserve_path(database, &path);

	if (r < 0)
		return r;
	return unlink(path.data) < 0 && errno != ENOENT ? -errno : 0;
}
