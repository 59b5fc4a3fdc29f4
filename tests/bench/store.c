/* SPDX-License-Identifier: Apache-2.0 */
/* What a tick costs: processor time, latency and bytes, for hosts of 150 and 500 series.
 *
 *	make tests/bench/store && tests/bench/store [DIRECTORY]
 *
 * An hour of ticks at one a second, as fast as they go, each a transaction of its own, with a
 * checkpoint every 60 as an idle timer makes them; then what readers ask, and retention. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/clock.h"
#include "schema/store.h"

#define TICKS	       3600
#define FIRST_MS       INT64_C(1769853600000)
#define CHECKPOINT     60
#define LATEST_MS      300000 /* how far back a page looks */
#define LATEST_REPEATS 100

static void require(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(-r));
	exit(1);
}

static usec_t cpu_time(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (usec_t) (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * USEC_PER_SEC +
		(usec_t) (u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static int compare(const void *a, const void *b)
{
	usec_t left = *(const usec_t *) a, right = *(const usec_t *) b;

	return (left > right) - (left < right);
}

static void print_latency(const char *what, usec_t *list, size_t count)
{
	qsort(list, count, sizeof(*list), compare);
	printf("  %s: %.0f us median, %.0f us 99th percentile, %.0f us longest\n", what,
		(double) list[count / 2], (double) list[count * 99 / 100],
		(double) list[count - 1]);
}

static void make_series(struct store *s, uint32_t count)
{
	char value[32];

	require(store_begin(s), "begin");
	for (uint32_t i = 0; i < count; i++) {
		struct series series = {.metric = (char[]){"modelwatch_service_resident_bytes"}};
		uint32_t id;

		snprintf(value, sizeof(value), "service-%u", i);
		require(labels_set(&series.labels, "service", value), "label");
		require(store_series(s, &series, &id), "series");
		labels_done(&series.labels);
	}
	require(store_commit(s), "commit");
}

static void write_ticks(struct store *s, uint32_t count)
{
	_cleanup_free_ struct sample *samples = calloc(count, sizeof(*samples));
	static usec_t wall[TICKS];
	usec_t cpu = 0;

	if (!samples)
		exit(1);
	for (int64_t t = 0; t < TICKS; t++) {
		usec_t cpu_before = cpu_time(), before = clock_monotonic();

		for (uint32_t i = 0; i < count; i++)
			samples[i] = (struct sample){i + 1, (double) (t * i)};
		require(store_begin(s), "begin");
		require(store_append(s, FIRST_MS + t * 1000, samples, count), "append");
		require(store_commit(s), "commit");
		wall[t] = clock_monotonic() - before;
		if (t % CHECKPOINT == 0)
			require(store_checkpoint(s), "checkpoint");
		cpu += cpu_time() - cpu_before;
	}
	printf("  %.1f us of processor time a tick, checkpoints included\n",
		(double) cpu / TICKS);
	print_latency("begin to commit", wall, TICKS);
	printf("  %.0f bytes of file a tick\n", (double) store_bytes(s) / TICKS);
}

static int ignore_value(void *userdata, const struct series *series, int64_t time_ms, double value)
{
	++*(size_t *) userdata;
	return 0;
}

static void read_latest(struct store *s, const char *what)
{
	usec_t before = cpu_time();
	size_t count = 0;

	for (int i = 0; i < LATEST_REPEATS; i++)
		require(reader_latest(store_reader(s), FIRST_MS + TICKS * 1000 - LATEST_MS,
				ignore_value, &count), "latest");
	printf("  newest values, %s: %.0f us\n", what,
		(double) (cpu_time() - before) / LATEST_REPEATS);
}

static void read_range(struct store *s)
{
	struct series series = {.metric = (char[]){"modelwatch_service_resident_bytes"}};
	usec_t before = cpu_time();
	size_t count = 0;

	require(labels_set(&series.labels, "service", "service-17"), "label");
	require(reader_range(store_reader(s), &series, 0, INT64_MAX, ignore_value, &count),
		"range");
	labels_done(&series.labels);
	printf("  one series, %zu values: %.0f us\n", count, (double) (cpu_time() - before));
}

static void expire(struct store *s)
{
	static usec_t wall[TICKS];
	size_t steps = 0;
	usec_t before;
	int more;

	do {
		before = clock_monotonic();
		more = store_expire(s, FIRST_MS + TICKS * 1000, UINT64_MAX);
		require(more, "expire");
		wall[steps++] = clock_monotonic() - before;
	} while (more > 0 && steps < TICKS);
	print_latency("a step of retention", wall, steps);
}

static void measure(const char *directory, uint32_t count)
{
	_cleanup_free_ char *path = NULL, *why = NULL;
	struct store *s = NULL;
	int r;

	if (asprintf(&path, "%s/bench-%u.db", directory, count) < 0)
		exit(1);
	unlink(path);
	r = store_open(path, &s, &why);
	require(r, why ? why : "open");
	printf("%u series, %d ticks:\n", count, TICKS);
	make_series(s, count);
	write_ticks(s, count);
	read_latest(s, "all there");
	make_series(s, count + 1);
	read_latest(s, "one of them nowhere in five minutes");
	read_range(s);
	expire(s);
	store_close(s);
	unlink(path);
}

int main(int argc, char **argv)
{
	static const uint32_t counts[] = {150, 500};
	char made[] = "/var/tmp/store-bench-XXXXXX";
	const char *directory = argc > 1 ? argv[1] : mkdtemp(made);

	if (!directory) {
		perror("mkdtemp");
		return 1;
	}
	for (size_t i = 0; i < ELEMENTS(counts); i++)
		measure(directory, counts[i]);
	if (argc == 1)
		rmdir(directory);
	return 0;
}
