/* SPDX-License-Identifier: Apache-2.0 */
/* What secret options name: credential:NAME, file:PATH.
 *
 * Layer: daemon. No text of an error ever holds what was read, nor a value that may be a secret put
 * where a reference belongs. */
#pragma once

#include "daemon/config/problem.h"

enum secret_form {
	SECRET_LITERAL,	    /* no reference: the value itself */
	SECRET_CREDENTIAL,  /* credential:NAME */
	SECRET_FILE,	    /* file:PATH, which nobody else may read */
	SECRET_PUBLIC_FILE, /* /PATH, for options that are no secret */
};

/* Pure. 0 or -EINVAL: then *RET_WHY says what is wrong with the reference, or that the option takes no
 * literal. */
int secret_form(enum option option, const char *text, enum secret_form *ret, const char **ret_why);

/* Reads what every secret of the configuration names, and checks it. */
void config_read_secrets(struct config *c, bool check_only, struct problems *p);
