/* SPDX-License-Identifier: Apache-2.0 */
/* Which text format of metrics a client wants (RFC 9110, section 12.5.1).
 *
 * Layer: daemon/web. Pure; its input is untrusted. */
#pragma once

#include "daemon/web/exposition.h"

/* ACCEPT is the header of that name, NULL where there was none. The best quality wins, the first of
 * equal ones; Prometheus's text format where nothing fits. */
enum exposition_format negotiate_exposition_format(const char *accept);
