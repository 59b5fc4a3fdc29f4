/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/rice.h"

#define MODE_BITS      3
#define PARAMETER_BITS 6
#define COUNT_BITS     7
#define ESCAPE	       20 /* 0 bits: the number follows as it is */
#define SPARSE_MAX     (RICE_BLOCK / 3) /* more numbers that are not 0 are never written so */

enum mode {
	MODE_ZEROS,
	MODE_EQUAL,
	MODE_RICE,
	MODE_MIDDLE,
	MODE_SPARSE,
};

static uint64_t zigzag(int64_t number)
{
	return (uint64_t) number << 1 ^ (number < 0 ? UINT64_MAX : 0);
}

static int64_t unzigzag(uint64_t code)
{
	return (int64_t) (code >> 1 ^ -(code & 1));
}

/* Differences of what is read may be any: they wrap. */
static int64_t subtract(int64_t a, int64_t b)
{
	return (int64_t) ((uint64_t) a - (uint64_t) b);
}

static unsigned width(uint64_t code)
{
	return code == 0 ? 1 : 64 - (unsigned) __builtin_clzll(code);
}

static unsigned plain_bits(int64_t number)
{
	return PARAMETER_BITS + width(zigzag(number));
}

static void put_plain(struct bit_writer *w, int64_t number)
{
	unsigned bits = width(zigzag(number));

	bits_put(w, bits - 1, PARAMETER_BITS);
	bits_put(w, zigzag(number), bits);
}

static int64_t get_plain(struct bit_reader *r)
{
	unsigned bits = (unsigned) bits_get(r, PARAMETER_BITS) + 1;

	return unzigzag(bits_get(r, bits));
}

static unsigned rice_bits(uint64_t code, unsigned k)
{
	uint64_t high = code >> k;

	return high < ESCAPE ? (unsigned) high + 1 + k : ESCAPE + 64;
}

static void put_rice(struct bit_writer *w, uint64_t code, unsigned k)
{
	uint64_t high = code >> k;

	if (high < ESCAPE) {
		bits_put(w, UINT64_C(1) << high, (unsigned) high + 1);
		bits_put(w, code & ((UINT64_C(1) << k) - 1), k);
	} else {
		bits_put(w, 0, ESCAPE);
		bits_put(w, code, 64);
	}
}

static uint64_t get_rice(struct bit_reader *r, unsigned k)
{
	unsigned high = (unsigned) __builtin_ctzll(bits_peek(r) | UINT64_C(1) << ESCAPE);

	if (high == ESCAPE) {
		bits_skip(r, ESCAPE);
		return bits_get(r, 64);
	}
	bits_skip(r, high + 1);
	return (uint64_t) high << k | bits_get(r, k);
}

/* Of numbers around this parameter the true one is at most one away, as a rule. */
static unsigned guess_parameter(const uint64_t codes[], size_t count)
{
	double mean = 0;
	unsigned k = 0;

	for (size_t i = 0; i < count; i++)
		mean += (double) codes[i];
	mean /= (double) count;
	while (k < 62 && (double) (UINT64_C(1) << k) < mean)
		k++;
	return k;
}

/* The parameter that takes the fewest bits, and how many those are. */
static unsigned find_parameter(const uint64_t codes[], size_t count, unsigned *ret_bits)
{
	unsigned guess = guess_parameter(codes, count), best = 0, best_bits = UINT32_MAX;

	for (unsigned k = guess < 2 ? 0 : guess - 2; k <= guess; k++) {
		unsigned bits = 0;

		for (size_t i = 0; i < count; i++)
			bits += rice_bits(codes[i], k);
		if (bits < best_bits) {
			best = k;
			best_bits = bits;
		}
	}
	*ret_bits = best_bits;
	return best;
}

static int64_t middle_of(const int64_t numbers[], size_t count)
{
	double sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += (double) numbers[i];
	/* Whatever it is, what is left of the numbers is coded: it need not be exact. */
	sum /= (double) count;
	return sum > -0x1p62 && sum < 0x1p62 ? (int64_t) sum : 0;
}

static void plan_rice(struct rice_plan *best, const int64_t numbers[], size_t count, int64_t middle)
{
	uint64_t codes[RICE_BLOCK];
	unsigned bits, k;

	for (size_t i = 0; i < count; i++)
		codes[i] = zigzag(subtract(numbers[i], middle));
	k = find_parameter(codes, count, &bits);
	bits += MODE_BITS + PARAMETER_BITS + (middle ? plain_bits(middle) : 0);
	if (bits < best->bits)
		*best = (struct rice_plan){.bits = bits,
			.mode = middle ? MODE_MIDDLE : MODE_RICE,
			.k = (uint8_t) k,
			.middle = middle};
}

/* The numbers that are not 0, and how many zeros are before each. Returns how many there are; MAX at most. */
static size_t find_sparse(
	const int64_t numbers[], size_t count, uint64_t gaps[], uint64_t codes[], size_t max)
{
	size_t found = 0, zeros = 0;

	for (size_t i = 0; i < count && found < max; i++) {
		if (numbers[i] == 0) {
			zeros++;
			continue;
		}
		gaps[found] = zeros;
		codes[found++] = zigzag(numbers[i]);
		zeros = 0;
	}
	return found;
}

