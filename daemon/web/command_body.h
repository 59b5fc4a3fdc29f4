/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON body of a request that changes something.
 *
 * Layer: daemon/web. Pure; its input is untrusted. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define COMMAND_COMMENT_MAX 4096 /* bytes of a comment */
#define JSON_TYPE	    "application/json"

/* False where TYPE, the Content-Type header (NULL for none), names anything but JSON: what a form of a
 * foreign page could send without asking first. */
bool command_body_is_json(const char *type);

/* Reads {"comment":"..."} or an empty body. Returns the same as JSON text without anything else in
 * *RET (free() it): what the engine gets. -EBADMSG with *RET_WHY in words for people, a constant;
 * -ENOMEM. */
int command_body_read(
	const void *body, size_t size, bool comment_needed, char **ret, const char **ret_why);
