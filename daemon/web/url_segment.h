/* SPDX-License-Identifier: Apache-2.0 */
/* A name as a segment of an URL's path (RFC 3986, section 3.3).
 *
 * Layer: daemon/web. Pure. */
#pragma once

#include "daemon/base/buf.h"

/* Appends NAME, percent-encoded. */
void url_segment_write(struct buf *b, const char *name);
