/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/json_list.h"

void json_list_add(json_t **list, json_t *item)
{
	if (json_array_append_new(*list, item) < 0) {
		json_decref(*list);
		*list = NULL;
	}
}
