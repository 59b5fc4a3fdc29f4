/* SPDX-License-Identifier: Apache-2.0 */
/* What the API answers, written for people: text, colour, time.
 *
 * Layer: daemon. Pure: JSON in, text out; the time and whether there is colour are arguments. All
 * that comes from JSON is written as printable text: strangers chose some of it. */
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"

enum colour { PLAIN, BOLD, DIM, RED, GREEN, YELLOW };

struct style {
	bool colour;
	usec_t now; /* wall */
};

/* A page: the whole of what a verb prints from the API's answer. */
typedef void (*show_fn)(const json_t *body, const struct style *style, struct buf *b);

void show_status(const json_t *body, const struct style *style, struct buf *b);
void show_incidents(const json_t *body, const struct style *style, struct buf *b);
void show_incident(const json_t *body, const struct style *style, struct buf *b);
void show_discover(const json_t *body, const struct style *style, struct buf *b);
void show_doctor(const json_t *body, const struct style *style, struct buf *b);

/* The string KEY of OBJECT; "" where it has none. */
const char *show_string(const json_t *object, const char *key);

/* Rank of a severity, the worst lowest: for sorting. */
int show_severity_rank(const char *severity);
enum colour show_severity_colour(const char *severity);

/* Writes TEXT in a colour, made printable. */
void show_paint(struct buf *b, const struct style *style, enum colour colour, const char *text);

/* The same for a sentence of a role: its times become those of people, as show_time() writes them. */
void show_sentence(struct buf *b, const struct style *style, enum colour colour, const char *text);

/* A heading on a line of its own, with an empty line before it unless it is the first thing. */
void show_heading(struct buf *b, const struct style *style, const char *text);

/* Writes TEXT as lines, each made printable and behind PREFIX. */
void show_lines(struct buf *b, const char *prefix, const char *text);

/* The RFC 3339 time in local time and how long ago, "2026-01-31 11:00:00 (5min ago)"; or alone. ""
 * for what is no time. */
void show_time(struct buf *b, const struct style *style, const char *rfc3339);
void show_time_alone(struct buf *b, const char *rfc3339);
void show_ago(struct buf *b, const struct style *style, const char *rfc3339);
