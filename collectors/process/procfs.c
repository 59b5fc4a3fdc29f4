/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/process/procfs.h"

#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "daemon/base/cleanup.h"

#define STAT_FIELD_STATE 3
#define STAT_FIELD_LAST	 52	 /* exit_code, since Linux 3.5 */
#define FLAG_EXITING	 0x00000004 /* PF_EXITING of the kernel's linux/sched.h */
#define FLAG_KERNEL	 0x00200000 /* PF_KTHREAD there */
#define KIB		 1024ULL /* the unit that the kernel calls kB */
#define TCP_LISTENING	 0x0a	 /* TCP_LISTEN of the kernel's net/tcp_states.h */

/* A place in the bytes; once failed it stays at the end. */
struct text {
	const char *at, *end;
	bool failed;
};

static struct text text_of(const char *bytes, size_t size)
{
	return (struct text){.at = bytes, .end = bytes + size};
}

static void skip_blanks(struct text *t)
{
	while (t->at < t->end && (*t->at == ' ' || *t->at == '\t'))
		t->at++;
}

static int digit_of(char c, unsigned base)
{
	int digit = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' ? (c | 0x20) - 'a' + 10 : -1;

	return digit >= 0 && digit < (int) base ? digit : -1;
}

static uint64_t read_digits(struct text *t, unsigned base)
{
	const char *first = t->at;
	uint64_t value = 0;

	for (; t->at < t->end && digit_of(*t->at, base) >= 0; t->at++)
		if (__builtin_mul_overflow(value, base, &value) ||
			__builtin_add_overflow(value, (uint64_t) digit_of(*t->at, base), &value))
			t->failed = true;
	if (t->at == first)
		t->failed = true;
	return t->failed ? 0 : value;
}

/* A decimal number behind blanks. A negative one counts as 0: none that we use is ever negative. */
static uint64_t read_number(struct text *t)
{
	bool negative;
	uint64_t value;

	skip_blanks(t);
	negative = t->at < t->end && *t->at == '-';
	if (negative)
		t->at++;
	value = read_digits(t, 10);
	return negative ? 0 : value;
}

static pid_t to_pid(struct text *t, uint64_t value)
{
	if (value > INT32_MAX)
		t->failed = true;
	return t->failed ? 0 : (pid_t) value;
}

/* A command name may hold anything, blanks and parentheses too: what follows the last parenthesis
 * is numbers. */
static void read_stat_fields(struct text *t, uint64_t fields[STAT_FIELD_LAST + 1])
{
	for (size_t i = STAT_FIELD_STATE + 1; i <= STAT_FIELD_LAST; i++)
		fields[i] = read_number(t);
}

int proc_stat_parse(const char *bytes, size_t size, struct proc_stat *ret)
{
	uint64_t f[STAT_FIELD_LAST + 1] = {0};
	struct text t = text_of(bytes, size);
	struct proc_stat s = {0};
	const char *close;

	s.pid = to_pid(&t, read_number(&t));
	close = size > 0 ? memrchr(bytes, ')', size) : NULL;
	if (t.failed || !close || t.end - close < 4 || close[1] != ' ')
		return -EBADMSG;
	s.state = close[2];
	t.at = close + 3;
	read_stat_fields(&t, f);
	s.parent = to_pid(&t, f[4]);
	s.group = to_pid(&t, f[5]);
	s.session = to_pid(&t, f[6]);
	if (t.failed || s.pid == 0 || f[STAT_FIELD_LAST] > 0xffff)
		return -EBADMSG;
	s.major_faults = f[12];
	s.waited_major_faults = f[13];
	s.user = f[14];
	s.system = f[15];
	s.waited_user = f[16];
	s.waited_system = f[17];
	s.threads = f[20];
	s.start = f[22];
	s.resident = f[24];
	s.kernel = (f[9] & FLAG_KERNEL) != 0;
	s.exiting = (f[9] & FLAG_EXITING) != 0;
	/* Where its code begins is shown as 1 to those who may not see it, and as 0 of a zombie. */
	s.permitted = f[26] > 1;
	s.stack = f[28];
	s.exit_status = (int) f[STAT_FIELD_LAST];
	*ret = s;
	return 0;
}

/* While a process is stopped its status is the signal that did it. */
static bool ends_all(int status)
{
	static const int others[] = {SIGSYS, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};

	for (size_t i = 0; i < ELEMENTS(others); i++)
		if (WTERMSIG(status) == others[i])
			return false;
	return WIFSIGNALED(status);
}

