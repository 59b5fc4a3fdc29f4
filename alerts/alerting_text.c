/* SPDX-License-Identifier: Apache-2.0 */
/* Templates and evidence. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "alerts/alerting_state.h"
#include "alerts/incident_json.h"
#include "daemon/base/text.h"

#define NAME_BYTES 128 /* of an evidence's name */
#define NUMBER_SIZE 32

static const char cut_mark[] = "…";

void known_evidence_free(void *evidence)
{
	struct known_evidence *k = evidence;

	if (k)
		evidence_list_free(k->list, k->count);
	free(k);
}

/* Cuts TEXT to LIMIT bytes and says so. Returns a new string. */
static char *bounded(const char *text, size_t limit)
{
	size_t size = strnlen(text, limit + 1);
	char *copy = strndup(text, size);

	if (!copy || size <= limit)
		return copy;
	text_truncate(copy, limit - strlen(cut_mark));
	return strcat(copy, cut_mark);
}

/* A stranger's text as it may stand in ours: printable, but for its line ends. */
static char *clean(const char *text)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	for (;;) {
		size_t size = strcspn(text, "\n");
		_cleanup_free_ char *line = text_printable(text, size);

		if (!line)
			return NULL;
		buf_add_string(&out, line);
		if (!text[size])
			return buf_take(&out);
		buf_add_char(&out, '\n');
		text += size + 1;
	}
}

static int evidence_make(const struct evidence *from, struct evidence *ret)
{
	_cleanup_free_ char *text = clean(from->text), *name = NULL;

	if (!text)
		return -ENOMEM;
	name = text_printable(from->name, strlen(from->name));
	if (name)
		text_truncate(name, NAME_BYTES);
	ret->text = bounded(text, TEXT_MAX);
	if (!name || !ret->text) {
		free(ret->text);
		return -ENOMEM;
	}
	ret->name = TAKE_POINTER(name);
	return 0;
}

static void evidence_remove(struct known_evidence *k, const char *name)
{
	size_t kept = 0;

	for (size_t i = 0; i < k->count; i++)
		if (text_equal(k->list[i].name, name)) {
			free(k->list[i].name);
			free(k->list[i].text);
		} else {
			k->list[kept++] = k->list[i];
		}
	k->count = kept;
}

/* What is newer stands behind what is older. */
static int evidence_put(struct known_evidence *k, const struct evidence *from)
{
	struct evidence made = {0}, *list;
	int r = evidence_make(from, &made);

	if (r < 0)
		return r;
	evidence_remove(k, made.name);
	list = reallocarray(k->list, k->count + 1, sizeof(*list));
	if (list)
		k->list = list;
	if (list && *made.text && k->count < EVIDENCE_MAX) {
		k->list[k->count++] = made;
		return 0;
	}
	free(made.name);
	free(made.text);
	return list ? 0 : -ENOMEM;
}

static void evidence_renewed(struct alerting *a, struct known_evidence *k)
{
	k->version = ++a->evidence_version;
	a->has_news = true;
}

int alerting_evidence(
	struct alerting *a, const char *service, const struct evidence *list, size_t count)
{
	struct known_evidence *k = calloc(1, sizeof(*k));
	bool room = map_size(a->evidence) < SERVICES_MAX || map_get_string(a->evidence, service);
	void *old = NULL;
	int r = k ? 0 : -ENOMEM;

	for (size_t i = 0; r >= 0 && i < count; i++)
		r = evidence_put(k, &list[i]);
	if (r >= 0 && k->count > 0 && room) {
		evidence_renewed(a, k);
		r = map_put_string(a->evidence, service, k, &old);
		known_evidence_free(r < 0 ? k : old);
		return r;
	}
	known_evidence_free(k);
	if (r >= 0)
		alerting_forget_evidence(a, service);
	return r;
}

int alerting_add_evidence(
	struct alerting *a, const char *service, const struct evidence *list, size_t count)
{
	struct known_evidence *k = map_get_string(a->evidence, service);
	int r = 0;

	if (!k)
		return alerting_evidence(a, service, list, count);
	for (size_t i = 0; r >= 0 && i < count; i++)
		r = evidence_put(k, &list[i]);
	evidence_renewed(a, k);
	return r;
}

void alerting_forget_evidence(struct alerting *a, const char *service)
{
	known_evidence_free(map_remove_string(a->evidence, service));
}

/* As a person would write it. */
static json_t *number_text(double value)
{
	char text[NUMBER_SIZE];

	if (isnan(value))
		return json_string("");
	snprintf(text, sizeof(text), "%.15g", value);
	return json_string(text);
}

