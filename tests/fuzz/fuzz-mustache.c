/* SPDX-License-Identifier: Apache-2.0 */
/* A template, a NUL, and JSON to render it over; every partial is the template itself. */
#include <stdint.h>
#include <string.h>

#include "daemon/base/mustache.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct mustache *itself(void *userdata, const char *name)
{
	return userdata;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf text = BUF_INIT, out = BUF_INIT;
	_cleanup_free_ char *why = NULL;
	const uint8_t *nul = memchr(data, '\0', size);
	size_t text_size = nul ? (size_t) (nul - data) : size;
	struct mustache *m = NULL;
	json_t *json = NULL;

	buf_add(&text, data, text_size);
	if (mustache_parse(text.data, &m, &why) < 0)
		return 0;
	if (nul)
		json = json_loadb(
			(const char *) nul + 1, size - text_size - 1, JSON_ALLOW_NUL, NULL);
	mustache_render(m, json, size % 2 ? MUSTACHE_HTML : MUSTACHE_PLAIN, itself, m, &out);
	json_decref(json);
	mustache_free(m);
	return 0;
}
