/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers that come again: `SEED=N` in the environment gives others than the usual ones. */
#pragma once

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/num.h"

struct random {
	uint64_t state;
};

/* The seed of this run. It is printed, so that what failed can be made to fail again. */
static inline uint64_t random_seed(void)
{
	const char *given = getenv("SEED");
	uint64_t seed = 1;

	if (given && num_parse_u64(given, &seed) < 0)
		abort();
	printf("SEED=%" PRIu64 "\n", seed);
	return seed;
}

/* The generator of input NUMBER of the run. */
static inline struct random random_of(uint64_t seed, uint32_t number)
{
	/* Not zero: it would stay there. */
	return (struct random){((seed << 32) + number) * UINT64_C(0x9e3779b97f4a7c15) | 1};
}

/* xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016). */
static inline uint64_t random_next(struct random *r)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return r->state * UINT64_C(0x2545f4914f6cdd1d);
}

/* From 0 to LIMIT - 1; 0 for a LIMIT of 0. */
static inline size_t random_below(struct random *r, size_t limit)
{
	return limit > 0 ? (size_t) (random_next(r) >> 33) % limit : 0;
}
