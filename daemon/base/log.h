/* SPDX-License-Identifier: Apache-2.0 */
/* Logging: to the journal with structured fields where our stderr is the journal's, else to
 * stderr, in colour on a terminal.
 *
 * Layer: base. Only daemon/ logs above debug; lower layers return errors. Levels are syslog's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <syslog.h>

/* A journal field, such as {"SERVICE", "llama"}; names as systemd.journal-fields(7) wants them. A value may
 * hold any bytes: none makes another field, control characters become '?', and what is beyond 1024 bytes
 * is cut off. */
struct log_field {
	const char *name;
	const char *value;
};

/* Once, before anything is logged and before a sandbox closes: PROGRAM must live on. */
void log_open(const char *program);

/* The least severe level logged: LOG_ERR .. LOG_DEBUG; LOG_INFO at first. */
void log_set_level(int level);

/* "error" "warning" "notice" "info" "debug" as a level, or -EINVAL. */
int log_level_parse(const char *name);

/* True where messages of LEVEL are written. */
bool log_takes(int level);

/* TEXT as one line of 8 KiB at most; the fields are for the journal alone. Which messages there are, and
 * with which fields, is for the layer above to say. */
void log_write(int level, const struct log_field fields[], size_t count, const char *text);

/* What only a developer asks for needs no fields. */
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
