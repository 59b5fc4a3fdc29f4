/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/pages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/clock.h"
#include "daemon/base/mustache.h"
#include "daemon/base/text.h"
#include "daemon/web/files.h"
#include "daemon/web/headline.h"
#include "daemon/web/presentation.h"

#define DEPTH_MAX 16 /* levels of a path that links climb; deeper ones are no pages of ours */

struct pages {
	struct mustache *templates[FILES]; /* NULL for an asset */
};

DEFINE_CLEANUP(struct pages *, pages_free);

int pages_new(struct pages **ret, char **ret_why)
{
	_cleanup_(pages_free_pointer) struct pages *p = calloc(1, sizeof(*p));
	_cleanup_free_ char *why = NULL;
	int r;

	if (!p)
		return -ENOMEM;
	for (size_t i = 0; i < FILES; i++) {
		struct file f = file_get((enum file_id) i);

		if (*f.content_type)
			continue;
		r = mustache_parse(f.data, &p->templates[i], &why);
		if (r < 0) {
			if (asprintf(ret_why, "%s: %s", f.name, why ? why : strerror(-r)) < 0)
				*ret_why = NULL;
			return r;
		}
	}
	*ret = TAKE_POINTER(p);
	return 0;
}

struct pages *pages_free(struct pages *p)
{
	if (!p)
		return NULL;
	for (size_t i = 0; i < FILES; i++)
		mustache_free(p->templates[i]);
	free(p);
	return NULL;
}

static const struct mustache *find_template(void *userdata, const char *name)
{
	const struct pages *p = userdata;

	for (size_t i = 0; i < FILES; i++) {
		struct file f = file_get((enum file_id) i);
		const char *rest = text_after(f.name, name);

		if (rest && text_equal(rest, ".mustache"))
			return p->templates[i];
	}
	return NULL;
}

/* What stands in the title before the host: the document says it better than the template. */
static const char *find_title(const struct page *page, const json_t *document)
{
	static const struct {
		const char *template, *title;
	} titles[] = {{"home", "Status"}, {"incidents", "Incidents"}, {"alerts", "Alerts"},
		{"about", "About"}};
	const json_t *service = json_object_get(document, "service");
	const char *title = json_string_value(json_object_get(document, "headline"));

	if (!title)
		title = json_string_value(json_object_get(document, "title"));
	if (!title)
		title = json_string_value(json_object_get(service, "name"));
	for (size_t i = 0; i < ELEMENTS(titles) && !title; i++)
		if (text_equal(titles[i].template, page->template))
			title = titles[i].title;
	return title ? title : "modelwatch";
}

/* "filter_open": the name under which a template asks what the list is limited to. */
static const char *filter_key(const char *query)
{
	static const char *const keys[] = {"filter_open", "filter_resolved", "filter_all"};

	for (size_t i = 0; i < ELEMENTS(keys); i++)
		if (text_equal(text_after(keys[i], "filter_"), query))
			return keys[i];
	return *query ? "filter_unknown" : keys[0];
}

static json_t *page_json(const struct page *page, const json_t *document)
{
	char now[RFC3339_MAX], now_text[RFC3339_MAX], root[DEPTH_MAX * 3 + 1] = "./";
	char current[64];

	for (size_t i = 0; i < page->depth && i < DEPTH_MAX; i++)
		memcpy(root + i * 3, "../", 4);
	if (page->depth > DEPTH_MAX)
		memcpy(root, "/", 2);
	snprintf(current, sizeof(current), "at_%s", page->template);
	clock_format(usec_from_ms(page->now_ms), now);
	clock_format_utc(usec_from_ms(page->now_ms), now_text);
	return json_pack("{s:s,s:s,s:s,s:s,s:s,s:b,s:b}", "title", find_title(page, document),
		"host", page->host, "root", root, "time", now, "time_text", now_text, current, 1,
		filter_key(page->query), 1);
}

int pages_render(const struct pages *p, const struct page *page, json_t *document, struct buf *out)
{
	const struct mustache *m = find_template((void *) (uintptr_t) p, page->template);
	int r = text_equal(page->template, "home") ? headline_add(document) : 0;

	if (r == 0)
		r = presentation_add(document, page->now_ms);
	if (r == 0 && json_object_set_new(document, "page", page_json(page, document)) < 0)
		r = -ENOMEM;
	if (r < 0)
		return r;
	return mustache_render(
		m, document, MUSTACHE_HTML, find_template, (void *) (uintptr_t) p, out);
}

int pages_render_error(const struct pages *p, const struct page *page, unsigned status,
	const char *text, struct buf *out)
{
	static const struct {
		unsigned status;
		const char *title;
	} titles[] = {{400, "That request makes no sense"}, {403, "Not here"},
		{404, "There is nothing here"}, {405, "That cannot be done here"},
		{421, "This is not the host that you asked for"},
		{503, "modelwatch cannot show its data now"}};
	const char *title = "Something went wrong";
	struct page error = *page;
	json_t *document;
	int r;

	for (size_t i = 0; i < ELEMENTS(titles); i++)
		if (titles[i].status == status)
			title = titles[i].title;
	document = json_pack("{s:i,s:s,s:s}", "code", (int) status, "title", title, "text", text);
	if (!document)
		return -ENOMEM;
	error.template = "error";
	r = pages_render(p, &error, document, out);
	json_decref(document);
	return r;
}
