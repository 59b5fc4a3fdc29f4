/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON array that is filled item by item, and checked once at its end.
 *
 * Layer: daemon/web. Pure. */
#pragma once

#include <jansson.h>

/* Appends ITEM. After a failure *LIST is NULL and stays it, so that what is made of it fails. */
void json_list_add(json_t **list, json_t *item);
