/* SPDX-License-Identifier: Apache-2.0 */
/* Logging: to the journal with structured fields where our stderr is the journal's, else to
 * stderr, in colour on a terminal.
 *
 * Layer: base. Only daemon/ logs above debug; lower layers return errors. Levels are syslog's. */
#pragma once

#include <stddef.h>
#include <syslog.h>

/* A journal field, such as {"SERVICE", "llama"}; names as systemd.journal-fields(7) wants them. */
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

void log_fields(int level, const struct log_field fields[], size_t count, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Logs the message and what R (a negative errno) means; returns R. */
int log_failure(int level, int r, const char *format, ...) __attribute__((format(printf, 3, 4)));

#define log_message(level, ...) log_fields(level, NULL, 0, __VA_ARGS__)
#define log_error(...)		log_message(LOG_ERR, __VA_ARGS__)
#define log_warning(...)	log_message(LOG_WARNING, __VA_ARGS__)
#define log_notice(...)		log_message(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)		log_message(LOG_INFO, __VA_ARGS__)
#define log_debug(...)		log_message(LOG_DEBUG, __VA_ARGS__)
#define log_error_errno(r, ...) log_failure(LOG_ERR, r, __VA_ARGS__)
