/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/process/bounded_read.h"

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "collectors/process/proc_reader.h"
#include "daemon/base/text.h"

#define STACK_SIZE (64 * 1024)
#define WAIT_MIN   USEC_PER_MSEC /* however much was waited: a read takes some microseconds */
#define WAIT_SHARE 10		 /* of the time is waited, beyond that */
#define NSEC_PER_USEC 1000

/* Who has a reader's answer: whoever comes first decides. */
enum state {
	ASKED,	  /* the thread reads, the caller waits */
	ANSWERED, /* by the thread, which ends if it was away */
	AWAY,	  /* the caller gave up */
	LEFT,	  /* nobody has it any more: the thread frees it */
};

/* A thread, and what it was asked and answered. The thread never allocates, and frees nothing but this. */
struct worker {
	pthread_t thread;
	sem_t asked, answered;
	atomic_int state; /* enum state */
	bool dismissed;	  /* it is to end instead */
	int root;
	struct bounded_request request;
	ssize_t size; /* of the answer, or -errno */
	usec_t took;
	/* Of one that is away. */
	uint64_t start; /* of its process; 0 where unknown */
	uid_t user; /* who answers for its process */
	usec_t since, since_wall;
	unsigned collections; /* since its late answer is there */
	char bytes[BOUNDED_READ_MAX];
};

struct bounded_reader {
	int root;
	struct worker *ready; /* the one that is asked next; NULL: to be made */
	struct worker *away[AWAY_MAX];
	size_t away_count;
	usec_t allowed, filled; /* what may be waited, and when that was found out: monotonic */
	pid_t unread[UNREAD_MAX];
	size_t unread_count;
	bool unread_more, full;
};

