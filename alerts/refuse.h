/* SPDX-License-Identifier: Apache-2.0 */
/* Says why an input is refused.
 *
 * Layer: alerts. */
#pragma once

/* Returns -EINVAL with the text in *RET_WHY (free() it), or -ENOMEM, then *RET_WHY is NULL.
 * RET_WHY may be NULL. */
int refuse(char **ret_why, const char *format, ...) __attribute__((format(printf, 2, 3)));
