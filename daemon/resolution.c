/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/resolution.h"

#include "daemon/base/text.h"
#include "schema/records.h"

#define RULES_NAMED 3

static bool has(const json_t *object, const char *key, const char *expected)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value && text_equal(value, expected);
}

const char *resolution_person(const json_t *incident)
{
	const json_t *timeline = json_object_get(incident, "timeline");
	const char *actor = NULL;

	if (!has(incident, "state", "resolved"))
		return NULL;
	for (size_t i = 0; i < json_array_size(timeline); i++) {
		const json_t *turn = json_array_get(timeline, i);

		if (has(turn, "type", "resolved"))
			actor = json_string_value(json_object_get(turn, "actor"));
	}
	return actor && *actor && !text_equal(actor, ACTOR_MODELWATCH) ? actor : NULL;
}

/* Rules that fire, each once. */
struct firing {
	const char *rules[RULES_NAMED];
	size_t count;
	bool more;
};

static void add_rule(struct firing *f, const char *rule)
{
	for (size_t i = 0; i < f->count; i++)
		if (text_equal(f->rules[i], rule))
			return;
	if (f->count < RULES_NAMED)
		f->rules[f->count++] = rule;
	else
		f->more = true;
}

void resolution_write_firing(const json_t *incident, struct buf *b)
{
	const json_t *alerts = json_object_get(incident, "alerts");
	struct firing firing = {.count = 0};

	if (!has(incident, "state", "resolved"))
		return;
	for (size_t i = 0; i < json_array_size(alerts); i++) {
		const json_t *alert = json_array_get(alerts, i);
		const char *rule = json_string_value(json_object_get(alert, "rule"));

		if (rule && has(alert, "state", "firing"))
			add_rule(&firing, rule);
	}
	for (size_t i = 0; i < firing.count; i++) {
		bool last = i + 1 == firing.count && !firing.more;

		buf_printf(b, "%s%s", i == 0 ? "" : (last ? " and " : ", "), firing.rules[i]);
	}
	if (firing.count > 0)
		buf_printf(b, "%s still %s", firing.more ? " and others" : "",
			firing.count > 1 ? "fire" : "fires");
}
