/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/usage.h"

#include <stdio.h>
#include <string.h>

#include "daemon/base/file.h"

#define STAT_MAX 4096 /* bytes of /proc/PID/stat */

int usage_parse(const char *text, long page_size, long ticks, struct usage *ret)
{
	unsigned long long user, kernel, resident;
	/* The name in parentheses may hold anything; nothing behind it holds a parenthesis. */
	const char *behind = strrchr(text, ')');

	/* Fields 3..13 are skipped; 14 utime, 15 stime, 16..23 skipped, 24 rss. */
	if (!behind ||
		sscanf(behind + 1,
			" %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %llu %*s %*s %*s %*s %*s %*s "
			"%*s %*s %llu",
			&user, &kernel, &resident) != 3)
		return -EBADMSG;
	*ret = (struct usage){
		.resident = resident * (uint64_t) page_size,
		.cpu = (double) (user + kernel) / (double) ticks,
	};
	return 0;
}

int usage_read(pid_t pid, struct usage *ret)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	char path[64];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	r = file_read(path, STAT_MAX, &text);
	if (r < 0)
		return r;
	return text.data ? usage_parse(text.data, sysconf(_SC_PAGESIZE), sysconf(_SC_CLK_TCK), ret)
			 : -EBADMSG;
}