bool proc_stat_is_dead(const struct proc_stat *stat)
{
	bool all = ends_all(stat->exit_status);

	return stat->state == 'X' || stat->state == 'x' ||
	       (stat->state == 'Z' && (stat->threads <= 1 || all));
}

/* Stands behind KEY where a line begins with it. */
static bool find_line(const char *bytes, size_t size, const char *key, struct text *ret)
{
	const char *line = bytes, *end = bytes + size;
	size_t length = strlen(key);

	while (line < end) {
		const char *newline = memchr(line, '\n', (size_t) (end - line));
		const char *stop = newline ? newline : end;

		if ((size_t) (stop - line) > length && memcmp(line, key, length) == 0) {
			*ret = text_of(line + length, (size_t) (stop - line) - length);
			return true;
		}
		line = stop + 1;
	}
	return false;
}

static int find_number(const char *bytes, size_t size, const char *key, uint64_t *ret)
{
	struct text t;
	uint64_t value;

	if (!find_line(bytes, size, key, &t))
		return -EBADMSG;
	value = read_number(&t);
	if (t.failed)
		return -EBADMSG;
	*ret = value;
	return 0;
}

static int find_kib(const char *bytes, size_t size, const char *key, uint64_t *ret)
{
	uint64_t value;
	int r = find_number(bytes, size, key, &value);

	if (r < 0 || __builtin_mul_overflow(value, KIB, &value))
		return -EBADMSG;
	*ret = value;
	return 0;
}

int proc_io_parse(const char *bytes, size_t size, uint64_t *ret_read, uint64_t *ret_written)
{
	uint64_t bytes_read, written;

	if (find_number(bytes, size, "read_bytes:", &bytes_read) < 0 ||
		find_number(bytes, size, "write_bytes:", &written) < 0)
		return -EBADMSG;
	*ret_read = bytes_read;
	*ret_written = written;
	return 0;
}

int proc_status_parse(const char *bytes, size_t size, uid_t *ret_effective, uint64_t *ret_swap)
{
	uint64_t uid, swap = 0;
	struct text t;

	if (!find_line(bytes, size, "Uid:", &t))
		return -EBADMSG;
	read_number(&t);
	uid = read_number(&t);
	if (t.failed || uid > UINT32_MAX)
		return -EBADMSG;
	if (find_line(bytes, size, "VmSwap:", &t) &&
		find_kib(bytes, size, "VmSwap:", &swap) < 0)
		return -EBADMSG;
	*ret_effective = (uid_t) uid;
	*ret_swap = swap;
	return 0;
}

int proc_pss_parse(const char *bytes, size_t size, uint64_t *ret_bytes)
{
	return find_kib(bytes, size, "Pss:", ret_bytes);
}

int proc_limits_parse(const char *bytes, size_t size, uint64_t *ret_files)
{
	static const char unlimited[] = "unlimited";
	struct text t;
	uint64_t value;

	if (!find_line(bytes, size, "Max open files", &t))
		return -EBADMSG;
	skip_blanks(&t);
	if ((size_t) (t.end - t.at) >= sizeof(unlimited) - 1 &&
		memcmp(t.at, unlimited, sizeof(unlimited) - 1) == 0) {
		*ret_files = UINT64_MAX;
		return 0;
	}
	value = read_number(&t);
	if (t.failed)
		return -EBADMSG;
	*ret_files = value;
	return 0;
}

static int find_set(const char *bytes, size_t size, const char *key, uint64_t *ret)
{
	struct text t;
	uint64_t value;

	if (!find_line(bytes, size, key, &t))
		return -EBADMSG;
	skip_blanks(&t);
	value = read_digits(&t, 16);
	if (t.failed)
		return -EBADMSG;
	*ret = value;
	return 0;
}

int proc_capabilities_parse(const char *bytes, size_t size, uint64_t *ret)
{
	return find_set(bytes, size, "CapEff:", ret);
}

int proc_ignored_signals_parse(const char *bytes, size_t size, uint64_t *ret)
{
	return find_set(bytes, size, "SigIgn:", ret);
}

int proc_namespace_pid_parse(const char *bytes, size_t size, uint64_t *ret)
{
	uint64_t value = 0;
	struct text t;

	if (!find_line(bytes, size, "NSpid:", &t))
		return -EBADMSG;
	for (skip_blanks(&t); !t.failed && t.at < t.end; skip_blanks(&t))
		value = read_number(&t);
	if (t.failed || value == 0)
		return -EBADMSG;
	*ret = value;
	return 0;
}

