/* SPDX-License-Identifier: Apache-2.0 */
/* The command line's arguments.
 *
 * Layer: daemon. Options may stand before or after the verb. */
#pragma once

#include "daemon/base/buf.h"
#include "daemon/cli/verbs.h"

/* 0, or -EINVAL with what is wrong in COMPLAINT. ARGV is reordered; the result points into it. With
 * --help or --version nothing else is checked. */
int invocation_parse(int argc, char **argv, struct invocation *ret, struct buf *complaint);

/* The text of --help: of the whole, or of one verb. */
void invocation_help(const struct verb *verb, struct buf *b);
