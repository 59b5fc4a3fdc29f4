/* SPDX-License-Identifier: Apache-2.0 */
/* Each role's sandbox, entered by a child that then tries what it must and must not be able to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <linux/nsfs.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "build-config.h"
#include "daemon/base/cleanup.h"
#include "daemon/roles.h"
#include "daemon/sandbox.h"

enum {
	ENGINE = 1 << ROLE_ENGINE,
	PROCESS = 1 << ROLE_PROCESS,
	NOTIFY = 1 << ROLE_NOTIFY,
	WEB = 1 << ROLE_WEB,
	UNITS = 1 << ROLE_UNITS,
};

static char state_directory[] = "/tmp/modelwatch-sandbox-XXXXXX";

static bool write_state(void)
{
	char path[128];
	_cleanup_close_ int fd = -1;

	snprintf(path, sizeof(path), "%s/new", state_directory);
	fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	return fd >= 0 && write(fd, "x", 1) == 1;
}

static bool read_state(void)
{
	char path[128];
	_cleanup_close_ int fd = -1;

	snprintf(path, sizeof(path), "%s/there", state_directory);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0;
}

static bool write_elsewhere(void)
{
	_cleanup_close_ int fd = open("/tmp/modelwatch-sandbox-escape", O_CREAT | O_WRONLY, 0600);

	unlink("/tmp/modelwatch-sandbox-escape");
	return fd >= 0;
}

static bool read_passwords(void)
{
	_cleanup_close_ int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

	return fd >= 0;
}

static bool connect_out(void)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(1), .sin_addr = {htonl(INADDR_LOOPBACK)}};

	/* Refused by the peer is allowed by us. */
	return fd >= 0 && (connect(fd, (struct sockaddr *) &address, sizeof(address)) == 0 ||
				  errno == ECONNREFUSED);
}

static bool connect_bus(void)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/nonexistent"};

	return fd >= 0 && connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0 &&
	       errno == ENOENT;
}

static bool make_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid > 0;
}

static bool execute(void)
{
	char *const arguments[] = {(char *) (uintptr_t) "true", NULL};

	execve("/bin/true", arguments, arguments + 1);
	return errno != EPERM && errno != EACCES;
}

static bool kill_parent(void)
{
	return kill(getppid(), 0) == 0;
}

static bool kill_self(void)
{
	return kill(getpid(), 0) == 0;
}

static bool trace_parent(void)
{
	if (ptrace(PTRACE_SEIZE, getppid(), NULL, NULL) < 0)
		return false;
	ptrace(PTRACE_DETACH, getppid(), NULL, NULL);
	return true;
}

static bool map_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p != MAP_FAILED;
}

static bool watch_process(void)
{
	_cleanup_close_ int fd = (int) syscall(SYS_pidfd_open, getppid(), 0);

	return fd >= 0;
}

static bool ask_for_owner(void)
{
	_cleanup_close_ int fd = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	uid_t owner;

	return fd >= 0 && ioctl(fd, NS_GET_OWNER_UID, &owner) == 0;
}

static bool load_program(void)
{
	return syscall(SYS_bpf, 0, NULL, 0) >= 0 || errno != EPERM;
}

/* The kernel would signal the owner for us. */
static bool own_descriptor(void)
{
	return fcntl(STDERR_FILENO, F_SETOWN, getppid()) == 0 ||
	       fcntl(STDERR_FILENO, F_SETOWN_EX,
		       &(struct f_owner_ex){.type = F_OWNER_PID, .pid = getppid()}) == 0 ||
	       fcntl(STDERR_FILENO, F_SETSIG, SIGKILL) == 0;
}

static bool signal_by_descriptor(void)
{
	return fcntl(STDERR_FILENO, F_SETFL, fcntl(STDERR_FILENO, F_GETFL) | O_ASYNC) == 0;
}

/* What SQLite, sd-event and libcurl ask of descriptors. */
static bool use_descriptor(void)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	_cleanup_close_ int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	_cleanup_close_ int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	int flags = fcntl(fd, F_GETFL);

	return copy >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
	       fcntl(fd, F_GETFD) == FD_CLOEXEC && fcntl(fd, F_SETFD, 0) == 0 &&
	       fcntl(fd, F_SETLK, &lock) == 0 && fcntl(fd, F_GETLK, &lock) == 0 &&
	       fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0 &&
	       fcntl(fd, F_GET_SEALS) == F_SEAL_WRITE;
}

static void *do_nothing(void *userdata)
{
	return userdata;
}

static bool make_thread(void)
{
	pthread_t thread;

	return pthread_create(&thread, NULL, do_nothing, NULL) == 0 &&
	       pthread_join(thread, NULL) == 0;
}

static bool make_namespace(void)
{
	long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		_exit(0);
	return pid > 0 || unshare(CLONE_NEWUSER) == 0;
}

