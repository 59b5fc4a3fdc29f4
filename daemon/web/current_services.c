/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/current_services.h"

#include "daemon/base/text.h"
#include "daemon/web/freshness.h"
#include "daemon/web/rows_json.h"

static bool has_absence(const struct current_services *all, const struct service_record *s, const char *why)
{
	return service_has_fact(all->facts, all->fact_count, s->name, SERVICE_ABSENCE, why);
}

const char *current_services_absence(const struct current_services *all, const struct service_record *s)
{
	/* Of what nobody looks at any more it is not known. */
	if (all->stale || s->state == SERVICE_UP)
		return "";
	if (has_absence(all, s, SERVICE_NOT_EXPECTED))
		return SERVICE_NOT_EXPECTED;
	return s->state == SERVICE_DOWN && has_absence(all, s, SERVICE_ASKED_TO_STOP) ? SERVICE_ASKED_TO_STOP
										      : "";
}

/* What nobody expects is not there for no other reason. */
static int explain(const struct current_services *all, struct service_record *s)
{
	if (s->state != SERVICE_UNKNOWN || *s->reason)
		return 0;
	return text_replace(&s->reason, current_services_absence(all, s));
}

int current_services_read(
	struct documents *d, const struct document_request *q, struct current_services *ret)
{
	struct current_services s = {.items = NULL};
	struct freshness freshness = {0};
	int r = reader_services(d->reader, &s.items, &s.count);

	if (r == 0)
		r = reader_facts(d->reader, "service", &s.facts, &s.fact_count);
	if (r == 0)
		r = freshness_read(d, q, &freshness);
	s.late = freshness.collector_late;
	s.stale = freshness.services_late;
	for (size_t i = 0; i < s.count && r == 0; i++)
		r = s.stale ? service_mark_unknown(&s.items[i], freshness.services_last_ms)
			    : explain(&s, &s.items[i]);
	*ret = s;
	return r;
}

void current_services_done(struct current_services *s)
{
	service_list_free(s->items, s->count);
	fact_list_free(s->facts, s->fact_count);
}
