/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/column.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/base/cursor.h"
#include "schema/decimal.h"
#include "schema/gorilla.h"
#include "schema/rice.h"

#define RAW		255 /* in the place of the flags */
#define ORDERS		3
#define ORDER_SHIFT	6
#define FLAG_EXCEPTIONS 0x20
#define FLAG_STEP	0x10
#define EXPONENT_MASK	0x0f
#define BLOCKS_MAX	(COLUMN_VALUES_MAX / RICE_BLOCK)
#define EXCEPTIONS(n)	((n) / 16)  /* of n values; where there are more, no value is coded as a decimal */
#define EXCEPTION_BITS	76	    /* that one takes, about */
#define DIGIT_BITS	3.32	    /* that one more decimal takes in each value */
#define SAMPLE		64	    /* values that show whether decimals are worth a look at all */

struct column_work {
	int64_t numbers[ORDERS][COLUMN_VALUES_MAX];
	struct rice_plan plans[ORDERS][BLOCKS_MAX];
	uint16_t exceptions[EXCEPTIONS(COLUMN_VALUES_MAX)]; /* their places */
	size_t exception_count;
};

struct column_work *column_work_new(void)
{
	return malloc(sizeof(struct column_work));
}

/* How many values need which exponent. False where it is clear that too many need none. */
static bool count_exponents(const double values[], size_t count, size_t ret[DECIMAL_NONE + 1])
{
	unsigned exponent = 0;

	for (size_t i = 0; i < count; i++) {
		unsigned needed = decimal_exponent(values[i], exponent);

		ret[needed]++;
		if (needed <= DECIMAL_EXPONENT_MAX)
			exponent = needed;
		else if (ret[DECIMAL_NONE] > SAMPLE && ret[DECIMAL_NONE] > EXCEPTIONS(count))
			return false;
	}
	return true;
}

/* The exponent that takes the fewest bits, values that need a larger one being exceptions; DECIMAL_NONE where
 * those are too many with any. */
static unsigned choose_exponent(const double values[], size_t count)
{
	size_t needed[DECIMAL_NONE + 1] = {0}, exceptions = count;
	double best_bits = 0;
	unsigned best = DECIMAL_NONE;

	if (!count_exponents(values, count, needed))
		return DECIMAL_NONE;
	for (unsigned e = 0; e <= DECIMAL_EXPONENT_MAX; e++) {
		double bits;

		exceptions -= needed[e];
		bits = EXCEPTION_BITS * (double) exceptions + DIGIT_BITS * e * (double) count;
		if (exceptions <= EXCEPTIONS(count) && (best == DECIMAL_NONE || bits < best_bits)) {
			best = e;
			best_bits = bits;
		}
	}
	return best;
}

/* The first that is no exception. */
static int64_t find_first(const double values[], size_t count, unsigned exponent)
{
	for (size_t i = 0; i < count; i++)
		if (decimal_is_exact(values[i], exponent))
			return decimal_integer(values[i], exponent);
	return 0;
}

/* Makes the differences to FIRST, and finds exceptions. False where those are too many. */
static bool make_integers(struct column_work *w, const double values[], size_t count, unsigned exponent,
	int64_t first)
{
	int64_t *x = w->numbers[0], last = 0;

	w->exception_count = 0;
	for (size_t i = 0; i < count; i++) {
		if (decimal_is_exact(values[i], exponent)) {
			last = decimal_integer(values[i], exponent) - first;
		} else {
			if (w->exception_count == EXCEPTIONS(count))
				return false;
			w->exceptions[w->exception_count++] = (uint16_t) i;
		}
		x[i] = last;
	}
	return true;
}

static uint64_t magnitude(int64_t number)
{
	return number < 0 ? -(uint64_t) number : (uint64_t) number;
}

/* The greatest common divisor (Euclid), 1 at least. */
static uint64_t find_step(const int64_t numbers[], size_t count)
{
	uint64_t step = 0;

	for (size_t i = 0; i < count && step != 1; i++) {
		uint64_t other = magnitude(numbers[i]);

		if (step != 0 && other % step == 0)
			continue;
		while (other != 0) {
			uint64_t rest = step % other;

			step = other;
			other = rest;
		}
	}
	return step > 0 ? step : 1;
}

static void divide(int64_t numbers[], size_t count, int64_t step)
{
	for (size_t i = 0; step > 1 && i < count; i++)
		numbers[i] /= step;
}

static void make_differences(const int64_t numbers[], size_t count, int64_t ret[])
{
	int64_t before = 0;

	for (size_t i = 0; i < count; i++) {
		ret[i] = numbers[i] - before;
		before = numbers[i];
	}
}

static size_t block_size(size_t count, size_t begin)
{
	return count - begin < RICE_BLOCK ? count - begin : RICE_BLOCK;
}

/* Plans for the numbers, and how many bits they take. */
static size_t plan(const int64_t numbers[], size_t count, struct rice_plan plans[])
{
	size_t bits = 0;

	for (size_t i = 0; i < count; i += RICE_BLOCK) {
		plans[i / RICE_BLOCK] = rice_plan(numbers + i, block_size(count, i));
		bits += plans[i / RICE_BLOCK].bits;
	}
	return bits;
}

/* The order whose numbers take the fewest bits. */
static unsigned choose_order(struct column_work *w, size_t count)
{
	size_t best_bits = SIZE_MAX;
	unsigned best = 0;

	for (unsigned order = 0; order < ORDERS; order++) {
		size_t bits;

		if (order > 0)
			make_differences(w->numbers[order - 1], count, w->numbers[order]);
		bits = plan(w->numbers[order], count, w->plans[order]);
		if (bits < best_bits) {
			best = order;
			best_bits = bits;
		}
	}
	return best;
}

