/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that people and programs wrote with a few decimals, as whole numbers.
 *
 * Layer: schema. Pure. Most values of metrics are decimal fractions: 61.5 is 615 / 10, and that division
 * gives back the very same bits (the idea of ALP: A. Afroozeh, L. Kuffo and P. Boncz, "ALP: Adaptive
 * Lossless floating-Point Compression", SIGMOD 2023, which multiplies instead). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define DECIMAL_EXPONENT_MAX 10
#define DECIMAL_NONE	     (DECIMAL_EXPONENT_MAX + 1) /* no such exponent does: NaN, -0.0, 1 / 3, 1e300 */

/* The least exponent E of 0 to DECIMAL_EXPONENT_MAX such that VALUE is a whole number divided by 10^E, or
 * DECIMAL_NONE. It is found soonest where it is near HINT. */
unsigned decimal_exponent(double value, unsigned hint);

/* VALUE times 10^EXPONENT, where that is decimal_exponent() of it or more; always less than 2^61. */
int64_t decimal_integer(double value, unsigned exponent);
/* True where decimal_integer() gives back the very same value. */
bool decimal_is_exact(double value, unsigned exponent);

double decimal_value(int64_t integer, unsigned exponent);
