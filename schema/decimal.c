/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/decimal.h"

#include <math.h>
#include <string.h>

#define WHOLE_MAX 0x1p61 /* a whole number itself may be so large: differences of differences fit 64 bits */
#define SCALED_MAX 0x1p53 /* others are exact as far as this */

static const double powers[DECIMAL_EXPONENT_MAX + 1] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10};

static uint64_t bits_of(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

int64_t decimal_integer(double value, unsigned exponent)
{
	return llrint(value * powers[exponent]);
}

double decimal_value(int64_t integer, unsigned exponent)
{
	return (double) integer / powers[exponent];
}

bool decimal_is_exact(double value, unsigned exponent)
{
	double limit = exponent == 0 ? WHOLE_MAX : SCALED_MAX;

	/* False for NaN. */
	if (!(fabs(value) * powers[exponent] < limit))
		return false;
	return bits_of(decimal_value(decimal_integer(value, exponent), exponent)) == bits_of(value);
}

/* Downwards from EXPONENT - 1. */
static unsigned find_below(double value, unsigned exponent)
{
	while (exponent-- > 0)
		if (decimal_is_exact(value, exponent))
			return exponent;
	return DECIMAL_NONE;
}

unsigned decimal_exponent(double value, unsigned hint)
{
	unsigned exponent = hint < DECIMAL_EXPONENT_MAX ? hint : DECIMAL_EXPONENT_MAX;

	if (decimal_is_exact(value, exponent)) {
		while (exponent > 0 && decimal_is_exact(value, exponent - 1))
			exponent--;
		return exponent;
	}
	if (fabs(value) * powers[exponent] >= SCALED_MAX)
		return find_below(value, exponent);
	while (++exponent <= DECIMAL_EXPONENT_MAX)
		if (decimal_is_exact(value, exponent))
			return exponent;
	return DECIMAL_NONE;
}