/* What templates see. What comes later wins: evidence, labels, and what is always there. */
static json_t *template_data(const struct alerting *a, const struct alert_entry *e,
	const struct known_evidence *evidence)
{
	const struct alert *alert = &e->alert;
	json_t *data = json_object();
	int r = data ? 0 : -ENOMEM;

	for (size_t i = 0; r >= 0 && evidence && i < evidence->count; i++)
		r = json_object_set_new(
			data, evidence->list[i].name, text_json(evidence->list[i].text));
	for (size_t i = 0; r >= 0 && i < alert->labels.count; i++) {
		const struct label *l = &alert->labels.items[i];
		_cleanup_free_ char *value = text_printable(l->value, strlen(l->value));

		r = value ? json_object_set_new(data, l->name, json_string(value)) : -ENOMEM;
	}
	if (r >= 0)
		r = json_object_set_new(data, "value", number_text(e->value));
	if (r >= 0)
		r = json_object_set_new(data, "threshold", number_text(alert->threshold));
	if (r >= 0)
		r = json_object_set_new(
			data, "holds", json_boolean(alert_holds(e->rule_entry->rule, alert)));
	if (r >= 0)
		r = json_object_set_new(data, "host", text_json(a->host_name));
	if (r >= 0)
		r = json_object_set_new(
			data, "severity", json_string(severity_name(alert->severity)));
	if (r >= 0)
		return data;
	json_decref(data);
	return NULL;
}

/* What grows too large is left empty: an alert is never lost for its words. */
static int render(const struct mustache *m, json_t *data, size_t limit, char **ret)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	int r = mustache_render(m, data, MUSTACHE_PLAIN, NULL, NULL, &out);

	if (r == -ENOMEM)
		return r;
	*ret = bounded(r >= 0 && out.data ? out.data : "", limit);
	return *ret ? 0 : -ENOMEM;
}

static void one_line(char *text)
{
	for (; *text; text++)
		if (*text == '\n')
			*text = ' ';
}

static int render_texts(const struct rule *rule, json_t *data, struct alert *ret)
{
	int r = render(rule->summary, data, TITLE_MAX, &ret->summary);

	if (r >= 0)
		r = render(rule->description, data, TEXT_MAX, &ret->description);
	if (r >= 0)
		r = render(rule->runbook, data, TITLE_MAX, &ret->runbook);
	if (r < 0)
		return r;
	one_line(ret->summary);
	one_line(ret->runbook);
	return 0;
}

static void take_texts(struct alert *to, struct alert *from)
{
	free(to->summary);
	free(to->description);
	free(to->runbook);
	evidence_list_free(to->evidence, to->evidence_count);
	to->summary = TAKE_POINTER(from->summary);
	to->description = TAKE_POINTER(from->description);
	to->runbook = TAKE_POINTER(from->runbook);
	to->evidence = TAKE_POINTER(from->evidence);
	to->evidence_count = from->evidence_count;
	from->evidence_count = 0;
}

static const struct known_evidence *evidence_of(const struct alerting *a, const struct alert *alert)
{
	const char *service = labels_get(&alert->labels, "service");

	return service ? map_get_string(a->evidence, service) : NULL;
}

int alert_render(struct alerting *a, struct alert_entry *e)
{
	const struct known_evidence *known = evidence_of(a, &e->alert);
	const struct rule *rule = e->rule_entry->rule;
	_cleanup_(alert_done) struct alert made = {0};
	json_t *data = template_data(a, e, known);
	int r = data ? render_texts(rule, data, &made) : -ENOMEM;

	json_decref(data);
	if (r >= 0 && known) {
		r = evidence_list_copy(known->list, known->count, &made.evidence);
		made.evidence_count = r >= 0 ? known->count : 0;
	}
	if (r < 0)
		return r;
	take_texts(&e->alert, &made);
	e->alert.value = e->value;
	e->rendered_holds = alert_holds(rule, &e->alert);
	e->rendered_evidence = known ? known->version : 0;
	return 0;
}

bool alert_has_news(const struct alerting *a, const struct alert_entry *e)
{
	const struct known_evidence *known =
		e->alert.state == ALERT_FIRING ? evidence_of(a, &e->alert) : NULL;

	return known && known->version != e->rendered_evidence;
}

int alert_renew(struct alerting *a, struct alert_entry *e)
{
	bool firing = e->alert.state == ALERT_FIRING;
	bool moved = !same_value(e->alert.value, e->value);
	int r;

	if (!e->rule_entry || !e->rule_entry->rule)
		return 0;
	if (firing)
		moved |= e->rendered_holds != alert_holds(e->rule_entry->rule, &e->alert) ||
			 alert_has_news(a, e);
	if (!moved)
		return 0;
	r = firing ? alert_render(a, e) : 0;
	if (r < 0)
		return r;
	e->alert.value = e->value;
	alert_mark_changed(a, e);
	if (e->incident)
		e->incident->headline_stale = true;
	return 0;
}
