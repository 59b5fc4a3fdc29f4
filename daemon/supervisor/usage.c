/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/supervisor/usage.h"

#include <stdio.h>
#include <unistd.h>

#include "collectors/process/procfs.h"
#include "daemon/base/file.h"

#define STAT_MAX 4096 /* bytes of /proc/PID/stat */

int usage_read(pid_t pid, struct role_usage *ret)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct proc_stat stat;
	char path[64];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	r = file_read(path, STAT_MAX, &text);
	if (r == 0)
		r = proc_stat_parse(text.data ? text.data : "", text.size, &stat);
	if (r < 0)
		return r;
	*ret = (struct role_usage){
		.resident = stat.resident * (uint64_t) sysconf(_SC_PAGESIZE),
		.cpu = (double) (stat.user + stat.system) / (double) sysconf(_SC_CLK_TCK),
	};
	return 0;
}
