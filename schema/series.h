/* SPDX-License-Identifier: Apache-2.0 */
/* A series: a metric name and a sorted set of labels.
 *
 * Layer: schema. Names follow Prometheus: metric [a-zA-Z_:][a-zA-Z0-9_:]*, label
 * [a-zA-Z_][a-zA-Z0-9_]*; a label value is any UTF-8. A name is never cut short: what is over a
 * limit is refused. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/base/buf.h"

#define METRIC_NAME_MAX 256  /* bytes of a metric's or a label's name */
#define LABEL_VALUE_MAX 2048 /* bytes of a label's value */
#define LABELS_MAX	64   /* labels of one series */

struct label {
	char *name;
	char *value;
};

/* Owns its strings; the labels are sorted by name and no name occurs twice. */
struct labels {
	struct label *items;
	size_t count;
};

struct series {
	char *metric;
	struct labels labels;
};

bool series_metric_is_valid(const char *name);
bool series_label_is_valid(const char *name);
/* True for what labels_parse() reads again once it is written. */
bool series_is_valid(const struct series *s);

void labels_done(struct labels *l);
void series_done(struct series *s);

/* Copies; 0 or -ENOMEM, then RET is empty. */
int labels_copy(const struct labels *from, struct labels *ret);

/* Adds a label in its place, or replaces its value; an empty VALUE removes it (as Prometheus takes
 * an empty value for none). 0, -EINVAL (name or value not allowed), -E2BIG, -ENOMEM. */
int labels_set(struct labels *l, const char *name, const char *value);

/* The label's value, or NULL. */
const char *labels_get(const struct labels *l, const char *name);

/* Compares name by name, then value by value: an order for sorting. */
int labels_compare(const struct labels *a, const struct labels *b);

/* {a="b",c="d"} with Prometheus's escapes (\\ \" \n); {} without labels. */
void labels_write(const struct labels *l, struct buf *b);

/* Reads what labels_write() wrote; nothing may follow. 0, -EBADMSG, -ENOMEM. */
int labels_parse(const char *text, struct labels *ret);

/* Alertmanager's fingerprint of a label set: 64-bit FNV-1a over the sorted names and values, each
 * followed by a byte 0xff (prometheus/common, model/signature.go). */
unsigned long long labels_fingerprint(const struct labels *l);
#define FINGERPRINT_MAX 17 /* bytes of it as 16 hexadecimal digits, with the NUL */
