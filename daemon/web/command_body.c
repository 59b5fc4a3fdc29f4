/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/command_body.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <strings.h>

#include "daemon/base/cleanup.h"

/* What is wrong with the object, or NULL. */
static const char *find_fault(json_t *object, bool comment_needed)
{
	json_t *comment = json_object_get(object, "comment");
	const char *text = json_string_value(comment);

	if (!json_is_object(object))
		return "the body must be a JSON object";
	if (json_object_size(object) > (comment ? 1 : 0))
		return "the body may have one key: comment";
	if (comment && !text)
		return "comment must be a string";
	if (text && strlen(text) > COMMAND_COMMENT_MAX)
		return "comment is longer than " STRINGIFY(COMMAND_COMMENT_MAX) " bytes";
	for (const char *c = text ? text : ""; *c; c++)
		if (iscntrl((unsigned char) *c) && *c != '\n' && *c != '\t')
			return "comment has a control character";
	if (comment_needed && (!text || text[strspn(text, " \n\t")] == '\0'))
		return "comment is missing";
	return NULL;
}

bool command_body_is_json(const char *type)
{
	size_t size = type ? strcspn(type, "; \t") : 0;

	return type && size == strlen(JSON_TYPE) && strncasecmp(type, JSON_TYPE, size) == 0;
}

int command_body_read(
	const void *body, size_t size, bool comment_needed, char **ret, const char **ret_why)
{
	json_t *object =
		size == 0 ? json_object() : json_loadb(body, size, JSON_REJECT_DUPLICATES, NULL);
	const char *why = object ? find_fault(object, comment_needed) : "the body is not JSON";
	char *text = NULL;

	if (!why)
		text = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	if (why) {
		*ret_why = why;
		return -EBADMSG;
	}
	if (!text)
		return -ENOMEM;
	*ret = text;
	return 0;
}