/* A kernel without clone3() is what glibc must see, or it makes no threads. */
static bool see_clone3(void)
{
	return syscall(SYS_clone3, NULL, 0) == 0 || errno != ENOSYS;
}

static bool list_run(void)
{
	_cleanup_close_ int fd = open("/run", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0;
}

static bool open_netlink(int protocol)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

	return fd >= 0;
}

static bool ask_for_addresses(void)
{
	return open_netlink(NETLINK_ROUTE);
}

static bool ask_for_sockets(void)
{
	return open_netlink(NETLINK_SOCK_DIAG) || open_netlink(NETLINK_KOBJECT_UEVENT);
}

static const struct {
	const char *name;
	bool (*attempt)(void);
	unsigned allowed; /* roles */
} attempts[] = {
	{"write to the state directory", write_state, ENGINE},
	{"read the state directory", read_state, ENGINE | WEB | PROCESS},
	{"write elsewhere", write_elsewhere, 0},
	{"read /etc/passwd", read_passwords, NOTIFY | PROCESS},
	{"connect out", connect_out, NOTIFY},
	{"connect to a unix socket", connect_bus, NOTIFY | UNITS},
	{"signal the parent", kill_parent, 0},
	{"signal itself", kill_self, ENGINE | PROCESS | NOTIFY | WEB | UNITS},
	{"trace the parent", trace_parent, 0},
	{"map code", map_code, NOTIFY},
	{"open a pidfd", watch_process, PROCESS},
	{"ask who made a namespace", ask_for_owner, PROCESS},
	{"call bpf()", load_program, 0},
	{"start a program", execute, 0},
	{"fork", make_process, 0},
	{"make a namespace", make_namespace, 0},
	{"see clone3()", see_clone3, 0},
	{"start a thread", make_thread, NOTIFY | PROCESS},
	{"own a descriptor's signals", own_descriptor, 0},
	{"have a descriptor signal", signal_by_descriptor, 0},
	{"use a descriptor", use_descriptor, ENGINE | PROCESS | NOTIFY | WEB | UNITS},
	{"list /run", list_run, PROCESS},
	{"ask for this host's addresses", ask_for_addresses, NOTIFY},
	{"ask for sockets and devices", ask_for_sockets, 0},
};

/* The system call is not there any more within the sandbox. */
static bool is_limited_to(uint64_t capabilities)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[2];

	return syscall(SYS_capget, &header, sets) == 0 &&
	       ((sets[0].permitted | (uint64_t) sets[1].permitted << 32) & ~capabilities) == 0;
}

/* In the child: the number of attempts that went wrong. */
static int try_all(size_t role)
{
	int wrong = 0;

	if (sandbox_limit_capabilities(role_rows[role].capabilities) < 0 ||
		!is_limited_to(role_rows[role].capabilities) ||
		prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 ||
		sandbox_enter(&role_rows[role], state_directory) < 0)
		return 100;
	for (size_t i = 0; i < ELEMENTS(attempts); i++) {
		bool allowed = attempts[i].allowed >> role & 1;

		if (attempts[i].attempt() == allowed)
			continue;
		dprintf(STDERR_FILENO, "role %s %s %s\n", role_rows[role].name,
			allowed ? "cannot" : "can", attempts[i].name);
		wrong++;
	}
	return wrong;
}

static void test_roles(void **state)
{
	for (size_t role = 0; role < ROLES; role++) {
		pid_t pid = fork();
		int status;

		if (pid == 0)
			_exit(try_all(role));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

struct bystander {
	int wake[2];
	bool signalled;
};

static void *stand_by(void *userdata)
{
	struct bystander *b = userdata;
	char byte;

	b->signalled = read(b->wake[0], &byte, 1) != 1 || kill_parent();
	return NULL;
}

/* In the child: a thread that a library started before is in the sandbox, too. */
static int try_thread(void)
{
	struct bystander b;
	pthread_t thread;

	if (pipe(b.wake) < 0 || pthread_create(&thread, NULL, stand_by, &b) != 0 ||
		sandbox_enter(&role_rows[ROLE_WEB], state_directory) < 0 ||
		write(b.wake[1], "x", 1) != 1 || pthread_join(thread, NULL) != 0)
		return 100;
	return b.signalled;
}

static void test_threads(void **state)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(try_thread());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int make_state(void **state)
{
	char path[128];
	int fd;

	if (!mkdtemp(state_directory))
		return -1;
	snprintf(path, sizeof(path), "%s/there", state_directory);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close_fd(&fd);
	return 0;
}

static int remove_state(void **state)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/there", state_directory);
	unlink(path);
	snprintf(path, sizeof(path), "%s/new", state_directory);
	unlink(path);
	return rmdir(state_directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roles),
		cmocka_unit_test(test_threads),
	};

#ifdef MW_RELAXED_SANDBOX
	/* A build with sanitizers has no sandbox to test; automake reads 77 as skipped. */
	return 77;
#endif
	return cmocka_run_group_tests_name("sandbox", tests, make_state, remove_state);
}
