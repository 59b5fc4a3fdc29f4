/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/engine/lock.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/num.h"
#include "daemon/journal.h"

#define LOCK	   "lock"	      /* holds the process id of the supervisor whose engine took it */
#define TIMEOUT	   (5 * USEC_PER_SEC) /* for the engine of a supervisor that was killed to end */
#define RETRY	   (10 * USEC_PER_MSEC)
#define HOLDER_MAX 32 /* bytes of what is said of the holder */

/* " (pid 17)", or "" where the file does not say. */
static void read_holder(int fd, char text[static HOLDER_MAX])
{
	char digits[HOLDER_MAX / 2] = "";
	ssize_t size = pread(fd, digits, sizeof(digits) - 1, 0);
	uint32_t pid;

	text[0] = '\0';
	if (size > 0 && num_parse_u32(digits, &pid) == 0)
		snprintf(text, HOLDER_MAX, " (pid %" PRIu32 ")", pid);
}

static void write_holder(int fd)
{
	char digits[HOLDER_MAX];
	int size = snprintf(digits, sizeof(digits), "%d", getppid());

	/* Nothing depends on it but what a second daemon says. */
	if (ftruncate(fd, 0) < 0 || pwrite(fd, digits, (size_t) size, 0) < 0)
		log_debug("cannot write who holds the lock: %s", strerror(errno));
}

/* 0, or -EWOULDBLOCK where another one has it. */
static int try(int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}

static int wait_for(const char *directory, int fd)
{
	usec_t until = usec_add(clock_monotonic(), TIMEOUT);
	char holder[HOLDER_MAX];
	int r = try(fd);

	if (r != -EWOULDBLOCK)
		return r;
	read_holder(fd, holder);
	journal_write(JOURNAL_DIRECTORY_AWAITED, NULL,
		"another modelwatchd%s uses the state directory %s: waiting %d s for its end", holder,
		directory,  (int) (TIMEOUT / USEC_PER_SEC));
	while (r == -EWOULDBLOCK && clock_monotonic() < until) {
		usleep(RETRY);
		r = try(fd);
	}
	if (r == -EWOULDBLOCK)
		journal_write(JOURNAL_DIRECTORY_UNUSABLE, NULL,
			"another modelwatchd%s still uses the state directory %s: stop it, or name another"
			" directory by --state-directory",
			holder, directory);
	return r;
}

int lock_take(const char *directory, int *ret)
{
	_cleanup_close_ int at = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int fd =
		at < 0 ? -1 : openat(at, LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	int r = fd < 0 ? -errno : wait_for(directory, fd);

	if (r < 0 && r != -EWOULDBLOCK)
		journal_write(JOURNAL_DIRECTORY_UNUSABLE, WITH(.error = r),
			"cannot lock the state directory %s", directory);
	if (r < 0)
		return r;
	write_holder(fd);
	*ret = TAKE_FD(fd);
	return 0;
}
