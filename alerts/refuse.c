/* SPDX-License-Identifier: Apache-2.0 */
#include "alerts/refuse.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int refuse(char **ret_why, const char *format, ...)
{
	va_list arguments;
	int size;

	if (!ret_why)
		return -EINVAL;
	va_start(arguments, format);
	size = vasprintf(ret_why, format, arguments);
	va_end(arguments);
	if (size < 0) {
		*ret_why = NULL;
		return -ENOMEM;
	}
	return -EINVAL;
}
