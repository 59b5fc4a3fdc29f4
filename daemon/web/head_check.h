/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a request's head has one meaning alone (RFC 9112): what two readers may read differently
 * is how a request is smuggled past a proxy, and is refused.
 *
 * Layer: daemon/web. Pure; its input is untrusted, as the HTTP library cut it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define HEAD_FIELDS_MAX 100 /* header fields of a request */

struct head_field {
	const char *name, *value;
	size_t name_size, value_size;
};

/* Strings that the library made of the head where it lies, by ending each with a NUL: METHOD,
 * TARGET and VERSION, then the fields in their order. */
struct head {
	const char *method, *target, *version;
	const char *target_place; /* where the target came; what lies there may be cut further */
	struct head_field fields[HEAD_FIELDS_MAX];
	size_t count; /* of the fields; those beyond HEAD_FIELDS_MAX are counted alone */
	size_t size;  /* bytes of the head, its empty line included */
};

/* What is wrong, in words for people, a constant; NULL for nothing. SEAMLESS: the library is one
 * that leaves the strings where they came; then each byte of the head must be part of one, but for
 * the separators, so that nothing can hide behind a NUL or in a folded line. */
const char *head_find_fault(const struct head *head, bool seamless);
