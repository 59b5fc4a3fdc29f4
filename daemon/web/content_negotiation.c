/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/content_negotiation.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/num.h"

#define RANGES_MAX 32 /* media ranges of one header that are looked at */
#define WORD_MAX   64 /* bytes of a media type or a parameter; longer ones are none of ours */

static const struct {
	const char *type;
	const char *version; /* the one that we write; none asked for will do, too */
	enum exposition_format format;
} types[] = {
	{"application/openmetrics-text", "1.0.0", EXPOSITION_OPENMETRICS},
	{"text/plain", "0.0.4", EXPOSITION_PROMETHEUS},
	{"text/*", NULL, EXPOSITION_PROMETHEUS},
	{"*/*", NULL, EXPOSITION_PROMETHEUS},
};

/* Takes the text up to one of STOPS without the blanks around it; "" where it is too long. */
static void take_word(const char **at, const char *stops, char ret[static WORD_MAX + 1])
{
	const char *start = *at + strspn(*at, " \t");
	size_t size = strcspn(start, stops);

	*at = start + size;
	while (size > 0 && (start[size - 1] == ' ' || start[size - 1] == '\t'))
		size--;
	if (size > WORD_MAX)
		size = 0;
	memcpy(ret, start, size);
	ret[size] = '\0';
}

struct media_range {
	char type[WORD_MAX + 1];
	char version[WORD_MAX + 1];
	double quality;
};

static void take_range(const char **at, struct media_range *ret)
{
	char word[WORD_MAX + 1];

	*ret = (struct media_range){.quality = 1};
	take_word(at, ",;", ret->type);
	while (**at == ';') {
		(*at)++;
		take_word(at, ",;", word);
		if (strncasecmp(word, "q=", 2) == 0) {
			if (num_parse_double(word + 2, &ret->quality) < 0 || ret->quality > 1)
				ret->quality = 0;
		} else if (strncasecmp(word, "version=", 8) == 0)
			snprintf(ret->version, sizeof(ret->version), "%s", word + 8);
	}
	if (**at == ',')
		(*at)++;
}

static bool find_format(const struct media_range *range, enum exposition_format *ret)
{
	for (size_t i = 0; i < ELEMENTS(types); i++)
		if (strcasecmp(range->type, types[i].type) == 0 &&
			(!types[i].version || range->version[0] == '\0' ||
				strcmp(range->version, types[i].version) == 0)) {
			*ret = types[i].format;
			return true;
		}
	return false;
}

enum exposition_format negotiate_exposition_format(const char *accept)
{
	enum exposition_format best = EXPOSITION_PROMETHEUS, format;
	double quality = 0;
	struct media_range range;

	for (size_t i = 0; accept && *accept && i < RANGES_MAX; i++) {
		take_range(&accept, &range);
		if (range.quality > quality && find_format(&range, &format)) {
			quality = range.quality;
			best = format;
		}
	}
	return best;
}
