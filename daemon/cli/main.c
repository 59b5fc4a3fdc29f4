/* SPDX-License-Identifier: Apache-2.0 */
/* modelwatch: the command line. What it can do is the table of verbs.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build-config.h"
#include "daemon/base/text.h"
#include "daemon/cli/invocation.h"

int main(int argc, char **argv)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct invocation invocation;

	if (invocation_parse(argc, argv, &invocation, &text) < 0) {
		fprintf(stderr, "modelwatch: %s\nTry 'modelwatch --help'.\n",
			text.data ? text.data : strerror(ENOMEM));
		/* What runs `status` as a check takes 1 for a warning: unknown is 3. */
		return argc > 1 && text_equal(argv[1], "status") ? 3 : EXIT_FAILURE;
	}
	if (invocation.version) {
		puts(PACKAGE_STRING);
		return EXIT_SUCCESS;
	}
	if (invocation.help) {
		invocation_help(invocation.verb, &text);
		fputs(text.data ? text.data : "", stdout);
		return EXIT_SUCCESS;
	}
	return invocation.verb->run(&invocation);
}
