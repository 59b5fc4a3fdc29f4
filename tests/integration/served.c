/* SPDX-License-Identifier: Apache-2.0 */
/* A process to be watched: what the integration tests and benches copy under the name of a model
 * server and kill.
 *
 * Its arguments are free, so that it can look like any server; "--port N" among them makes it listen
 * on 127.0.0.1. It writes "ready" and then obeys lines on its standard input: "exit N", "crash" (a
 * real fault), "fork" (a child that sleeps until its parent is gone; writes its pid), "child N"
 * (one that listens to port N), "nest N" (a child with a child of its own, which has these N files
 * open alone, writes both pids and needs no parent), "heir" (one that obeys in its parent's place,
 * with its sockets, when that is gone; writes its pid), "mute" (it closes its sockets; writes
 * "muted"), "grow N" (N MiB of memory, with another thread; writes the thread's number), "open N"
 * (N files, or as many as it may; writes how many), "leave" (the first thread ends, another one
 * obeys from now on and writes "left"), "perish" (the same, but seccomp ends the first one), "title
 * TEXT" (in place of its arguments; writes "titled"), "work N" (N ms of processor time; writes
 * "worked"), "delegate N" (the same by a child, which ends then), "hang FILE" (whoever asks for its
 * memory waits until the file's server stores what it wrote). It ends with its standard input, so
 * none outlives its test. Linked statically, so that a copy is all it needs. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 64   /* of a command */
#define STACK_BYTES    65536 /* of a thread */
#define PAGE_BYTES     4096
#define WORK_UNIT      100000 /* turns of a loop between two looks at the clock */

