/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/cursor.h"
#include "daemon/base/text.h"

#define EVIDENCE_COUNT_MAX 256		/* texts of one event */
#define EVIDENCE_NAME_MAX  128		/* bytes of an evidence's name */
#define EVIDENCE_TEXT_MAX  (256 * 1024) /* bytes of an evidence's text */
#define EVIDENCE_BYTES_MIN (2 * sizeof(uint32_t)) /* on the wire */

bool process_id_is_valid(int64_t pid)
{
	return pid > 0 && pid <= INT32_MAX;
}

bool event_begins_process(const struct event *e)
{
	return text_equal(e->type, EVENT_PROCESS_STARTED);
}

bool event_ends_process(const struct event *e)
{
	return text_equal(e->type, EVENT_PROCESS_EXITED) ||
	       text_equal(e->type, EVENT_PROCESS_RELEASED);
}

void evidence_list_free(struct evidence *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(list[i].name);
		free(list[i].text);
	}
	free(list);
}

int evidence_list_copy(const struct evidence *from, size_t count, struct evidence **ret)
{
	struct evidence *list;

	if (count == 0) {
		*ret = NULL;
		return 0;
	}
	list = calloc(count, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		list[i].name = strdup(from[i].name);
		list[i].text = strdup(from[i].text);
		if (!list[i].name || !list[i].text) {
			evidence_list_free(list, count);
			return -ENOMEM;
		}
	}
	*ret = list;
	return 0;
}

void evidence_write(const struct evidence *list, size_t count, struct buf *b)
{
	buf_put_u32(b, (uint32_t) count);
	for (size_t i = 0; i < count; i++) {
		buf_put_string(b, list[i].name);
		buf_put_string(b, list[i].text);
	}
}

int evidence_read(const void *data, size_t size, struct evidence **ret, size_t *ret_count)
{
	struct cursor c = cursor_init(data, size);
	struct evidence *list;
	size_t count;
	int r = cursor_array(&c, EVIDENCE_COUNT_MAX, EVIDENCE_BYTES_MIN, sizeof(*list), &list,
		&count);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count && !c.failed; i++) {
		list[i].name = cursor_string(&c, EVIDENCE_NAME_MAX);
		list[i].text = cursor_string(&c, EVIDENCE_TEXT_MAX);
	}
	if (!cursor_complete(&c)) {
		evidence_list_free(list, count);
		return -EBADMSG;
	}
	*ret = list;
	*ret_count = count;
	return 0;
}
