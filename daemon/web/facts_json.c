/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/facts_json.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/num.h"
#include "daemon/base/text.h"
#include "daemon/web/json_list.h"

#define SYSTEMD_AWAY_MS 5000 /* for so long it may be away: it, or its bus, is started anew */

/* The object of this subject in LIST, made where it is not there. Facts come ordered by subject,
 * but several roles may speak of one. */
static json_t *find_or_add(json_t *list, const char *key, const char *subject)
{
	json_t *item;
	size_t i;

	json_array_foreach (list, i, item)
		if (text_equal(json_string_value(json_object_get(item, key)), subject))
			return item;
	item = json_pack("{s:s}", key, subject);
	return json_array_append_new(list, item) == 0 ? item : NULL;
}

json_t *doctor_json(const struct fact *facts, size_t count)
{
	static const char *const keys[] = {"state", "text", "remedy"};
	json_t *checks = json_array(), *check;
	size_t n;

	for (size_t i = 0; i < count; i++) {
		if (!text_equal(facts[i].topic, "doctor"))
			continue;
		check = find_or_add(checks, "subject", facts[i].subject);
		for (size_t j = 0; j < ELEMENTS(keys); j++)
			if (check && text_equal(facts[i].key, keys[j]))
				json_object_set_new(check, keys[j], json_string(facts[i].value));
	}
	json_array_foreach (checks, n, check)
		for (size_t j = 0; j < ELEMENTS(keys); j++)
			if (!json_object_get(check, keys[j]))
				json_object_set_new(check, keys[j], json_string(""));
	return json_pack("{s:o}", "checks", checks);
}

json_t *webhooks_json(const struct fact *facts, size_t count)
{
	json_t *doctor = doctor_json(facts, count), *webhooks = json_array(), *check;
	size_t n;

	json_array_foreach (json_object_get(doctor, "checks"), n, check) {
		const char *name = text_after(
			json_string_value(json_object_get(check, "subject")), "webhook ");

		if (name)
			json_list_add(&webhooks,
				json_pack("{s:s,s:O,s:O}", "name", name, "state",
					json_object_get(check, "state"), "text",
					json_object_get(check, "text")));
	}
	if (!doctor) {
		json_decref(webhooks);
		return NULL;
	}
	json_decref(doctor);
	return webhooks;
}

/* What is said of SUBJECT, or NULL. */
static const char *find_doctor(
	const struct fact *facts, size_t count, const char *subject, const char *key)
{
	for (size_t i = 0; i < count; i++)
		if (text_equal(facts[i].topic, "doctor") && text_equal(facts[i].subject, subject) &&
			text_equal(facts[i].key, key))
			return facts[i].value;
	return NULL;
}

json_t *configuration_json(const struct fact *facts, size_t count)
{
	const char *text = find_doctor(facts, count, "configuration", "text");

	return text ? json_string(text) : json_null();
}

json_t *systemd_json(const struct fact *facts, size_t count, int64_t now_ms)
{
	const char *state = find_doctor(facts, count, "systemd", "state");
	const char *since = find_doctor(facts, count, "systemd", "since");
	const char *text = find_doctor(facts, count, "systemd", "text");
	const char *remedy = find_doctor(facts, count, "systemd", "remedy");
	usec_t t;

	if (!state || !since || !text || text_equal(state, check_state_name(CHECK_OK)) ||
		clock_parse(since, &t) < 0)
		return json_null();
	/* Also where the clock was set back meanwhile. */
	if (llabs(now_ms - usec_to_ms(t)) <= SYSTEMD_AWAY_MS)
		return json_null();
	return json_sprintf("%s %s", text, remedy ? remedy : "");
}

/* What is known of a discovered service, and the option of its section where it is one. A fact's
 * key may have hyphens where ours has underscores. */
static const struct {
	const char *key, *option;
	bool glob; /* the option is a glob: its own characters are escaped */
} discovered_keys[] = {
	{"kind", NULL, false},
	{"executable", "executable", true},
	{"listen_port", "listen-port", false},
	{"health", "health", false},
	{"metrics", "metrics", false},
	{"weights", "weights", false},
};

static bool is_key(const char *fact, const char *key)
{
	for (; *fact && *key; fact++, key++)
		if (*fact != *key && !(*fact == '-' && *key == '_'))
			return false;
	return *fact == *key;
}

/* One line of a configuration file: what cannot stand in one is left out. */
static void write_option(struct buf *b, const char *option, const char *value, bool glob)
{
	for (const char *c = value; *c; c++)
		if (iscntrl((unsigned char) *c))
			return;
	if (!*value || isspace((unsigned char) value[0]) ||
		isspace((unsigned char) value[strlen(value) - 1]))
		return;
	buf_printf(b, "%s = ", option);
	for (const char *c = value; *c; c++) {
		if (glob && strchr("*?[]\\", *c))
			buf_add_char(b, '\\');
		buf_add_char(b, *c);
	}
	buf_add_char(b, '\n');
}

static void add_section(json_t *service)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	buf_printf(&b, "[service %s]\n", json_string_value(json_object_get(service, "name")));
	for (size_t i = 0; i < ELEMENTS(discovered_keys); i++) {
		json_t *value = json_object_get(service, discovered_keys[i].key);
		uint32_t number;

		if (!value)
			json_object_set_new(service, discovered_keys[i].key, json_null());
		else if (discovered_keys[i].option)
			write_option(&b, discovered_keys[i].option, json_string_value(value),
				discovered_keys[i].glob);
		if (value && text_equal(discovered_keys[i].key, "listen_port") &&
			num_parse_u32(json_string_value(value), &number) == 0)
			json_object_set_new(service, "listen_port", json_integer(number));
	}
	if (buf_error(&b) == 0)
		json_object_set_new(service, "config", json_string(b.data));
}

static void take_discovery(json_t *service, const struct fact *f)
{
	for (size_t i = 0; i < ELEMENTS(discovered_keys); i++)
		if (is_key(f->key, discovered_keys[i].key))
			json_object_set_new(service, discovered_keys[i].key, json_string(f->value));
}

json_t *discover_json(const struct fact *facts, size_t count)
{
	json_t *services = json_array(), *service;
	size_t n;

	for (size_t i = 0; i < count; i++)
		if (text_equal(facts[i].topic, "service") &&
			text_equal(facts[i].key, "discovered") && text_equal(facts[i].value, "yes"))
			find_or_add(services, "name", facts[i].subject);
	for (size_t i = 0; i < count; i++)
		json_array_foreach (services, n, service)
			if (text_equal(facts[i].topic, "service") &&
				text_equal(json_string_value(json_object_get(service, "name")),
					facts[i].subject))
				take_discovery(service, &facts[i]);
	/* What is down has nothing but its name. */
	n = 0;
	while ((service = json_array_get(services, n)))
		if (json_object_get(service, "kind")) {
			add_section(service);
			n++;
		} else
			json_array_remove(services, n);
	return json_pack("{s:o}", "services", services);
}
