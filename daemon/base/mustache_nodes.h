/* SPDX-License-Identifier: Apache-2.0 */
/* What a parsed template is: between the engine's two halves, for nobody else.
 *
 * Layer: base. A template is a flat list of nodes over one copy of its text; a section knows where
 * it ends. Names are cut at their dots in that copy: "a.b" is kept as "a\0b\0". */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/mustache.h"

#define MUSTACHE_DEPTH_MAX 64 /* sections and partials within each other */

enum mustache_kind {
	MUSTACHE_NODE_TEXT,
	MUSTACHE_NODE_ESCAPED,
	MUSTACHE_NODE_RAW,
	MUSTACHE_NODE_SECTION,
	MUSTACHE_NODE_INVERTED,
	MUSTACHE_NODE_PARTIAL
};

struct mustache_node {
	enum mustache_kind kind;
	bool line_start;    /* of a text: its first byte begins a line */
	uint32_t end;       /* of a section: the index behind its last node */
	uint32_t size;      /* of the text or name */
	uint32_t parts;     /* of a name: 1 + its dots; 0 for "." */
	const char *bytes;  /* text; or the name, NUL-terminated */
	const char *indent; /* of a partial that stands alone: the blanks before it */
	uint32_t indent_size;
};

struct mustache {
	char *text;
	struct mustache_node *nodes;
	size_t count, allocated;
};
