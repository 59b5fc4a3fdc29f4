/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/text.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define DISTANCE_NAME_MAX 64 /* bytes of a name that can be "near" another */

const char *text_after(const char *text, const char *prefix)
{
	size_t size = strlen(prefix);

	return strncmp(text, prefix, size) == 0 ? text + size : NULL;
}

bool text_ends_with(const char *text, const char *suffix)
{
	size_t size = strlen(text), suffix_size = strlen(suffix);

	return size >= suffix_size && memcmp(text + size - suffix_size, suffix, suffix_size) == 0;
}

/* The length of the well-formed UTF-8 sequence at TEXT, or 0; table 3-7 of the Unicode standard. */
static size_t utf8_sequence(const uint8_t *text, size_t size)
{
	uint8_t low = 0x80, high = 0xbf;
	size_t length;

	if (text[0] < 0x80)
		return 1;
	if (text[0] >= 0xc2 && text[0] <= 0xdf)
		length = 2;
	else if ((text[0] & 0xf0) == 0xe0)
		length = 3;
	else if (text[0] >= 0xf0 && text[0] <= 0xf4)
		length = 4;
	else
		return 0;
	if (text[0] == 0xe0)
		low = 0xa0;
	else if (text[0] == 0xed)
		high = 0x9f;
	else if (text[0] == 0xf0)
		low = 0x90;
	else if (text[0] == 0xf4)
		high = 0x8f;
	if (length > size || text[1] < low || text[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

bool text_is_utf8(const char *text, size_t size)
{
	size_t length;

	for (; size > 0; text += length, size -= length) {
		length = utf8_sequence((const uint8_t *) text, size);
		if (length == 0)
			return false;
	}
	return true;
}

static bool is_control(uint8_t c)
{
	return c < 0x20 || c == 0x7f;
}

char *text_printable(const char *bytes, size_t size)
{
	char *copy = malloc(size + 1);
	size_t length;

	if (!copy)
		return NULL;
	for (size_t i = 0; i < size; i += length) {
		const uint8_t *at = (const uint8_t *) bytes + i;
		/* U+0080..U+009F are control characters, too: C2 80 .. C2 9F. */
		bool c1;

		length = utf8_sequence(at, size - i);
		c1 = length == 2 && at[0] == 0xc2 && at[1] <= 0x9f;
		if (length == 0 || is_control(at[0]) || c1) {
			length = length > 0 ? length : 1;
			memset(copy + i, '?', length);
		} else
			memcpy(copy + i, at, length);
	}
	copy[size] = '\0';
	return copy;
}

int text_replace(char **field, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}

void text_truncate(char *text, size_t limit)
{
	size_t size = strlen(text);

	if (size <= limit)
		return;
	while (limit > 0 && ((uint8_t) text[limit] & 0xc0) == 0x80)
		limit--;
	text[limit] = '\0';
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t text_distance(const char *a, const char *b)
{
	size_t rows[3][DISTANCE_NAME_MAX + 1];
	size_t a_size = strlen(a), b_size = strlen(b);

	if (a_size > DISTANCE_NAME_MAX || b_size > DISTANCE_NAME_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= b_size; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_size; i++) {
		size_t *row = rows[i % 3], *above = rows[(i - 1) % 3], *second = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= b_size; j++) {
			size_t cost = above[j - 1] + (a[i - 1] != b[j - 1]);

			cost = smaller(cost, smaller(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				cost = smaller(cost, second[j - 2] + 1);
			row[j] = cost;
		}
	}
	return rows[a_size % 3][b_size];
}

const char *text_nearest(const char *word, const char *const candidates[], size_t count)
{
	const char *nearest = NULL;
	/* A third of the letters may be wrong; more is another word. */
	size_t best = strlen(word) / 3 + 1;

	for (size_t i = 0; i < count; i++) {
		size_t distance = text_distance(word, candidates[i]);

		if (distance < best || (distance == best && !nearest)) {
			best = distance;
			nearest = candidates[i];
		}
	}
	return nearest;
}
