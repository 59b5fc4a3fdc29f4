/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/gorilla.h"

#define FIELD_BITS 6
#define HEAD_BITS  (2 * FIELD_BITS)

/* The bits of a difference that are written: those between the zeros above and the zeros below. */
struct window {
	unsigned above, width;
};

static bool holds(const struct window *window, uint64_t difference)
{
	unsigned below = 64 - window->above - window->width;

	return window->width > 0 && difference >> below << below == difference &&
	       (unsigned) __builtin_clzll(difference) >= window->above;
}

static struct window fit(uint64_t difference)
{
	unsigned above = (unsigned) __builtin_clzll(difference);

	return (struct window){above, 64 - above - (unsigned) __builtin_ctzll(difference)};
}

/* A window that is too wide costs its bits each time, a new one costs its head once. */
static bool is_wasteful(const struct window *window, const struct window *tight)
{
	return window->width > tight->width + HEAD_BITS;
}

static void put_difference(struct bit_writer *w, struct window *window, uint64_t difference)
{
	struct window tight;

	if (difference == 0) {
		bits_put(w, 0, 1);
		return;
	}
	tight = fit(difference);
	if (holds(window, difference) && !is_wasteful(window, &tight)) {
		bits_put(w, 1, 2);
	} else {
		*window = tight;
		bits_put(w, 3, 2);
		bits_put(w, window->above, FIELD_BITS);
		bits_put(w, window->width - 1, FIELD_BITS);
	}
	bits_put(w, difference >> (64 - window->above - window->width), window->width);
}

void gorilla_write(const double values[], size_t count, struct bit_writer *w)
{
	struct window window = {0, 0};
	uint64_t before = 0, bits;

	for (size_t i = 0; i < count; i++) {
		memcpy(&bits, &values[i], sizeof(bits));
		if (i == 0)
			bits_put(w, bits, 64);
		else
			put_difference(w, &window, bits ^ before);
		before = bits;
	}
}

static uint64_t get_difference(struct bit_reader *r, struct window *window)
{
	if (bits_get(r, 1) == 0)
		return 0;
	if (bits_get(r, 1) == 1) {
		window->above = (unsigned) bits_get(r, FIELD_BITS);
		window->width = (unsigned) bits_get(r, FIELD_BITS) + 1;
	}
	if (window->width == 0 || window->above + window->width > 64) {
		r->failed = true;
		return 0;
	}
	return bits_get(r, window->width) << (64 - window->above - window->width);
}

void gorilla_read(struct bit_reader *r, double ret[], size_t count)
{
	struct window window = {0, 0};
	uint64_t bits = 0;

	for (size_t i = 0; i < count && !r->failed; i++) {
		bits = i == 0 ? bits_get(r, 64) : bits ^ get_difference(r, &window);
		memcpy(&ret[i], &bits, sizeof(bits));
	}
}
