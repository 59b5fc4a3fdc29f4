/* SPDX-License-Identifier: Apache-2.0 */
/* Linked into a program of the daemon, makes it try what its sandbox should refuse, and some calls that the
 * sandbox should not: a role right after it entered its sandbox, the supervisor when its loop begins. What
 * came of each is a line on stderr: "probe PROGRAM CALL ok", or an error's name instead of ok.
 *
 * Linked with -Wl,--wrap=sandbox_enter,--wrap=sd_event_loop; test_sandbox.py knows who may do what. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"
#include "daemon/sandbox.h"

#define DATABASE "/var/lib/modelwatch/modelwatch.db"
#define NOBODY	 65534

/* 0 for a result that is none of an error, else -errno; closes what was opened. */
static int opened(int fd)
{
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int done(long result)
{
	return result < 0 ? -errno : 0;
}

/* Files. */

static int make_memory_file(void)
{
	return opened(memfd_create("probe", MFD_CLOEXEC));
}

static int read_users(void)
{
	return opened(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int read_passwords(void)
{
	return opened(open("/etc/shadow", O_RDONLY | O_CLOEXEC));
}

static int read_database(void)
{
	return opened(open(DATABASE, O_RDONLY | O_CLOEXEC));
}

static int write_database(void)
{
	return opened(open(DATABASE, O_RDWR | O_CLOEXEC));
}

static int make_file(const char *path)
{
	int r = opened(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));

	unlink(path);
	return r;
}

static int make_state_file(void)
{
	return make_file("/var/lib/modelwatch/probe");
}

static int make_temporary_file(void)
{
	return make_file("/tmp/probe");
}

static int make_system_file(void)
{
	return make_file("/etc/probe");
}

static int make_runtime_file(void)
{
	return make_file("/run/modelwatch/probe");
}

static int remove_database(void)
{
	/* Without the file there: nothing is lost where it is allowed. */
	int r = done(unlink("/var/lib/modelwatch/absent"));

	return r == -ENOENT ? 0 : r;
}

static int open_by_handle(void)
{
	struct {
		struct file_handle handle;
		unsigned char bytes[MAX_HANDLE_SZ];
	} file = {.handle = {.handle_bytes = 8}};

	return opened(open_by_handle_at(AT_FDCWD, &file.handle, O_RDONLY));
}

/* Network. */

static int connect_to(int family, const void *address, socklen_t size)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return -errno;
	r = done(connect(fd, address, size));
	close(fd);
	return r;
}

static int connect_tcp(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(9178), .sin_addr = {htonl(INADDR_LOOPBACK)}};

	return connect_to(AF_INET, &address, sizeof(address));
}

static int connect_bus(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/run/dbus/system_bus_socket"};

	return connect_to(AF_UNIX, &address, sizeof(address));
}

static int listen_tcp(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return -errno;
	r = done(bind(fd, (struct sockaddr *) &address, sizeof(address)));
	if (r == 0)
		r = done(listen(fd, 1));
	close(fd);
	return r;
}

