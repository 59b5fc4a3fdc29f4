/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sandbox_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"

#define NEW_NAMESPACES                                                                             \
	(CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID |              \
		CLONE_NEWUSER | CLONE_NEWUTS)

/* Calls that need no look at their arguments, by group. Libraries choose among old and new forms of
 * a call, so both stand here. */
static const struct {
	unsigned group;
	int call;
} plain_calls[] = {
	{CALL_BASE, SCMP_SYS(brk)},
	{CALL_BASE, SCMP_SYS(clock_getres)},
	{CALL_BASE, SCMP_SYS(clock_gettime)},
	{CALL_BASE, SCMP_SYS(clock_nanosleep)},
	{CALL_BASE, SCMP_SYS(close)},
	{CALL_BASE, SCMP_SYS(dup)},
	{CALL_BASE, SCMP_SYS(epoll_create1)},
	{CALL_BASE, SCMP_SYS(epoll_ctl)},
	{CALL_BASE, SCMP_SYS(epoll_pwait)},
	{CALL_BASE, SCMP_SYS(epoll_pwait2)},
	{CALL_BASE, SCMP_SYS(epoll_wait)},
	{CALL_BASE, SCMP_SYS(eventfd2)},
	{CALL_BASE, SCMP_SYS(exit)},
	{CALL_BASE, SCMP_SYS(exit_group)},
	{CALL_BASE, SCMP_SYS(fstat)},
	{CALL_BASE, SCMP_SYS(futex)},
	{CALL_BASE, SCMP_SYS(get_robust_list)},
	{CALL_BASE, SCMP_SYS(getegid)},
	{CALL_BASE, SCMP_SYS(geteuid)},
	{CALL_BASE, SCMP_SYS(getgid)},
	{CALL_BASE, SCMP_SYS(getpeername)},
	{CALL_BASE, SCMP_SYS(getpid)},
	{CALL_BASE, SCMP_SYS(getppid)},
	{CALL_BASE, SCMP_SYS(getrandom)},
	{CALL_BASE, SCMP_SYS(getsockname)},
	{CALL_BASE, SCMP_SYS(getsockopt)},
	{CALL_BASE, SCMP_SYS(gettid)},
	{CALL_BASE, SCMP_SYS(gettimeofday)},
	{CALL_BASE, SCMP_SYS(getuid)},
	{CALL_BASE, SCMP_SYS(lseek)},
	{CALL_BASE, SCMP_SYS(madvise)},
	{CALL_BASE, SCMP_SYS(membarrier)},
	{CALL_BASE, SCMP_SYS(memfd_create)},
	{CALL_BASE, SCMP_SYS(mremap)},
	{CALL_BASE, SCMP_SYS(munmap)},
	{CALL_BASE, SCMP_SYS(nanosleep)},
	{CALL_BASE, SCMP_SYS(newfstatat)},
	{CALL_BASE, SCMP_SYS(poll)},
	{CALL_BASE, SCMP_SYS(ppoll)},
	{CALL_BASE, SCMP_SYS(read)},
	{CALL_BASE, SCMP_SYS(readv)},
	{CALL_BASE, SCMP_SYS(recvfrom)},
	{CALL_BASE, SCMP_SYS(recvmsg)},
	{CALL_BASE, SCMP_SYS(restart_syscall)},
	{CALL_BASE, SCMP_SYS(rseq)},
	{CALL_BASE, SCMP_SYS(rt_sigaction)},
	{CALL_BASE, SCMP_SYS(rt_sigprocmask)},
	{CALL_BASE, SCMP_SYS(rt_sigreturn)},
	{CALL_BASE, SCMP_SYS(sched_getaffinity)},
	{CALL_BASE, SCMP_SYS(sched_yield)},
	{CALL_BASE, SCMP_SYS(sendmsg)},
	{CALL_BASE, SCMP_SYS(sendto)},
	{CALL_BASE, SCMP_SYS(set_robust_list)},
	{CALL_BASE, SCMP_SYS(setsockopt)},
	{CALL_BASE, SCMP_SYS(shutdown)},
	{CALL_BASE, SCMP_SYS(sigaltstack)},
	{CALL_BASE, SCMP_SYS(signalfd4)},
	{CALL_BASE, SCMP_SYS(statx)},
	{CALL_BASE, SCMP_SYS(sysinfo)},
	{CALL_BASE, SCMP_SYS(timerfd_create)},
	{CALL_BASE, SCMP_SYS(timerfd_gettime)},
	{CALL_BASE, SCMP_SYS(timerfd_settime)},
	{CALL_BASE, SCMP_SYS(uname)},
	{CALL_BASE, SCMP_SYS(write)},
	{CALL_BASE, SCMP_SYS(writev)},
	{CALL_READ_FILES, SCMP_SYS(access)},
	{CALL_READ_FILES, SCMP_SYS(faccessat)},
	{CALL_READ_FILES, SCMP_SYS(faccessat2)},
	{CALL_READ_FILES, SCMP_SYS(fadvise64)},
	{CALL_READ_FILES, SCMP_SYS(fstatfs)},
	{CALL_READ_FILES, SCMP_SYS(getcwd)},
	{CALL_READ_FILES, SCMP_SYS(getdents64)},
	{CALL_READ_FILES, SCMP_SYS(lstat)},
	{CALL_READ_FILES, SCMP_SYS(pread64)},
	{CALL_READ_FILES, SCMP_SYS(preadv)},
	{CALL_READ_FILES, SCMP_SYS(readlink)},
	{CALL_READ_FILES, SCMP_SYS(readlinkat)},
	{CALL_READ_FILES, SCMP_SYS(stat)},
	{CALL_READ_FILES, SCMP_SYS(statfs)},
	{CALL_WRITE_FILES, SCMP_SYS(fallocate)},
	{CALL_WRITE_FILES, SCMP_SYS(fchmod)},
	{CALL_WRITE_FILES, SCMP_SYS(fchown)},
	{CALL_WRITE_FILES, SCMP_SYS(fdatasync)},
	{CALL_WRITE_FILES, SCMP_SYS(flock)},
	{CALL_WRITE_FILES, SCMP_SYS(fsync)},
	{CALL_WRITE_FILES, SCMP_SYS(ftruncate)},
	{CALL_WRITE_FILES, SCMP_SYS(mkdir)},
	{CALL_WRITE_FILES, SCMP_SYS(open)},
	{CALL_WRITE_FILES, SCMP_SYS(openat)},
	{CALL_WRITE_FILES, SCMP_SYS(pwrite64)},
	{CALL_WRITE_FILES, SCMP_SYS(pwritev)},
	{CALL_WRITE_FILES, SCMP_SYS(rename)},
	{CALL_WRITE_FILES, SCMP_SYS(renameat2)},
	{CALL_WRITE_FILES, SCMP_SYS(unlink)},
	{CALL_WRITE_FILES, SCMP_SYS(unlinkat)},
	{CALL_WRITE_FILES, SCMP_SYS(utimensat)},
	{CALL_ACCEPT, SCMP_SYS(accept)},
	{CALL_ACCEPT, SCMP_SYS(accept4)},
	{CALL_NETWORK, SCMP_SYS(bind)},
	{CALL_NETWORK | CALL_BUS, SCMP_SYS(connect)},
	{CALL_NETWORK, SCMP_SYS(mprotect)},
	{CALL_NETWORK, SCMP_SYS(mmap)},
	{CALL_NETWORK, SCMP_SYS(pipe2)},
	{CALL_NETWORK, SCMP_SYS(recvmmsg)},
	{CALL_NETWORK, SCMP_SYS(sendmmsg)},
	{CALL_NETWORK, SCMP_SYS(socketpair)},
	{CALL_PROCESSES, SCMP_SYS(pidfd_open)},
};

