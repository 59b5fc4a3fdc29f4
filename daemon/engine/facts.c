/* SPDX-License-Identifier: Apache-2.0 */
/* What roles say that is true until they say otherwise: for `doctor`, and of services. */
#include <string.h>

#include "daemon/base/text.h"
#include "daemon/engine/engine.h"
#include "daemon/journal.h"

#define FACTS_MAX 10000 /* of one role */

static void free_facts(void *p)
{
	struct role_facts *facts = p;

	fact_list_free(facts->items, facts->count);
	free(facts);
}

void facts_done(struct engine *e)
{
	map_free(e->facts, free_facts);
}

static int find_facts(struct engine *e, const char *role, struct role_facts **ret)
{
	struct role_facts *facts = map_get_string(e->facts, role);

	if (!facts) {
		facts = calloc(1, sizeof(*facts));
		if (!facts || map_put_string(e->facts, role, facts, NULL) < 0) {
			free(facts);
			return -ENOMEM;
		}
	}
	*ret = facts;
	return 0;
}

static bool is_fact(const struct fact *f, const char *topic, const char *subject, const char *key)
{
	return text_equal(f->key, key) && text_equal(f->subject, subject) &&
	       text_equal(f->topic, topic);
}

static int add_fact(struct role_facts *facts, const char *role, const char *topic,
	const char *subject, const char *key, const char *value)
{
	struct fact *items = reallocarray(facts->items, facts->count + 1, sizeof(*items));
	struct fact *f;

	if (!items)
		return -ENOMEM;
	facts->items = items;
	f = &items[facts->count];
	*f = (struct fact){strdup(role), strdup(topic), strdup(subject), strdup(key), strdup(value)};
	if (!f->role || !f->topic || !f->subject || !f->key || !f->value) {
		fact_done(f);
		return -ENOMEM;
	}
	facts->count++;
	return 0;
}

/* One too many is ignored. */
static bool has_room(struct role_facts *facts, const char *role)
{
	if (facts->count < FACTS_MAX)
		return true;
	if (!facts->overflowed)
		journal_write(JOURNAL_LIMIT, NULL,
			"role %s says more than %d things at once: the others are not kept",
			role, FACTS_MAX);
	facts->overflowed = true;
	return false;
}

/* What was told before is not true any more: the part that fits is better than that. */
static int cut(struct role_facts *facts, const char *role, const char *key, const char **value, char **ret)
{
	char *copy = strndup(*value, FACT_VALUE_MAX + 1);

	if (!copy)
		return -ENOMEM;
	text_truncate(copy, FACT_VALUE_MAX);
	if (!facts->cut)
		journal_write(JOURNAL_LIMIT, NULL,
			"role %s says more than %d bytes of '%s' at once: the others are not kept", role,
			FACT_VALUE_MAX, key);
	facts->cut = true;
	*value = *ret = copy;
	return 0;
}

int facts_put(struct engine *e, const char *role, const char *topic, const char *subject,
	const char *key, const char *value)
{
	_cleanup_free_ char *copy = NULL;
	struct role_facts *facts;
	size_t i = 0;
	int r = find_facts(e, role, &facts);

	if (r == 0 && strlen(value) > FACT_VALUE_MAX)
		r = cut(facts, role, key, &value, &copy);
	if (r < 0)
		return r;
	while (i < facts->count && !is_fact(&facts->items[i], topic, subject, key))
		i++;
	if (i < facts->count && text_equal(facts->items[i].value, value))
		return 0;
	if (i == facts->count && *value && !has_room(facts, role))
		return 0;
	facts->changed = true;
	if (i < facts->count) {
		fact_done(&facts->items[i]);
		facts->items[i] = facts->items[--facts->count];
	}
	if (*value)
		r = add_fact(facts, role, topic, subject, key, value);
	if (r == 0 && text_equal(topic, "service"))
		r = services_fact(e, subject, key, value);
	return r;
}

static int put_check(struct engine *e, const char *subject, const char *state, const char *text,
	const char *remedy)
{
	const char *role = role_rows[ROLE_ENGINE].name;
	int r = facts_put(e, role, "doctor", subject, "state", state);

	if (r == 0)
		r = facts_put(e, role, "doctor", subject, "text", text);
	return r < 0 ? r : facts_put(e, role, "doctor", subject, "remedy", remedy);
}

int facts_doctor(struct engine *e, const char *subject, enum check_state state, const char *text,
	const char *remedy)
{
	return put_check(e, subject, check_state_name(state), text, remedy);
}

int facts_doctor_retract(struct engine *e, const char *subject)
{
	return put_check(e, subject, "", "", "");
}

void facts_forget(struct engine *e, const char *role)
{
	struct role_facts *facts = map_get_string(e->facts, role);

	if (!facts && find_facts(e, role, &facts) < 0)
		return;
	fact_list_free(facts->items, facts->count);
	facts->items = NULL;
	facts->count = 0;
	facts->changed = true;
}

bool facts_changed(const struct engine *e)
{
	const struct role_facts *facts;
	size_t position = 0;

	while ((facts = map_next(e->facts, &position, NULL, NULL)))
		if (facts->changed)
			return true;
	return false;
}

int facts_write(struct engine *e)
{
	const void *role;
	struct role_facts *facts;
	size_t position = 0, size;
	int r = 0;

	while (r >= 0 && (facts = map_next(e->facts, &position, &role, &size))) {
		_cleanup_free_ char *name = NULL;

		if (!facts->changed)
			continue;
		name = strndup(role, size);
		r = name ? store_clear_facts(e->store, name) : -ENOMEM;
		for (size_t i = 0; i < facts->count && r >= 0; i++)
			r = store_put_fact(e->store, &facts->items[i]);
	}
	return r < 0 ? r : 0;
}

void facts_committed(struct engine *e)
{
	struct role_facts *facts;
	size_t position = 0;

	while ((facts = map_next(e->facts, &position, NULL, NULL)))
		facts->changed = false;
}
