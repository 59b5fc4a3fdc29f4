/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/url_segment.h"

#include <ctype.h>
#include <string.h>

void url_segment_write(struct buf *b, const char *name)
{
	for (; *name; name++) {
		unsigned char c = (unsigned char) *name;

		/* "." and ".." would be steps of the path, not names. */
		if (isalnum(c) || strchr("-_~", c) || (c == '.' && b->size > 0 && name[1]))
			buf_add_char(b, (char) c);
		else
			buf_printf(b, "%%%02X", c);
	}
}