/* Calls of a group that hold for some arguments alone. */
static const struct {
	unsigned group;
	int call;
	unsigned count;
	struct scmp_arg_cmp conditions[2];
} conditional_calls[] = {
	/* Memory is writable or executable, and executable never anew; the resolver's modules are
	 * why CALL_NETWORK is freer. */
	{CALL_BASE, SCMP_SYS(mmap), 1, {SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)}},
	{CALL_BASE, SCMP_SYS(mprotect), 1, {SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)}},
	{CALL_READ_FILES, SCMP_SYS(open), 1,
		{SCMP_A1_64(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY)}},
	{CALL_READ_FILES, SCMP_SYS(openat), 1,
		{SCMP_A2_64(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY)}},
	/* What sets a descriptor's owner, its signal or O_ASYNC is left out: with them a write to it
	 * signals any process. */
	{CALL_BASE, SCMP_SYS(fcntl), 1, {SCMP_A1_64(SCMP_CMP_EQ, F_DUPFD)}},
	{CALL_BASE, SCMP_SYS(fcntl), 1, {SCMP_A1_64(SCMP_CMP_EQ, F_DUPFD_CLOEXEC)}},
	{CALL_BASE, SCMP_SYS(fcntl), 1, {SCMP_A1_64(SCMP_CMP_EQ, F_GETFD)}},
	{CALL_BASE, SCMP_SYS(fcntl), 1, {SCMP_A1_64(SCMP_CMP_EQ, F_SETFD)}},
	{CALL_BASE, SCMP_SYS(fcntl), 1, {SCMP_A1_64(SCMP_CMP_EQ, F_GETFL)}},
	{CALL_BASE, SCMP_SYS(fcntl), 2,
		{SCMP_A1_64(SCMP_CMP_EQ, F_SETFL), SCMP_A2_64(SCMP_CMP_MASKED_EQ, O_ASYNC, 0)}},
	{CALL_BASE, SCMP_SYS(fcntl), 1, {SCMP_A1_64(SCMP_CMP_EQ, F_GETLK)}},
	{CALL_BASE, SCMP_SYS(fcntl), 1, {SCMP_A1_64(SCMP_CMP_EQ, F_SETLK)}},
	{CALL_BASE, SCMP_SYS(fcntl), 1, {SCMP_A1_64(SCMP_CMP_EQ, F_SETLKW)}},
	{CALL_BASE, SCMP_SYS(fcntl), 1, {SCMP_A1_64(SCMP_CMP_EQ, F_OFD_GETLK)}},
	{CALL_BASE, SCMP_SYS(fcntl), 1, {SCMP_A1_64(SCMP_CMP_EQ, F_OFD_SETLK)}},
	{CALL_BASE, SCMP_SYS(fcntl), 1, {SCMP_A1_64(SCMP_CMP_EQ, F_OFD_SETLKW)}},
	{CALL_BASE, SCMP_SYS(fcntl), 1, {SCMP_A1_64(SCMP_CMP_EQ, F_ADD_SEALS)}},
	{CALL_BASE, SCMP_SYS(fcntl), 1, {SCMP_A1_64(SCMP_CMP_EQ, F_GET_SEALS)}},
	/* Limits may be read, not set. */
	{CALL_BASE, SCMP_SYS(prlimit64), 1, {SCMP_A2_64(SCMP_CMP_EQ, 0)}},
	{CALL_BASE, SCMP_SYS(prctl), 1, {SCMP_A0_64(SCMP_CMP_EQ, PR_SET_NAME)}},
	{CALL_BASE, SCMP_SYS(ioctl), 1, {SCMP_A1_64(SCMP_CMP_EQ, TCGETS)}},
	{CALL_BASE, SCMP_SYS(ioctl), 1, {SCMP_A1_64(SCMP_CMP_EQ, FIONREAD)}},
	{CALL_BASE, SCMP_SYS(ioctl), 1, {SCMP_A1_64(SCMP_CMP_EQ, FIONBIO)}},
	/* PIDFD_GET_INFO in any of its sizes: type 0xff, number 11 (linux/pidfd.h). */
	{CALL_PROCESSES, SCMP_SYS(ioctl), 1, {SCMP_A1_64(SCMP_CMP_MASKED_EQ, 0xffff, 0xff0b)}},
	/* Who made a user namespace. */
	{CALL_PROCESSES, SCMP_SYS(ioctl), 1, {SCMP_A1_64(SCMP_CMP_EQ, NS_GET_PARENT)}},
	{CALL_PROCESSES, SCMP_SYS(ioctl), 1, {SCMP_A1_64(SCMP_CMP_EQ, NS_GET_OWNER_UID)}},
	{CALL_NETWORK, SCMP_SYS(socket), 1, {SCMP_A0_64(SCMP_CMP_EQ, AF_INET)}},
	{CALL_NETWORK, SCMP_SYS(socket), 1, {SCMP_A0_64(SCMP_CMP_EQ, AF_INET6)}},
	{CALL_NETWORK | CALL_BUS, SCMP_SYS(socket), 1, {SCMP_A0_64(SCMP_CMP_EQ, AF_UNIX)}},
	/* Which addresses this host has decides the order of a name's. */
	{CALL_NETWORK, SCMP_SYS(socket), 2,
		{SCMP_A0_64(SCMP_CMP_EQ, AF_NETLINK), SCMP_A2_64(SCMP_CMP_EQ, NETLINK_ROUTE)}},
	/* Threads; no processes, no namespaces. */
	{CALL_NETWORK | CALL_THREADS, SCMP_SYS(clone), 1,
		{SCMP_A0_64(SCMP_CMP_MASKED_EQ, CLONE_THREAD | NEW_NAMESPACES, CLONE_THREAD)}},
};