static int make_datagram_socket(void)
{
	return opened(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

static int make_raw_socket(void)
{
	return opened(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, 1));
}

static int make_packet_socket(void)
{
	return opened(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
}

static int accept_connection(void)
{
	int r = opened(accept4(STDERR_FILENO, NULL, NULL, SOCK_CLOEXEC));

	/* stderr does not listen. */
	return r == -EINVAL || r == -EOPNOTSUPP || r == -ENOTSOCK ? 0 : r;
}

/* Processes. */

static void *nothing(void *userdata)
{
	return userdata;
}

static int make_thread(void)
{
	pthread_t thread;
	int r = pthread_create(&thread, NULL, nothing, NULL);

	return r == 0 ? -pthread_join(thread, NULL) : -r;
}

static int make_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return done(pid);
}

static int execute(void)
{
	/* An empty argument list and no file: the call itself is what may be refused. */
	int r = done(execve("/nonexistent", (char *[]){NULL}, (char *[]){NULL}));

	return r == -ENOENT ? 0 : r;
}

static int signal_parent(void)
{
	return done(kill(getppid(), 0));
}

static int signal_parent_by_pidfd(void)
{
	int fd = (int) syscall(SYS_pidfd_open, getppid(), 0), r;

	if (fd < 0)
		return -errno;
	r = done(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
	close(fd);
	return r;
}

static int steal_descriptor(void)
{
	int fd = (int) syscall(SYS_pidfd_open, getppid(), 0), r;

	if (fd < 0)
		return -errno;
	r = opened((int) syscall(SYS_pidfd_getfd, fd, 2, 0));
	close(fd);
	return r;
}

static int trace_parent(void)
{
	pid_t parent = getppid();
	int r = done(ptrace(PTRACE_SEIZE, parent, NULL, NULL));

	if (r == 0)
		ptrace(PTRACE_DETACH, parent, NULL, NULL);
	return r;
}

static int read_parent(void)
{
	char byte;
	struct iovec local = {&byte, 1}, remote = {(void *) (uintptr_t) 4096, 1};
	int r = done(process_vm_readv(getppid(), &local, 1, &remote, 1, 0));

	return r == -EFAULT ? 0 : r;
}

static int open_memory_of_parent(int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", (int) getppid());
	return opened(open(path, flags | O_CLOEXEC));
}

static int open_parent_to_read(void)
{
	return open_memory_of_parent(O_RDONLY);
}

static int open_parent_to_write(void)
{
	return open_memory_of_parent(O_RDWR);
}

/* Rights. */

static int become_root(void)
{
	return done(setuid(0));
}

static int become_nobody(void)
{
	return done(setresuid(NOBODY, NOBODY, NOBODY));
}

static int gain_capability(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[2] = {
		{.permitted = 1 << CAP_SYS_ADMIN, .effective = 1 << CAP_SYS_ADMIN}};

	return done(syscall(SYS_capset, &header, sets));
}

static int be_dumpable(void)
{
	return done(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int raise_limit(void)
{
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

	return done(setrlimit(RLIMIT_DATA, &limit));
}

static int map_writable_code(void)
{
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? -errno : done(munmap(memory, 4096));
}

/* The kernel. */

static int mount_files(void)
{
	return done(mount("probe", "/tmp", "tmpfs", 0, NULL));
}

static int make_user_namespace(void)
{
	return done(unshare(CLONE_NEWUSER));
}

static int load_bpf(void)
{
	union bpf_attr attributes = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};

	return opened((int) syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof(attributes)));
}

static int watch_all_files(void)
{
	return opened(fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC, O_RDONLY));
}

static int make_ring(void)
{
	char parameters[120] = {0}; /* struct io_uring_params, which older headers lack */

	return opened((int) syscall(SYS_io_uring_setup, 1, parameters));
}

static int count_events(void)
{
	char attributes[64] = {0};

	return opened((int) syscall(SYS_perf_event_open, attributes, 0, -1, -1, 0));
}

static int load_module(void)
{
	return done(syscall(SYS_init_module, "", 0, ""));
}

static int read_kernel_messages(void)
{
	return done(syscall(SYS_syslog, 3, "", 0));
}

static int add_key(void)
{
	return done(syscall(SYS_add_key, "user", "probe", "x", 1, -2));
}

static int type_into_terminal(void)
{
	int r = done(ioctl(STDERR_FILENO, TIOCSTI, "x"));

	return r == -ENOTTY || r == -EINVAL || r == -EIO ? 0 : r;
}

static const struct {
	const char *name;
	int (*call)(void);
} probes[] = {
	{"accept", accept_connection},
	{"add-key", add_key},
	{"be-dumpable", be_dumpable},
	{"become-nobody", become_nobody},
	{"become-root", become_root},
	{"connect-bus", connect_bus},
	{"connect-tcp", connect_tcp},
	{"datagram-socket", make_datagram_socket},
	{"execute", execute},
	{"gain-capability", gain_capability},
	{"listen-tcp", listen_tcp},
	{"load-bpf", load_bpf},
	{"load-module", load_module},
	{"make-memory-file", make_memory_file},
	{"make-process", make_process},
	{"make-runtime-file", make_runtime_file},
	{"make-state-file", make_state_file},
	{"make-system-file", make_system_file},
	{"make-temporary-file", make_temporary_file},
	{"make-thread", make_thread},
	{"make-user-namespace", make_user_namespace},
	{"map-writable-code", map_writable_code},
	{"mount", mount_files},
	{"open-by-handle", open_by_handle},
	{"open-parent-to-read", open_parent_to_read},
	{"open-parent-to-write", open_parent_to_write},
	{"packet-socket", make_packet_socket},
	{"perf-event", count_events},
	{"raise-limit", raise_limit},
	{"raw-socket", make_raw_socket},
	{"read-database", read_database},
	{"read-kernel-messages", read_kernel_messages},
	{"read-memory-of-parent", read_parent},
	{"read-passwords", read_passwords},
	{"read-users", read_users},
	{"remove-state-file", remove_database},
	{"signal-parent", signal_parent},
	{"signal-parent-by-pidfd", signal_parent_by_pidfd},
	{"steal-descriptor", steal_descriptor},
	{"trace-parent", trace_parent},
	{"type-into-terminal", type_into_terminal},
	{"uring", make_ring},
	{"watch-all-files", watch_all_files},
	{"write-database", write_database},
};

static void probe(const char *program)
{
	for (size_t i = 0; i < ELEMENTS(probes); i++) {
		int r = probes[i].call();

		dprintf(STDERR_FILENO, "probe %s %s %s\n", program, probes[i].name,
			r < 0 ? strerrorname_np(-r) : "ok");
	}
	dprintf(STDERR_FILENO, "probe %s over\n", program);
}

int __real_sandbox_enter(const struct role_row *row, const char *state_directory);
int __wrap_sandbox_enter(const struct role_row *row, const char *state_directory);
int __wrap_sandbox_enter(const struct role_row *row, const char *state_directory)
{
	int r = __real_sandbox_enter(row, state_directory);

	if (r >= 0)
		probe(row->name);
	return r;
}

int __real_sd_event_loop(sd_event *event);
int __wrap_sd_event_loop(sd_event *event);
int __wrap_sd_event_loop(sd_event *event)
{
	if (strcmp(program_invocation_short_name, "modelwatchd") == 0)
		probe("supervisor");
	return __real_sd_event_loop(event);
}