int proc_oom_kills_parse(const char *bytes, size_t size, uint64_t *ret_kills)
{
	return find_number(bytes, size, "oom_kill ", ret_kills);
}

/* Of a line ID:CONTROLLERS:PATH; controllers are separated by commas. */
static enum cgroup_hierarchy hierarchy_of(const char *line, const char *id, const char *path)
{
	static const char memory[] = "memory";
	const char *name = id + 1;

	if (name == path)
		return line[0] == '0' && id == line + 1 ? CGROUP_UNIFIED : CGROUP_OTHER;
	while (name < path) {
		const char *comma = memchr(name, ',', (size_t) (path - name));
		const char *end = comma ? comma : path;

		if ((size_t) (end - name) == strlen(memory) &&
			memcmp(name, memory, strlen(memory)) == 0)
			return CGROUP_MEMORY;
		name = end + 1;
	}
	return CGROUP_OTHER;
}

bool proc_cgroup_next(
	const char *bytes, size_t size, size_t *position, struct cgroup_path *ret)
{
	while (*position < size) {
		const char *line = bytes + *position;
		const char *newline = memchr(line, '\n', size - *position);
		const char *end = newline ? newline : bytes + size;
		const char *id = memchr(line, ':', (size_t) (end - line));
		const char *path = id ? memchr(id + 1, ':', (size_t) (end - id - 1)) : NULL;

		*position = (size_t) (end - bytes) + (newline ? 1 : 0);
		if (!path || path + 1 == end || path[1] != '/')
			continue;
		*ret = (struct cgroup_path){
			hierarchy_of(line, id, path), path + 1, (size_t) (end - path - 1)};
		return true;
	}
	return false;
}

static bool read_char(struct text *t, char c)
{
	if (t->at < t->end && *t->at == c) {
		t->at++;
		return true;
	}
	t->failed = true;
	return false;
}

/* 8 digits in tcp, 32 in tcp6. */
static void skip_address(struct text *t)
{
	const char *colon;
	size_t digits;

	skip_blanks(t);
	colon = memchr(t->at, ':', (size_t) (t->end - t->at));
	digits = colon ? (size_t) (colon - t->at) : 0;
	if (digits != 8 && digits != 32) {
		t->failed = true;
		return;
	}
	for (; digits > 0; digits--)
		if (!isxdigit((unsigned char) *t->at++))
			t->failed = true;
	read_char(t, ':');
}

static void skip_word(struct text *t)
{
	skip_blanks(t);
	while (t->at < t->end && *t->at != ' ')
		t->at++;
}

int proc_listener_parse(const char *line, size_t size, struct tcp_listener *ret)
{
	struct text t = text_of(line, size);
	struct tcp_listener l = {0};
	uint64_t port, state, owner;

	read_number(&t);
	if (t.failed || !read_char(&t, ':'))
		return -EBADMSG;
	skip_address(&t);
	port = t.failed ? 0 : read_digits(&t, 16);
	if (!t.failed)
		skip_address(&t);
	if (!t.failed)
		read_digits(&t, 16);
	skip_blanks(&t);
	state = t.failed ? 0 : read_digits(&t, 16);
	if (t.failed || port > UINT16_MAX)
		return -EBADMSG;
	if (state != TCP_LISTENING)
		return 0;
	/* Queues, timer and retransmissions stand before the user, a timeout before the inode. */
	for (int i = 0; i < 3; i++)
		skip_word(&t);
	owner = read_number(&t);
	skip_word(&t);
	l.inode = read_number(&t);
	if (t.failed || l.inode == 0 || owner > UINT32_MAX)
		return -EBADMSG;
	l.owner = (uid_t) owner;
	l.port = (uint16_t) port;
	*ret = l;
	return 1;
}

uint64_t proc_socket_parse(const char *link, size_t size)
{
	static const char prefix[] = "socket:[";
	struct text t = text_of(link, size);
	uint64_t inode;

	if (size < sizeof(prefix) || memcmp(link, prefix, sizeof(prefix) - 1) != 0)
		return 0;
	t.at += sizeof(prefix) - 1;
	inode = read_digits(&t, 10);
	return t.failed || !read_char(&t, ']') ? 0 : inode;
}
