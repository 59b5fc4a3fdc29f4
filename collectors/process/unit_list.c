/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/process/unit_list.h"

#include <stdbool.h>
#include <string.h>

#define MORE_MAX 32 /* bytes of how many more there are */

static bool has_room(const struct unit_list *l, const char *item)
{
	return l->left_out == 0 &&
	       l->text.size + strlen(l->separator) + strlen(item) + MORE_MAX <= l->limit;
}

void unit_list_add(struct unit_list *l, const char *item)
{
	if (!*item)
		return;
	if (!has_room(l, item)) {
		l->left_out++;
		return;
	}
	buf_add_string(&l->text, l->text.size > 0 ? l->separator : "");
	buf_add_string(&l->text, item);
}

void unit_list_end(struct unit_list *l)
{
	if (l->left_out > 0)
		buf_printf(&l->text, "%s%zu more", l->text.size > 0 ? " and " : "", l->left_out);
}
