/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sandbox.h"

#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "build-config.h"
#include "daemon/base/cleanup.h"
#include "daemon/sandbox_calls.h"
#include "daemon/sandbox_files.h"

#define CAPABILITIES_MAX 64

/* The bounding set can be lowered with CAP_SETPCAP alone; without it no_new_privs has the effect. */
static void lower_bounding_set(uint64_t keep)
{
	for (int c = 0; c < CAPABILITIES_MAX; c++)
		if (!(keep >> c & 1) && prctl(PR_CAPBSET_READ, c, 0, 0, 0) == 1)
			prctl(PR_CAPBSET_DROP, c, 0, 0, 0);
}

int sandbox_limit_capabilities(uint64_t keep)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[2];

	if (syscall(SYS_capget, &header, sets) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	lower_bounding_set(keep);
	for (int i = 0; i < 2; i++) {
		uint32_t kept = (uint32_t) (keep >> (32 * i)) & sets[i].permitted;

		sets[i].permitted = sets[i].effective = sets[i].inheritable = kept;
	}
	if (syscall(SYS_capset, &header, sets) < 0)
		return -errno;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (int c = 0; c < CAPABILITIES_MAX; c++)
		if (sets[c / 32].permitted >> (c % 32) & 1)
			prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, c, 0, 0);
	return 0;
}

int sandbox_enter(const struct role_row *row, const char *state_directory)
{
	struct rlimit core = {0, 0};
	int r;

	/* Memory of a role may hold secrets and what strangers sent: no dump, no look from outside. */
	if (setrlimit(RLIMIT_CORE, &core) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
#ifndef MW_RELAXED_SANDBOX
	struct rlimit data = {row->data_limit, row->data_limit};

	if (setrlimit(RLIMIT_DATA, &data) < 0)
		return -errno;
	r = sandbox_files(row, state_directory);
	if (r < 0)
		return r;
	r = sandbox_calls(row);
#else
	(void) row;
	(void) state_directory;
	r = 0;
#endif
	return r;
}