static int add_plain(scmp_filter_ctx filter, unsigned groups)
{
	for (size_t i = 0; i < ELEMENTS(plain_calls); i++) {
		int r;

		if (!(plain_calls[i].group & groups))
			continue;
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, plain_calls[i].call, 0);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_conditional(scmp_filter_ctx filter, unsigned groups)
{
	for (size_t i = 0; i < ELEMENTS(conditional_calls); i++) {
		int r;

		if (!(conditional_calls[i].group & groups))
			continue;
		r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, conditional_calls[i].call,
			conditional_calls[i].count, conditional_calls[i].conditions);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A role may signal itself (abort() does), and nobody else. */
static int add_own_signals(scmp_filter_ctx filter)
{
	static const int calls[] = {SCMP_SYS(kill), SCMP_SYS(tgkill)};

	for (size_t i = 0; i < ELEMENTS(calls); i++) {
		int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 1,
			SCMP_A0_64(SCMP_CMP_EQ, (scmp_datum_t) getpid()));

		if (r < 0)
			return r;
	}
	return 0;
}

/* clone3() has its flags in memory, where a filter sees nothing. glibc falls back on clone() where
 * the kernel has no clone3(), and upon no other error. */
static int hide_clone3(scmp_filter_ctx filter)
{
	return seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

int sandbox_calls(const struct role_row *row)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r;

	if (!filter)
		return -ENOMEM;
	r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0)
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (r == 0)
		r = add_plain(filter, row->calls);
	if (r == 0)
		r = add_conditional(filter, row->calls);
	if (r == 0)
		r = add_own_signals(filter);
	if (r == 0)
		r = hide_clone3(filter);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}
