/* SPDX-License-Identifier: Apache-2.0 */
/* Subjects flow from the selectors at the leaves up to the caller, each node passing on what it thinks of
 * them. What a set operator must know of its other side before is kept by keys; only `or`, of which both
 * sides may have the same labels, keeps its subjects. */
#include <errno.h>

#include "alerts/promql/matching.h"
#include "daemon/base/text.h"

/* What all nodes of one evaluation need. */
struct evaluation {
	const struct promql_source *source;
	int64_t time_ms;
};

/* To whom a node gives its subjects. */
struct receiver {
	promql_subject_fn fn;
	void *userdata;
};

static int give(const struct receiver *to, const struct labels *labels, double value, bool holds)
{
	return to->fn(to->userdata, labels, value, holds);
}

static int walk(const struct evaluation *e, const struct node *n, promql_subject_fn fn, void *userdata);

struct selection {
	const struct selector *selector;
	struct receiver to;
};

static int on_series(void *userdata, const struct series *series, double value)
{
	const struct selection *s = userdata;

	if (!text_equal(series->metric, s->selector->metric))
		return 0;
	for (size_t i = 0; i < s->selector->matcher_count; i++)
		if (!matcher_matches(&s->selector->matchers[i], &series->labels))
			return 0;
	return give(&s->to, &series->labels, value, true);
}

static int walk_selector(
	const struct evaluation *e, const struct selector *selector, struct receiver to)
{
	struct selection s = {selector, to};

	return e->source->select(e->source->userdata, selector->metric, e->time_ms, on_series, &s);
}

struct comparison {
	enum operator operator;
	double number;
	struct receiver to;
};

static bool compare(enum operator operator, double left, double right)
{
	switch (operator) {
	case OPERATOR_EQUAL:
		return left == right;
	case OPERATOR_NOT_EQUAL:
		return left != right;
	case OPERATOR_LESS:
		return left < right;
	case OPERATOR_LESS_OR_EQUAL:
		return left <= right;
	case OPERATOR_GREATER:
		return left > right;
	case OPERATOR_GREATER_OR_EQUAL:
		return left >= right;
	default:
		return false;
	}
}

static int on_compared(void *userdata, const struct labels *labels, double value, bool holds)
{
	const struct comparison *c = userdata;

	return give(&c->to, labels, value, holds && compare(c->operator, value, c->number));
}

static int walk_comparison(const struct evaluation *e, const struct node *n, struct receiver to)
{
	struct comparison c = {n->binary.operator, n->binary.right->number, to};

	return walk(e, n->binary.left, on_compared, &c);
}

/* `and` and `unless`: the left side, where there is a partner, or where there is none. */
struct restriction {
	bool wants_partner;
	struct partners partners;
	struct receiver to;
};

static int on_partner(void *userdata, const struct labels *labels, double value, bool holds)
{
	struct restriction *s = userdata;

	return holds ? partners_add(&s->partners, labels) : 0;
}

static int on_restricted(void *userdata, const struct labels *labels, double value, bool holds)
{
	struct restriction *s = userdata;
	int has = partners_has(&s->partners, labels);

	return has < 0 ? has : give(&s->to, labels, value, holds && has == s->wants_partner);
}

static int walk_restriction(const struct evaluation *e, const struct node *n, struct receiver to)
{
	struct restriction s = {.wants_partner = n->binary.operator == OPERATOR_AND, .to = to};
	int r = partners_init(&s.partners, &n->binary.matching);

	if (r >= 0)
		r = walk(e, n->binary.right, on_partner, &s);
	if (r >= 0)
		r = walk(e, n->binary.left, on_restricted, &s);
	partners_done(&s.partners);
	return r;
}

struct element {
	struct labels labels;
	double value;
	bool holds;
};

/* `or`: all of the left side, and what of the right has no partner there. */
struct alternative {
	struct map *elements; /* by all labels */
	struct partners left; /* what holds there */
	struct buf key;
};

static void free_element(void *p)
{
	struct element *element = p;

	labels_done(&element->labels);
	free(element);
}

static void alternative_done(struct alternative *a)
{
	map_free(a->elements, free_element);
	partners_done(&a->left);
	buf_done(&a->key);
}

/* What both sides have is there once; it holds where it does on one side. */
static int put_element(struct alternative *a, const struct labels *labels, double value, bool holds)
{
	static const struct matching by_all = {.on = false};
	struct element *element;
	int r = matching_key(&by_all, labels, &a->key);

	if (r < 0)
		return r;
	element = map_get(a->elements, a->key.data, a->key.size);
	if (element) {
		element->value = holds ? value : element->value;
		element->holds = element->holds || holds;
		return 0;
	}
	element = calloc(1, sizeof(*element));
	if (!element)
		return -ENOMEM;
	element->value = value;
	element->holds = holds;
	r = labels_copy(labels, &element->labels);
	if (r >= 0)
		r = map_put(a->elements, a->key.data, a->key.size, element, NULL);
	if (r < 0)
		free_element(element);
	return r;
}

static int on_left(void *userdata, const struct labels *labels, double value, bool holds)
{
	struct alternative *a = userdata;
	int r = holds ? partners_add(&a->left, labels) : 0;

	return r < 0 ? r : put_element(a, labels, value, holds);
}

static int on_right(void *userdata, const struct labels *labels, double value, bool holds)
{
	struct alternative *a = userdata;
	int has = partners_has(&a->left, labels);

	return has < 0 ? has : put_element(a, labels, value, holds && !has);
}

static int give_elements(const struct map *elements, struct receiver to)
{
	const struct element *element;
	size_t position = 0;
	int r = 0;

	while (r >= 0 && (element = map_next(elements, &position, NULL, NULL)))
		r = give(&to, &element->labels, element->value, element->holds);
	return r;
}

static int walk_alternative(const struct evaluation *e, const struct node *n, struct receiver to)
{
	_cleanup_(alternative_done) struct alternative a = {.elements = map_new()};
	int r = partners_init(&a.left, &n->binary.matching);

	if (r < 0 || !a.elements)
		return -ENOMEM;
	r = walk(e, n->binary.left, on_left, &a);
	if (r >= 0)
		r = walk(e, n->binary.right, on_right, &a);
	return r < 0 ? r : give_elements(a.elements, to);
}

static int walk(const struct evaluation *e, const struct node *n, promql_subject_fn fn, void *userdata)
{
	struct receiver to = {fn, userdata};

	if (n->type == NODE_SELECTOR)
		return walk_selector(e, &n->selector, to);
	if (operator_is_comparison(n->binary.operator))
		return walk_comparison(e, n, to);
	if (n->binary.operator == OPERATOR_OR)
		return walk_alternative(e, n, to);
	return walk_restriction(e, n, to);
}

int promql_subjects(const struct promql *p, const struct promql_source *source, int64_t time_ms,
	promql_subject_fn fn, void *userdata)
{
	struct evaluation e = {source, time_ms};

	return walk(&e, p->root, fn, userdata);
}

struct holding {
	promql_element_fn fn;
	void *userdata;
};

static int on_subject(void *userdata, const struct labels *labels, double value, bool holds)
{
	const struct holding *h = userdata;

	return holds ? h->fn(h->userdata, labels, value) : 0;
}

int promql_evaluate(const struct promql *p, const struct promql_source *source, int64_t time_ms,
	promql_element_fn fn, void *userdata)
{
	struct holding h = {.fn = fn, .userdata = userdata};

	return promql_subjects(p, source, time_ms, on_subject, &h);
}