static void plan_sparse(struct rice_plan *best, const int64_t numbers[], size_t count)
{
	uint64_t gaps[SPARSE_MAX + 1], codes[SPARSE_MAX + 1];
	size_t found = find_sparse(numbers, count, gaps, codes, SPARSE_MAX + 1);
	unsigned gap_bits, bits, j, k;

	if (found > SPARSE_MAX)
		return;
	j = find_parameter(gaps, found, &gap_bits);
	k = find_parameter(codes, found, &bits);
	bits += MODE_BITS + COUNT_BITS + 2 * PARAMETER_BITS + gap_bits;
	if (bits < best->bits)
		*best = (struct rice_plan){.bits = bits,
			.mode = MODE_SPARSE,
			.k = (uint8_t) k,
			.j = (uint8_t) j,
			.count = (uint8_t) found};
}

static bool are_equal(const int64_t numbers[], size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (numbers[i] != numbers[0])
			return false;
	return true;
}

struct rice_plan rice_plan(const int64_t numbers[], size_t count)
{
	struct rice_plan best = {.bits = UINT32_MAX};
	int64_t middle;

	if (are_equal(numbers, count)) {
		if (numbers[0] == 0)
			return (struct rice_plan){.bits = MODE_BITS, .mode = MODE_ZEROS};
		return (struct rice_plan){.bits = MODE_BITS + plain_bits(numbers[0]),
			.mode = MODE_EQUAL,
			.middle = numbers[0]};
	}
	plan_rice(&best, numbers, count, 0);
	middle = middle_of(numbers, count);
	if (middle != 0)
		plan_rice(&best, numbers, count, middle);
	plan_sparse(&best, numbers, count);
	return best;
}

static void write_sparse(
	const struct rice_plan *plan, const int64_t numbers[], size_t count, struct bit_writer *w)
{
	uint64_t gaps[SPARSE_MAX], codes[SPARSE_MAX];
	size_t found = find_sparse(numbers, count, gaps, codes, SPARSE_MAX);

	bits_put(w, plan->count, COUNT_BITS);
	bits_put(w, plan->j, PARAMETER_BITS);
	bits_put(w, plan->k, PARAMETER_BITS);
	for (size_t i = 0; i < found; i++) {
		put_rice(w, gaps[i], plan->j);
		put_rice(w, codes[i], plan->k);
	}
}

void rice_write(const struct rice_plan *plan, const int64_t numbers[], size_t count, struct bit_writer *w)
{
	bits_put(w, plan->mode, MODE_BITS);
	if (plan->mode == MODE_SPARSE)
		write_sparse(plan, numbers, count, w);
	if (plan->mode == MODE_EQUAL || plan->mode == MODE_MIDDLE)
		put_plain(w, plan->middle);
	if (plan->mode != MODE_RICE && plan->mode != MODE_MIDDLE)
		return;
	bits_put(w, plan->k, PARAMETER_BITS);
	for (size_t i = 0; i < count; i++)
		put_rice(w, zigzag(subtract(numbers[i], plan->middle)), plan->k);
}

static void fill(int64_t ret[], size_t count, int64_t number)
{
	for (size_t i = 0; i < count; i++)
		ret[i] = number;
}

static void read_rice(struct bit_reader *r, int64_t middle, int64_t ret[], size_t count)
{
	unsigned k = (unsigned) bits_get(r, PARAMETER_BITS);

	for (size_t i = 0; i < count; i++)
		ret[i] = (int64_t) ((uint64_t) unzigzag(get_rice(r, k)) + (uint64_t) middle);
}

static void read_sparse(struct bit_reader *r, int64_t ret[], size_t count)
{
	size_t found = bits_get(r, COUNT_BITS), next = 0;
	unsigned j = (unsigned) bits_get(r, PARAMETER_BITS), k = (unsigned) bits_get(r, PARAMETER_BITS);

	fill(ret, count, 0);
	for (size_t i = 0; i < found; i++) {
		uint64_t gap = get_rice(r, j);
		int64_t number = unzigzag(get_rice(r, k));

		if (r->failed || gap >= count - next) {
			r->failed = true;
			return;
		}
		next += gap;
		ret[next++] = number;
	}
}

void rice_read(struct bit_reader *r, int64_t ret[], size_t count)
{
	switch (bits_get(r, MODE_BITS)) {
	case MODE_ZEROS:
		fill(ret, count, 0);
		break;
	case MODE_EQUAL:
		fill(ret, count, get_plain(r));
		break;
	case MODE_RICE:
		read_rice(r, 0, ret, count);
		break;
	case MODE_MIDDLE:
		read_rice(r, get_plain(r), ret, count);
		break;
	case MODE_SPARSE:
		read_sparse(r, ret, count);
		break;
	default:
		r->failed = true;
	}
}
