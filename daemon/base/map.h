/* SPDX-License-Identifier: Apache-2.0 */
/* A hash map from bytes to pointers.
 *
 * Layer: base. Keys are copied; values belong to the caller. Strangers may choose the keys: the
 * hash is SipHash-2-4 under a random key (Aumasson and Bernstein, "SipHash: a fast short-input
 * PRF", 2012). Iteration follows insertion until something is removed. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "daemon/base/cleanup.h"

struct map;

/* NULL without memory or randomness. */
struct map *map_new(void);

/* Frees the map, and each value by FREE_VALUE unless that is NULL. Accepts NULL; returns NULL. */
struct map *map_free(struct map *m, void (*free_value)(void *value));

size_t map_size(const struct map *m);

/* Adds or replaces. The value replaced, if any, is returned in *RET_OLD (which may be NULL).
 * 0 or -ENOMEM; then nothing changed. VALUE must not be NULL. */
int map_put(struct map *m, const void *key, size_t size, void *value, void **ret_old);

/* The value, or NULL. */
void *map_get(const struct map *m, const void *key, size_t size);

/* Removes and returns the value, or NULL. */
void *map_remove(struct map *m, const void *key, size_t size);

/* The value behind *POSITION (start with 0), or NULL at the end; *RET_KEY and *RET_SIZE may be
 * NULL. Nothing may be put while iterating; the value just returned may be removed if *POSITION
 * is then lowered by one. */
void *map_next(const struct map *m, size_t *position, const void **ret_key, size_t *ret_size);

static inline int map_put_string(struct map *m, const char *key, void *value, void **ret_old)
{
	return map_put(m, key, strlen(key), value, ret_old);
}
static inline void *map_get_string(const struct map *m, const char *key)
{
	return map_get(m, key, strlen(key));
}
static inline void *map_remove_string(struct map *m, const char *key)
{
	return map_remove(m, key, strlen(key));
}
