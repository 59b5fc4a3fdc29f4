/* SPDX-License-Identifier: Apache-2.0 */
/* What secret options name: credential:NAME, file:PATH.
 *
 * Layer: daemon. No text of an error ever holds what was read, nor a value that may be a secret put
 * where a reference belongs. */
#pragma once

#include "daemon/config_problem.h"

enum secret_form {
	SECRET_LITERAL,	    /* no reference: the value itself */
	SECRET_CREDENTIAL,  /* credential:NAME */
	SECRET_FILE,	    /* file:PATH, which nobody else may read */
	SECRET_PUBLIC_FILE, /* /PATH, for options that are no secret */
};

/* Pure. 0 or -EINVAL: then *RET_WHY says what is wrong with the reference, or that the option takes no
 * literal. */
int secret_form(enum option option, const char *text, enum secret_form *ret, const char **ret_why);

/* Reads what TEXT, which secret_form() accepted, names, and cuts one trailing newline. 0 and the text in
 * *RET (free() it), NULL for a literal.
 *
 * With CHECK_ONLY, whoever asks is not the daemon: where only the daemon may read it, 0 with *RET NULL
 * and the reason in *RET_WHY.
 *
 * -EINVAL with the reason in *RET_WHY (free() it), -ENOMEM. */
int secret_read(enum option option, const char *text, bool check_only, char **ret, char **ret_why);

/* Reads what every secret of the configuration names, and checks it. */
void config_read_secrets(struct config *c, bool check_only, struct problems *p);
