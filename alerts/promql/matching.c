/* SPDX-License-Identifier: Apache-2.0 */
#include "alerts/promql/matching.h"

#include <errno.h>
#include <string.h>

#include "daemon/base/text.h"

static void add_text(struct buf *key, const char *text)
{
	buf_add(key, text, strlen(text) + 1);
}

static bool is_named(const struct matching *m, const char *label)
{
	for (size_t i = 0; i < m->count; i++)
		if (text_equal(m->names[i], label))
			return true;
	return false;
}

/* A label that is not there counts as empty. */
static void add_named(const struct matching *m, const struct labels *labels, struct buf *key)
{
	for (size_t i = 0; i < m->count; i++) {
		const char *value = labels_get(labels, m->names[i]);

		add_text(key, value ? value : "");
	}
}

static void add_others(const struct matching *m, const struct labels *labels, struct buf *key)
{
	for (size_t i = 0; i < labels->count; i++)
		if (!is_named(m, labels->items[i].name)) {
			add_text(key, labels->items[i].name);
			add_text(key, labels->items[i].value);
		}
}

int matching_key(const struct matching *m, const struct labels *labels, struct buf *key)
{
	buf_reset(key);
	if (m->on)
		add_named(m, labels, key);
	else
		add_others(m, labels, key);
	buf_add_char(key, '\0'); /* what has no labels has a key, too */
	return buf_error(key);
}

int partners_init(struct partners *p, const struct matching *matching)
{
	*p = (struct partners){.matching = matching, .keys = map_new()};
	return p->keys ? 0 : -ENOMEM;
}

void partners_done(struct partners *p)
{
	p->keys = map_free(p->keys, NULL);
	buf_done(&p->key);
}

int partners_add(struct partners *p, const struct labels *labels)
{
	int r = matching_key(p->matching, labels, &p->key);

	return r < 0 ? r : map_put(p->keys, p->key.data, p->key.size, p, NULL);
}

int partners_has(struct partners *p, const struct labels *labels)
{
	int r = matching_key(p->matching, labels, &p->key);

	return r < 0 ? r : map_get(p->keys, p->key.data, p->key.size) != NULL;
}
