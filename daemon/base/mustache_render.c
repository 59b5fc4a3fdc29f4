/* SPDX-License-Identifier: Apache-2.0 */
/* From nodes and JSON to text, within bounds. */
#include "daemon/base/mustache_nodes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX  1000000           /* nodes visited by one rendering: nested loops multiply */
#define OUTPUT_MAX (8 * 1024 * 1024) /* bytes of one rendering */
#define INDENT_MAX 1024              /* bytes before each line of a partial */

struct renderer {
	enum mustache_escape escape;
	mustache_partial_fn partial;
	void *userdata;
	struct buf *out;
	size_t begin; /* of what this rendering wrote */
	size_t steps;
	json_t *contexts[MUSTACHE_DEPTH_MAX + 1]; /* innermost last */
	size_t context_count;
	size_t depth;
	struct buf indent; /* of the partials that stand alone around us */
};

static int render_nodes(struct renderer *r, const struct mustache *m, size_t from, size_t to);

/* The part of NAME behind the one at NAME. */
static const char *next_part(const char *name)
{
	return name + strlen(name) + 1;
}

/* The first part is looked up from the innermost context outwards, the others only within what the
 * first one named. */
static json_t *lookup(const struct renderer *r, const struct mustache_node *node)
{
	const char *name = node->bytes;
	json_t *found = NULL;

	if (node->parts == 0)
		return r->contexts[r->context_count - 1];
	for (size_t i = r->context_count; i > 0 && !found; i--)
		found = json_object_get(r->contexts[i - 1], name);
	for (size_t i = 1; i < node->parts && found; i++) {
		name = next_part(name);
		found = json_object_get(found, name);
	}
	return found;
}

static void write_escaped(struct renderer *r, const char *bytes, size_t size)
{
	size_t done = 0;

	for (size_t i = 0; i < size; i++) {
		const char *entity;

		switch (bytes[i]) {
		case '&':
			entity = "&amp;";
			break;
		case '<':
			entity = "&lt;";
			break;
		case '>':
			entity = "&gt;";
			break;
		case '"':
			entity = "&quot;";
			break;
		case '\'':
			entity = "&#39;";
			break;
		default:
			continue;
		}
		buf_add(r->out, bytes + done, i - done);
		buf_add_string(r->out, entity);
		done = i + 1;
	}
	buf_add(r->out, bytes + done, size - done);
}

/* Lists, objects and null have no text. */
static void write_value(struct renderer *r, const json_t *value, bool raw)
{
	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_STRING:
		if (raw || r->escape == MUSTACHE_PLAIN)
			buf_add(r->out, json_string_value(value), json_string_length(value));
		else
			write_escaped(r, json_string_value(value), json_string_length(value));
		break;
	case JSON_INTEGER:
		buf_printf(r->out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		break;
	case JSON_REAL:
		buf_add_double(r->out, json_real_value(value));
		break;
	case JSON_TRUE:
		buf_add_string(r->out, "true");
		break;
	case JSON_FALSE:
		buf_add_string(r->out, "false");
		break;
	case JSON_NULL:
	case JSON_OBJECT:
	case JSON_ARRAY:
		break;
	}
}

/* Writes a text, with the indentation before each line of it that is not empty. */
static void write_text(struct renderer *r, const struct mustache_node *node)
{
	const char *at = node->bytes, *end = node->bytes + node->size, *line;
	bool begins = node->line_start;

	if (r->indent.size == 0) {
		buf_add(r->out, at, node->size);
		return;
	}
	do {
		line = memchr(at, '\n', (size_t) (end - at));
		line = line ? line + 1 : end;
		if (begins && (at == end || *at != '\n'))
			buf_add(r->out, r->indent.data, r->indent.size);
		buf_add(r->out, at, (size_t) (line - at));
		begins = true;
		at = line;
	} while (at < end && r->out->size - r->begin <= OUTPUT_MAX);
}

static bool is_true(const json_t *value)
{
	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_NULL:
	case JSON_FALSE:
		return false;
	case JSON_ARRAY:
		return json_array_size(value) > 0;
	case JSON_STRING:
		return json_string_length(value) > 0;
	default:
		return true;
	}
}

static int render_within(
	struct renderer *r, const struct mustache *m, size_t from, size_t to, json_t *context)
{
	int e;

	if (r->context_count == ELEMENTS(r->contexts))
		return -E2BIG;
	r->contexts[r->context_count++] = context;
	e = render_nodes(r, m, from, to);
	r->context_count--;
	return e;
}

static int render_section(struct renderer *r, const struct mustache *m, size_t index)
{
	const struct mustache_node *node = &m->nodes[index];
	json_t *value = lookup(r, node), *item;
	size_t i;
	int e = 0;

	if (node->kind == MUSTACHE_NODE_INVERTED)
		return is_true(value) ? 0 : render_nodes(r, m, index + 1, node->end);
	if (!is_true(value))
		return 0;
	if (!json_is_array(value))
		return render_within(r, m, index + 1, node->end, value);
	json_array_foreach (value, i, item) {
		e = render_within(r, m, index + 1, node->end, item);
		if (e < 0)
			break;
	}
	return e;
}

static int render_partial(struct renderer *r, const struct mustache_node *node)
{
	const struct mustache *m = r->partial ? r->partial(r->userdata, node->bytes) : NULL;
	size_t indent = r->indent.size;
	int e;

	if (!m)
		return 0;
	buf_add(&r->indent, node->indent, node->indent_size);
	e = buf_error(&r->indent);
	if (e == 0)
		e = render_nodes(r, m, 0, m->count);
	r->indent.size = indent;
	return e;
}

static int render_nodes(struct renderer *r, const struct mustache *m, size_t from, size_t to)
{
	int e = 0;

	if (++r->depth > MUSTACHE_DEPTH_MAX)
		e = -E2BIG;
	for (size_t i = from; i < to && e == 0; i++) {
		const struct mustache_node *node = &m->nodes[i];

		if (++r->steps > STEPS_MAX)
			e = -E2BIG;
		else if (node->kind == MUSTACHE_NODE_TEXT)
			write_text(r, node);
		else if (node->kind == MUSTACHE_NODE_PARTIAL)
			e = render_partial(r, node);
		else if (node->kind == MUSTACHE_NODE_ESCAPED || node->kind == MUSTACHE_NODE_RAW)
			write_value(r, lookup(r, node), node->kind == MUSTACHE_NODE_RAW);
		else {
			e = render_section(r, m, i);
			i = node->end - 1;
		}
		if (e == 0)
			e = buf_error(r->out);
		if (e == 0 && r->out->size - r->begin > OUTPUT_MAX)
			e = -E2BIG;
	}
	r->depth--;
	return e;
}

int mustache_render(const struct mustache *m, json_t *data, enum mustache_escape escape,
	mustache_partial_fn partial, void *userdata, struct buf *out)
{
	struct renderer r = {
		.escape = escape,
		.partial = partial,
		.userdata = userdata,
		.out = out,
		.begin = out->size,
		.contexts = {data},
		.context_count = 1,
		.indent = {.limit = INDENT_MAX},
	};
	int e = render_nodes(&r, m, 0, m->count);

	buf_done(&r.indent);
	if (e < 0 && out->data) {
		out->size = r.begin;
		out->data[out->size] = '\0';
	}
	return e;
}