static void put_exceptions(const struct column_work *w, const double values[], struct buf *b)
{
	size_t next = 0;

	buf_put_varint(b, w->exception_count);
	for (size_t i = 0; i < w->exception_count; i++) {
		buf_put_varint(b, w->exceptions[i] - next);
		buf_put_f64(b, values[w->exceptions[i]]);
		next = w->exceptions[i] + 1U;
	}
}

static void put_numbers(const struct column_work *w, unsigned order, size_t count, struct buf *b)
{
	struct bit_writer bits = {.buf = b};

	for (size_t i = 0; i < count; i += RICE_BLOCK)
		rice_write(&w->plans[order][i / RICE_BLOCK], w->numbers[order] + i, block_size(count, i),
			&bits);
	bits_end(&bits);
}

static void write_raw(const double values[], size_t count, struct buf *b)
{
	struct bit_writer bits = {.buf = b};

	buf_put_u8(b, RAW);
	gorilla_write(values, count, &bits);
	bits_end(&bits);
}

void column_write(struct column_work *w, const double values[], size_t count, struct buf *b)
{
	unsigned exponent = choose_exponent(values, count), order;
	int64_t first = 0;
	uint64_t step;

	if (exponent != DECIMAL_NONE)
		first = find_first(values, count, exponent);
	if (exponent == DECIMAL_NONE || !make_integers(w, values, count, exponent, first)) {
		write_raw(values, count, b);
		return;
	}
	step = find_step(w->numbers[0], count);
	divide(w->numbers[0], count, (int64_t) step);
	order = choose_order(w, count);
	buf_put_u8(b, (uint8_t) (order << ORDER_SHIFT | (w->exception_count > 0 ? FLAG_EXCEPTIONS : 0) |
			      (step > 1 ? FLAG_STEP : 0) | exponent));
	buf_put_zigzag(b, first);
	if (step > 1)
		buf_put_varint(b, step);
	if (w->exception_count > 0)
		put_exceptions(w, values, b);
	put_numbers(w, order, count, b);
}

/* What a column begins with. */
struct head {
	unsigned order, exponent;
	uint64_t first, step; /* sums of what is read may be any: they wrap */
	size_t exception_count;
	struct cursor exceptions;
};

static void read_exceptions(struct cursor *c, struct head *h, size_t count)
{
	h->exception_count = cursor_varint(c);
	if (h->exception_count == 0 || h->exception_count > count)
		c->failed = true;
	h->exceptions = *c;
	for (size_t i = 0; !c->failed && i < h->exception_count; i++) {
		cursor_varint(c);
		cursor_f64(c);
	}
}

static int read_head(struct cursor *c, uint8_t flags, size_t count, struct head *ret)
{
	struct head h = {.order = flags >> ORDER_SHIFT, .exponent = flags & EXPONENT_MASK};

	h.first = (uint64_t) cursor_zigzag(c);
	h.step = flags & FLAG_STEP ? cursor_varint(c) : 1;
	if (flags & FLAG_EXCEPTIONS)
		read_exceptions(c, &h, count);
	if (c->failed || h.order >= ORDERS || h.exponent > DECIMAL_EXPONENT_MAX || h.step == 0)
		return -EBADMSG;
	*ret = h;
	return 0;
}

/* Numbers of a block become values: sums of them, of as many orders. What goes over from one block to the
 * next is in SUMS. */
static void make_values(
	const struct head *h, const int64_t numbers[], size_t count, uint64_t sums[ORDERS - 1], double ret[])
{
	for (size_t i = 0; i < count; i++) {
		uint64_t x = (uint64_t) numbers[i];

		for (unsigned order = 0; order < h->order; order++)
			x = sums[order] += x;
		ret[i] = decimal_value((int64_t) (h->first + h->step * x), h->exponent);
	}
}

static int read_numbers(const struct head *h, struct bit_reader *bits, double ret[], size_t count)
{
	uint64_t sums[ORDERS - 1] = {0};
	int64_t numbers[RICE_BLOCK];

	for (size_t i = 0; i < count; i += RICE_BLOCK) {
		rice_read(bits, numbers, block_size(count, i));
		if (bits->failed)
			return -EBADMSG;
		make_values(h, numbers, block_size(count, i), sums, ret + i);
	}
	return bits_complete(bits) ? 0 : -EBADMSG;
}

static int put_back_exceptions(struct head *h, double ret[], size_t count)
{
	size_t next = 0;

	for (size_t i = 0; i < h->exception_count; i++) {
		uint64_t gap = cursor_varint(&h->exceptions);

		if (gap >= count - next)
			return -EBADMSG;
		next += gap;
		ret[next++] = cursor_f64(&h->exceptions);
	}
	return 0;
}

static int read_raw(struct bit_reader *bits, double ret[], size_t count)
{
	gorilla_read(bits, ret, count);
	return bits_complete(bits) ? 0 : -EBADMSG;
}

int column_read(const void *data, size_t size, double ret[], size_t count)
{
	struct cursor c = cursor_init(data, size);
	uint8_t flags = cursor_u8(&c);
	struct bit_reader bits;
	struct head head;
	int r;

	if (flags == RAW) {
		bits = bits_init(c.data + c.position, c.size - c.position);
		return read_raw(&bits, ret, count);
	}
	r = read_head(&c, flags, count, &head);
	if (r < 0)
		return r;
	bits = bits_init(c.data + c.position, c.size - c.position);
	r = read_numbers(&head, &bits, ret, count);
	return r < 0 ? r : put_back_exceptions(&head, ret, count);
}
