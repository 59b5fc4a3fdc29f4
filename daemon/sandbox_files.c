/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sandbox_files.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "daemon/base/cleanup.h"

/* The kernel's rule set attributes as of ABI 6; older headers have the first field alone, older
 * kernels take the size that they know. */
struct ruleset {
	uint64_t files;
	uint64_t ports;
	uint64_t scoped;
};
#define PORT_BIND      (UINT64_C(1) << 0)
#define PORT_CONNECT   (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT (UINT64_C(1) << 0)
#define SCOPE_SIGNAL   (UINT64_C(1) << 1)

/* Access rights by the ABI that brought them. */
#define FILES_ABI_1   (LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1)
#define FILES_REFER   (UINT64_C(1) << 13) /* ABI 2 */
#define FILES_TRUNCATE (UINT64_C(1) << 14) /* ABI 3 */
#define FILES_IOCTL   (UINT64_C(1) << 15) /* ABI 5 */

#define FILES_READ  (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FILES_WRITE                                                                                \
	(FILES_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |             \
		LANDLOCK_ACCESS_FS_MAKE_REG | FILES_TRUNCATE)
#define FILES_LOAD  (FILES_READ | LANDLOCK_ACCESS_FS_EXECUTE)

static struct ruleset ruleset_for(int abi, unsigned reach)
{
	struct ruleset rules = {.files = FILES_ABI_1};

	if (abi >= 2)
		rules.files |= FILES_REFER;
	if (abi >= 3)
		rules.files |= FILES_TRUNCATE;
	if (abi >= 4)
		rules.ports = PORT_BIND | (reach & REACH_CONNECT ? 0 : PORT_CONNECT);
	if (abi >= 5)
		rules.files |= FILES_IOCTL;
	if (abi >= 6)
		rules.scoped = SCOPE_SIGNAL | (reach & REACH_RESOLVER ? 0 : SCOPE_ABSTRACT);
	return rules;
}

static size_t ruleset_size(int abi)
{
	return abi >= 6 ? sizeof(struct ruleset) : abi >= 4 ? 2 * sizeof(uint64_t)
							    : sizeof(uint64_t);
}

/* A path that does not exist needs no rule. */
static int allow(int ruleset, const char *path, uint64_t access)
{
	_cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = fd};

	if (fd < 0)
		return errno == ENOENT || errno == EACCES ? 0 : -errno;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return -errno;
	return 0;
}

/* What the resolver of glibc, its modules, and OpenSSL read. Of /run only what resolv.conf may
 * point to and what the modules look up: the rest holds credentials. Landlock has no say in
 * connecting to a socket by its path: nscd, resolved and Avahi answer without a rule. */
static const struct {
	const char *path;
	uint64_t access;
} resolver_paths[] = {
	{"/etc", FILES_READ}, /* resolv.conf and the like are replaced, not rewritten */
	{"/run/NetworkManager", FILES_READ},
	{"/run/connman", FILES_READ},
	{"/run/netconfig", FILES_READ},
	{"/run/nscd", FILES_READ},
	{"/run/resolvconf", FILES_READ},
	{"/run/systemd/machines", FILES_READ},
	{"/run/systemd/resolve", FILES_READ},
	{"/lib", FILES_LOAD},
	{"/lib64", FILES_LOAD},
	{"/usr/lib", FILES_LOAD},
	{"/usr/lib64", FILES_LOAD},
	{"/usr/share", FILES_READ}, /* CA certificates */
	{"/var/lib/ca-certificates", FILES_READ},
};

static int add_rules(int ruleset, const struct ruleset *rules, unsigned reach, const char *state)
{
	int r = 0;

	if (reach & REACH_STATE_WRITE)
		r = allow(ruleset, state, FILES_WRITE & rules->files);
	else if (reach & REACH_STATE_READ)
		r = allow(ruleset, state, FILES_READ & rules->files);
	if (!(reach & REACH_RESOLVER))
		return r;
	for (size_t i = 0; i < ELEMENTS(resolver_paths) && r == 0; i++)
		r = allow(ruleset, resolver_paths[i].path, resolver_paths[i].access & rules->files);
	return r;
}

int sandbox_files(const struct role_row *row, const char *state_directory)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	_cleanup_close_ int ruleset = -1;
	struct ruleset rules;
	int r;

	if (abi < 1 || row->reach & REACH_UNRESTRICTED)
		return 0;
	rules = ruleset_for((int) abi, row->reach);
	ruleset = (int) syscall(
		SYS_landlock_create_ruleset, &rules, ruleset_size((int) abi), 0);
	if (ruleset < 0)
		return -errno;
	r = add_rules(ruleset, &rules, row->reach, state_directory);
	if (r < 0)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return -errno;
	return 0;
}
