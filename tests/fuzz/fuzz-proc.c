/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's tables: whatever the bytes are, no parser reads beyond them or runs on. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "collectors/process/procfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_files(const char *bytes, size_t size)
{
	struct proc_stat stat;
	uint64_t a, b;
	uid_t user;

	if (proc_stat_parse(bytes, size, &stat) == 0)
		assert(stat.pid > 0 && stat.parent >= 0 && stat.exit_status <= 0xffff);
	proc_io_parse(bytes, size, &a, &b);
	proc_status_parse(bytes, size, &user, &a);
	proc_pss_parse(bytes, size, &a);
	proc_limits_parse(bytes, size, &a);
	proc_capabilities_parse(bytes, size, &a);
	proc_oom_kills_parse(bytes, size, &a);
}

static void fuzz_cgroups(const char *bytes, size_t size)
{
	size_t position = 0, before = 0;
	struct cgroup_path cgroup;

	while (proc_cgroup_next(bytes, size, &position, &cgroup)) {
		assert(position > before && position <= size);
		assert(cgroup.size > 0 && cgroup.path >= bytes &&
			cgroup.path + cgroup.size <= bytes + size);
		assert(cgroup.path[0] == '/' && !memchr(cgroup.path, '\n', cgroup.size));
		before = position;
	}
	assert(position >= before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *) data;
	struct tcp_listener listener;

	fuzz_files(bytes, size);
	fuzz_cgroups(bytes, size);
	if (proc_listener_parse(bytes, size, &listener) == 1)
		assert(listener.inode > 0);
	proc_socket_parse(bytes, size);
	return 0;
}