static int listen_on(const char *port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((unsigned short) atoi(port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return -1;
	if (bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
		return -1;
	return listen(fd, SOMAXCONN);
}

/* PORT is one that the child listens to, or NULL. */
static void fork_child(const char *port)
{
	pid_t child = fork();

	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (port && listen_on(port) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	printf("%d\n", (int) child);
	fflush(stdout);
}

static int obey_all(void *nothing);

static void fork_heir(void)
{
	pid_t parent = getpid(), child;
	sigset_t gone;
	int received;

	sigemptyset(&gone);
	sigaddset(&gone, SIGUSR1);
	sigprocmask(SIG_BLOCK, &gone, NULL);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGUSR1);
		if (getppid() == parent)
			sigwait(&gone, &received);
		exit(obey_all(NULL));
	}
	printf("%d\n", (int) child);
	fflush(stdout);
}

static void close_sockets(void)
{
	close_range(STDERR_FILENO + 1, ~0U, 0);
	puts("muted");
	fflush(stdout);
}

/* Never ends by itself. */
static int sleep_on(void *nothing)
{
	while (pause() < 0)
		;
	return 0;
}

/* Small pages: giving them back takes a while. The first thread of a process that is killed ends
 * before that while there is another. */
static void grow(size_t mebibytes)
{
	static char stack[STACK_BYTES] __attribute__((aligned(16)));
	const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
	size_t size = mebibytes << 20;
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int thread = -1;

	if (memory != MAP_FAILED) {
		madvise(memory, size, MADV_NOHUGEPAGE);
		for (size_t i = 0; i < size; i += PAGE_BYTES)
			memory[i] = 1;
		thread = clone(sleep_on, stack + sizeof(stack), flags, NULL);
	}
	printf("%d\n", thread);
	fflush(stdout);
}

static int open_files(int wanted)
{
	struct rlimit limit;
	int count = 0;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	while (count < wanted && open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0)
		count++;
	return count;
}

static void open_and_tell(int wanted)
{
	printf("%d\n", open_files(wanted));
	fflush(stdout);
}

static void fork_nest(int files)
{
	struct pollfd input = {.fd = STDIN_FILENO};

	if (fork() != 0)
		return;
	if (fork() != 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		sleep_on(NULL);
	}
	close_range(STDERR_FILENO + 1, ~0U, 0);
	open_files(files);
	printf("%d\n%d\n", (int) getppid(), (int) getpid());
	fflush(stdout);
	poll(&input, 1, -1);
	_exit(0);
}

/* Mapping over a changed page of a file waits for its server, with the memory map locked. */
static void hang(char *line)
{
	int fd = open(strtok(line, "\n"), O_RDWR | O_CLOEXEC);
	char *page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (page == MAP_FAILED)
		exit(1);
	page[0] = 1;
	mmap(page, PAGE_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static void work(long milliseconds)
{
	const clock_t until = clock() + milliseconds * (CLOCKS_PER_SEC / 1000);

	while (clock() < until)
		for (volatile int i = 0; i < WORK_UNIT; i++)
			;
	puts("worked");
	fflush(stdout);
}

static void delegate(long milliseconds)
{
	if (fork() == 0) {
		work(milliseconds);
		_exit(0);
	}
}

/* The thread has the stack of nobody and the thread data of the first one, which is gone by then. */
static int take_over(void *first)
{
	pid_t *number = first;

	while (__atomic_load_n(number, __ATOMIC_ACQUIRE) != 0)
		sched_yield();
	puts("left");
	fflush(stdout);
	return obey_all(NULL);
}

/* Whatever this thread asks the kernel for next ends it, and no other. */
static void forbid_everything(void)
{
	struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_THREAD)};
	const struct sock_fprog program = {.len = 1, .filter = code};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static void leave(int forbidden)
{
	static char stack[STACK_BYTES] __attribute__((aligned(16)));
	static pid_t first = 1;
	const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;

	/* The kernel clears it when the first thread is gone. */
	syscall(SYS_set_tid_address, &first);
	if (clone(take_over, stack + sizeof(stack), flags, &first) <= 0)
		return;
	if (forbidden)
		forbid_everything();
	syscall(SYS_exit, 0);
}

/* A store to address 0 that the compiler must not reason away. */
static void crash(void)
{
	volatile int *volatile nowhere = NULL;

	*nowhere = 1;
}

/* Where its arguments stand, one behind the other. */
static char *arguments;
static size_t arguments_size;

static void set_title(const char *title)
{
	memset(arguments, '\0', arguments_size);
	for (size_t i = 0; i + 1 < arguments_size && title[i] && title[i] != '\n'; i++)
		arguments[i] = title[i];
	puts("titled");
	fflush(stdout);
}

static void obey(char *line)
{
	if (strncmp(line, "exit ", 5) == 0)
		exit(atoi(line + 5));
	if (strcmp(line, "crash\n") == 0)
		crash();
	if (strcmp(line, "fork\n") == 0)
		fork_child(NULL);
	if (strncmp(line, "child ", 6) == 0)
		fork_child(line + 6);
	if (strncmp(line, "nest ", 5) == 0)
		fork_nest(atoi(line + 5));
	if (strcmp(line, "heir\n") == 0)
		fork_heir();
	if (strcmp(line, "mute\n") == 0)
		close_sockets();
	if (strncmp(line, "grow ", 5) == 0)
		grow((size_t) atoi(line + 5));
	if (strncmp(line, "open ", 5) == 0)
		open_and_tell(atoi(line + 5));
	if (strncmp(line, "hang ", 5) == 0)
		hang(line + 5);
	if (strcmp(line, "leave\n") == 0)
		leave(0);
	if (strcmp(line, "perish\n") == 0)
		leave(1);
	if (strncmp(line, "work ", 5) == 0)
		work(atol(line + 5));
	if (strncmp(line, "delegate ", 9) == 0)
		delegate(atol(line + 9));
	if (strncmp(line, "title ", 6) == 0)
		set_title(line + 6);
}

static int obey_all(void *nothing)
{
	char line[LINE_MAX_BYTES];

	while (fgets(line, sizeof(line), stdin))
		obey(line);
	exit(0);
}

int main(int argc, char **argv)
{
	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], "--port") == 0 && listen_on(argv[i + 1]) < 0) {
			perror("listen");
			return 1;
		}
	arguments = argv[0];
	arguments_size = (size_t) (argv[argc - 1] - argv[0]) + strlen(argv[argc - 1]) + 1;
	signal(SIGCHLD, SIG_IGN); /* children leave no zombies */
	puts("ready");
	fflush(stdout);
	return obey_all(NULL);
}