static ssize_t read_some(int fd, char *bytes, size_t size)
{
	ssize_t got;

	do
		got = read(fd, bytes, size);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

static ssize_t read_opened(const struct worker *w, char *bytes)
{
	ssize_t size;

	do
		size = pread(w->request.fd, bytes, w->request.limit, 0);
	while (size < 0 && errno == EINTR);
	return size < 0 ? -errno : size;
}

static ssize_t read_named(const struct worker *w, char *bytes)
{
	const struct bounded_request *q = &w->request;
	_cleanup_close_ int fd = -1;
	char path[64];
	size_t size = 0;
	ssize_t got = 1;

	if (q->thread > 0)
		snprintf(path, sizeof(path), "%d/task/%d/%s", q->pid, q->thread, q->name);
	else
		snprintf(path, sizeof(path), "%d/%s", q->pid, q->name);
	fd = openat(w->root, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (got > 0 && size < q->limit) {
		got = read_some(fd, bytes + size, q->limit - size);
		size += got > 0 ? (size_t) got : 0;
	}
	return got < 0 ? got : (ssize_t) size;
}

static void worker_free(struct worker *w)
{
	sem_destroy(&w->asked);
	sem_destroy(&w->answered);
	free(w);
}

/* A descriptor that is kept open is used once: who gave up may have closed it since. */
static void *work(void *userdata)
{
	struct worker *w = userdata;

	for (;;) {
		usec_t begin;
		int before;

		while (sem_wait(&w->asked) < 0 && errno == EINTR)
			;
		if (w->dismissed)
			return NULL;
		begin = clock_monotonic();
		w->size = w->request.fd >= 0 ? read_opened(w, w->bytes) : read_named(w, w->bytes);
		w->took = usec_since(clock_monotonic(), begin);
		before = atomic_exchange(&w->state, ANSWERED);
		if (before == LEFT)
			worker_free(w);
		if (before != ASKED)
			return NULL;
		sem_post(&w->answered);
	}
}

/* Signals are the main thread's. */
static int start_thread(struct worker *w)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	int r = pthread_attr_init(&attributes);

	if (r != 0)
		return -r;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_attr_setstacksize(&attributes, STACK_SIZE);
	if (r == 0)
		r = pthread_create(&w->thread, &attributes, work, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return -r;
}

static int make_ready(struct bounded_reader *r)
{
	struct worker *w;
	int error;

	if (r->ready)
		return 0;
	/* What no answer fills takes no memory. */
	w = malloc(sizeof(*w));
	if (!w)
		return -ENOMEM;
	memset(w, 0, offsetof(struct worker, bytes));
	w->root = r->root;
	sem_init(&w->asked, 0, 0);
	sem_init(&w->answered, 0, 0);
	error = start_thread(w);
	if (error < 0) {
		worker_free(w);
		return error;
	}
	r->ready = w;
	return 0;
}

int bounded_reader_new(int root, struct bounded_reader **ret)
{
	struct bounded_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->root = root;
	r->allowed = BOUNDED_WAIT;
	*ret = r;
	return 0;
}

static bool has_returned(const struct worker *w)
{
	return atomic_load(&w->state) == ANSWERED;
}

/* It has ended, or does so at once. */
static void bury(struct worker *w)
{
	pthread_join(w->thread, NULL);
	worker_free(w);
}

static void leave(struct worker *w)
{
	pthread_t thread = w->thread;

	if (atomic_exchange(&w->state, LEFT) == ANSWERED)
		bury(w);
	else
		pthread_detach(thread);
}

struct bounded_reader *bounded_reader_free(struct bounded_reader *r)
{
	if (!r)
		return NULL;
	if (r->ready) {
		r->ready->dismissed = true;
		sem_post(&r->ready->asked);
		bury(r->ready);
	}
	for (size_t i = 0; i < r->away_count; i++)
		leave(r->away[i]);
	free(r);
	return NULL;
}

int bounded_reader_root(const struct bounded_reader *r)
{
	return r->root;
}

static void note_unread(struct bounded_reader *r, pid_t pid)
{
	for (size_t i = 0; i < r->unread_count; i++)
		if (r->unread[i] == pid)
			return;
	if (r->unread_count < UNREAD_MAX)
		r->unread[r->unread_count++] = pid;
	else
		r->unread_more = true;
}

static void remove_away(struct bounded_reader *r, size_t i)
{
	note_unread(r, r->away[i]->request.pid);
	bury(r->away[i]);
	r->away[i] = r->away[--r->away_count];
}

static uint64_t start_of(const struct bounded_reader *r, pid_t pid)
{
	struct proc_stat stat;

	return proc_read_stat(r->root, pid, &stat) < 0 ? 0 : stat.start;
}

/* True where the thread is or was away with the process, whose number may be another's by now. */
static bool is_of(const struct bounded_reader *r, const struct worker *w, pid_t pid)
{
	return w->request.pid == pid && w->start == start_of(r, pid);
}

bool bounded_reader_waits_for(struct bounded_reader *r, pid_t pid)
{
	for (size_t i = 0; i < r->away_count; i++)
		if (!has_returned(r->away[i]) && is_of(r, r->away[i], pid))
			return true;
	return false;
}

bool bounded_reader_next_stuck(
	const struct bounded_reader *r, size_t *position, struct stuck *ret)
{
	while (*position < r->away_count) {
		const struct worker *w = r->away[(*position)++];

		if (has_returned(w))
			continue;
		*ret = (struct stuck){w->request.pid, w->since, w->since_wall};
		return true;
	}
	return false;
}

/* A late answer that is kept is there for whoever takes it until the next collection but one. */
static void take_back_places(struct bounded_reader *r)
{
	size_t i = 0;

	while (i < r->away_count) {
		const struct worker *w = r->away[i];

		if (has_returned(w) && !(w->request.late && w->collections < 2))
			remove_away(r, i);
		else
			i++;
	}
}

size_t bounded_reader_collect(struct bounded_reader *r, pid_t pids[static UNREAD_MAX],
	bool *ret_more, bool *ret_full)
{
	size_t count;

	for (size_t i = 0; i < r->away_count; i++)
		r->away[i]->collections += has_returned(r->away[i]);
	take_back_places(r);
	count = r->unread_count;
	memcpy(pids, r->unread, count * sizeof(*pids));
	*ret_more = r->unread_more;
	*ret_full = r->full;
	r->unread_count = 0;
	r->unread_more = r->full = false;
	return count;
}

/* Root's processes may take all places, those of one user some of them, and of all other users together not
 * all: root's can be looked at whatever users do. */
static bool has_room(struct bounded_reader *r, pid_t pid)
{
	size_t of_user = 0, of_users = 0;
	uid_t user;

	if (r->away_count < AWAY_OF_USER)
		return true;
	take_back_places(r);
	if (r->away_count >= AWAY_MAX || proc_read_account(r->root, pid, &user) < 0)
		return false;
	if (user == 0)
		return true;
	for (size_t i = 0; i < r->away_count; i++) {
		of_user += r->away[i]->user == user;
		of_users += r->away[i]->user != 0;
	}
	return of_user < AWAY_OF_USER && of_users < AWAY_OF_USERS;
}

static void leave_alone(struct bounded_reader *r, usec_t now)
{
	struct worker *w = TAKE_POINTER(r->ready);

	w->start = start_of(r, w->request.pid);
	w->since = now;
	w->since_wall = clock_wall();
	if (proc_read_account(r->root, w->request.pid, &w->user) < 0)
		w->user = 0;
	r->away[r->away_count++] = w;
}

/* Time to wait is given as it passes, up to one wait of full length. */
static usec_t patience(struct bounded_reader *r, usec_t now, usec_t wait)
{
	usec_t allowed = r->allowed + usec_since(now, r->filled) / WAIT_SHARE;

	r->allowed = allowed < BOUNDED_WAIT ? allowed : BOUNDED_WAIT;
	r->filled = now;
	if (wait > r->allowed)
		wait = r->allowed;
	return wait > WAIT_MIN ? wait : WAIT_MIN;
}

static void charge(struct bounded_reader *r, usec_t waited)
{
	if (waited >= WAIT_MIN)
		r->allowed = usec_since(r->allowed, waited);
}

/* False where it gave no answer. */
static bool wait_for(struct worker *w, usec_t until)
{
	const struct timespec time = {.tv_sec = (time_t) (until / USEC_PER_SEC),
		.tv_nsec = (long) (until % USEC_PER_SEC) * NSEC_PER_USEC};
	int asked = ASKED, r;

	do
		r = sem_clockwait(&w->answered, CLOCK_MONOTONIC, &time);
	while (r < 0 && errno == EINTR);
	if (r == 0)
		return true;
	if (atomic_compare_exchange_strong(&w->state, &asked, AWAY))
		return false;
	/* It answered at the last moment. */
	while (sem_wait(&w->answered) < 0 && errno == EINTR)
		;
	return true;
}

static int ask(struct bounded_reader *r, const struct bounded_request *q)
{
	usec_t begin = clock_monotonic(), until = begin + patience(r, begin, q->wait);
	struct worker *w = r->ready;
	bool answered;

	w->request = *q;
	atomic_store(&w->state, ASKED);
	sem_post(&w->asked);
	answered = wait_for(w, until);
	charge(r, usec_since(clock_monotonic(), begin));
	if (answered)
		return 0;
	leave_alone(r, begin);
	return -ETIMEDOUT;
}

static int take_answer(const struct worker *w, struct buf *b, usec_t *took)
{
	if (w->size < 0)
		return (int) w->size;
	buf_add(b, w->bytes, (size_t) w->size);
	if (took)
		*took = w->took;
	return buf_error(b);
}

/* Of late answers of the process stay those that are kept, and that the request does not replace: so
 * a process has one thread that waits at most, and one kept answer of a file. */
static void drop_old_answers(struct bounded_reader *r, const struct bounded_request *q)
{
	size_t i = 0;

	while (i < r->away_count) {
		const struct worker *w = r->away[i];

		if (w->request.pid == q->pid && has_returned(w) &&
			!(w->request.late && !text_equal(w->request.name, q->name)))
			remove_away(r, i);
		else
			i++;
	}
}

int bounded_read_late(
	struct bounded_reader *r, pid_t pid, const char *name, struct buf *b, usec_t *took)
{
	for (size_t i = 0; i < r->away_count; i++) {
		const struct worker *w = r->away[i];
		int error;

		if (!w->request.late || !text_equal(w->request.name, name) || !is_of(r, w, pid))
			continue;
		if (!has_returned(w))
			return -EBUSY;
		error = take_answer(w, b, took);
		remove_away(r, i);
		return error;
	}
	return -ENODATA;
}

int bounded_read(struct bounded_reader *r, const struct bounded_request *q, struct buf *b,
	usec_t *took)
{
	int error;

	if (bounded_reader_waits_for(r, q->pid))
		return -EBUSY;
	drop_old_answers(r, q);
	if (!has_room(r, q->pid)) {
		r->full = true;
		note_unread(r, q->pid);
		return -EBUSY;
	}
	error = make_ready(r);
	if (error == 0)
		error = ask(r, q);
	return error < 0 ? error : take_answer(r->ready, b, took);
}
