/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/head_check.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"

/* RFC 9110, section 5.6.2. */
static bool is_token(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (text[i] == '\0' || (!isalnum((unsigned char) text[i]) &&
					       !strchr("!#$%&'*+-.^_`|~", text[i])))
			return false;
	return size > 0;
}

static bool has_control(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (iscntrl((unsigned char) text[i]) && text[i] != '\t')
			return true;
	return false;
}

/* How many fields have this name. *RET is the last one. */
static size_t find_field(const struct head *head, const char *name, const struct head_field **ret)
{
	size_t count = 0;

	for (size_t i = 0; i < head->count; i++)
		if (head->fields[i].name_size == strlen(name) &&
			strncasecmp(head->fields[i].name, name, strlen(name)) == 0) {
			*ret = &head->fields[i];
			count++;
		}
	return count;
}

static bool is_chunked(const struct head_field *field)
{
	return field->value_size == strlen("chunked") &&
	       strncasecmp(field->value, "chunked", field->value_size) == 0;
}

/* Addresses are compared as numbers: they may be of different objects. */
static bool is_at(const char *text, uintptr_t place)
{
	return (uintptr_t) text == place;
}

static bool is_seamless(const struct head *head)
{
	uintptr_t start = (uintptr_t) head->method, at = start + strlen(head->method) + 1;

	if (!is_at(head->target_place, at) ||
		!is_at(head->version, at + strlen(head->target) + 1))
		return false;
	at = (uintptr_t) head->version + strlen(head->version) + 2;
	for (size_t i = 0; i < head->count; i++) {
		const struct head_field *f = &head->fields[i];

		/* Between a name and its value stand a colon and blanks. */
		if (!is_at(f->name, at) || (uintptr_t) f->value <= at + f->name_size)
			return false;
		at = (uintptr_t) f->value + f->value_size + 2;
	}
	return at + 2 - start == head->size;
}

/* RFC 9112, section 6: how long the body is. */
static const char *find_body_fault(const struct head *head)
{
	const struct head_field *length = NULL, *encoding = NULL;
	size_t lengths = find_field(head, "Content-Length", &length);
	size_t encodings = find_field(head, "Transfer-Encoding", &encoding);

	if (lengths > 1)
		return "Content-Length is there twice";
	if (encodings > 1 || (encoding && !is_chunked(encoding)))
		return "Transfer-Encoding may be chunked, once";
	if (encoding && length)
		return "Content-Length and Transfer-Encoding exclude each other";
	if (encoding && !text_equal(head->version, "HTTP/1.1"))
		return "Transfer-Encoding is of HTTP/1.1";
	return NULL;
}

const char *head_find_fault(const struct head *head, bool seamless)
{
	const struct head_field *host;
	size_t hosts;

	if (head->count > HEAD_FIELDS_MAX)
		return "there are more than " STRINGIFY(HEAD_FIELDS_MAX) " header fields";
	if (!is_token(head->method, strlen(head->method)))
		return "the method is not well-formed";
	/* Which of two hosts an absolute one means is for a proxy to decide. */
	if (head->target[0] != '/' && !text_equal(head->target, "*"))
		return "the target is not a path";
	if (strchr(head->target, ' ') || has_control(head->target, strlen(head->target)))
		return "the target has a blank or a control character";
	for (size_t i = 0; i < head->count; i++)
		if (!is_token(head->fields[i].name, head->fields[i].name_size) ||
			has_control(head->fields[i].value, head->fields[i].value_size))
			return "a header field is not well-formed";
	if (seamless && !is_seamless(head))
		return "the head has a NUL, a folded line or a line without a carriage return";
	hosts = find_field(head, "Host", &host);
	if (hosts > 1)
		return "Host is there twice";
	if (hosts == 0 && !text_equal(head->version, "HTTP/1.0"))
		return "Host is missing";
	return find_body_fault(head);
}
