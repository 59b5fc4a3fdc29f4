/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/change.h"

#include "schema/decimal.h"

/* What the value is told in relation to. */
static int64_t base_of(const double *before, unsigned exponent)
{
	return before && decimal_is_exact(*before, exponent) ? decimal_integer(*before, exponent) : 0;
}

/* The exponent that both values have, or that of the new one. */
static unsigned choose_exponent(const double *before, double value)
{
	unsigned exponent = decimal_exponent(value, 0), last;

	if (exponent == DECIMAL_NONE || !before)
		return exponent;
	last = decimal_exponent(*before, exponent);
	return last != DECIMAL_NONE && last > exponent && decimal_is_exact(value, last) ? last : exponent;
}

void change_write(const double *before, double value, struct buf *b)
{
	unsigned exponent = choose_exponent(before, value);

	if (exponent == DECIMAL_NONE) {
		buf_put_u8(b, CHANGE_OTHER);
		buf_put_f64(b, value);
		return;
	}
	buf_put_u8(b, (uint8_t) exponent);
	buf_put_zigzag(b, decimal_integer(value, exponent) - base_of(before, exponent));
}

double change_read(const double *before, uint8_t code, struct cursor *c)
{
	if (code == CHANGE_OTHER)
		return cursor_f64(c);
	if (code > DECIMAL_EXPONENT_MAX) {
		c->failed = true;
		return 0;
	}
	/* Sums of what is read may be any: they wrap. */
	return decimal_value(
		(int64_t) ((uint64_t) base_of(before, code) + (uint64_t) cursor_zigzag(c)), code);
}
