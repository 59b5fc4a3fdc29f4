/* SPDX-License-Identifier: Apache-2.0 */
/* The documents of what collectors found out: /v1/discover, /v1/doctor, /about. */
#include "build-config.h"

#include "daemon/base/cleanup.h"
#include "daemon/web/document_builders.h"
#include "daemon/web/facts_json.h"
#include "daemon/web/figures.h"

int document_facts(struct documents *d, const char *topic,
	json_t *(*make)(const struct fact *, size_t), json_t **ret)
{
	struct fact *facts;
	json_t *json;
	size_t count;
	int r = reader_facts(d->reader, topic, &facts, &count);

	if (r < 0)
		return r;
	json = make(facts, count);
	fact_list_free(facts, count);
	return document_return(json, ret);
}

int document_systemd(struct documents *d, const struct document_request *q, json_t **ret)
{
	struct fact *facts;
	json_t *json;
	size_t count;
	int r = reader_facts(d->reader, "doctor", &facts, &count);

	if (r < 0)
		return r;
	json = systemd_json(facts, count, q->now_ms);
	fact_list_free(facts, count);
	return document_return(json, ret);
}

int document_discover(struct documents *d, const struct document_request *q, json_t **ret)
{
	return document_facts(d, "service", discover_json, ret);
}

int document_doctor(struct documents *d, const struct document_request *q, json_t **ret)
{
	int r = document_facts(d, "doctor", doctor_json, ret);

	if (r == 0 && q->trouble)
		json_array_insert_new(json_object_get(*ret, "checks"), 0,
			json_pack("{s:s, s:s, s:s, s:s}", "subject", "database", "state",
				check_state_name(CHECK_FAILING), "text", q->trouble, "remedy",
				"Make room on the disk, or make it writable again."));
	return r;
}

int document_about(struct documents *d, const struct document_request *q, json_t **ret)
{
	_cleanup_free_ char *id = NULL;
	char size[FIGURE_MAX];
	struct stat st;
	json_t *about;
	int r = document_doctor(d, q, &about);

	if (r == 0 && reader_host_id(d->reader, &id) == 0)
		json_object_set_new(about, "host_id", json_string(id));
	if (r == 0 && stat(d->path, &st) == 0)
		json_object_set_new(about, "database_size",
			json_string(figure_format("_bytes", (double) st.st_size, size)));
	if (r < 0)
		return r;
	json_object_set_new(about, "version", json_string(PACKAGE_VERSION));
	json_object_set_new(about, "database", json_string(d->path));
	return document_return(about, ret);
}
