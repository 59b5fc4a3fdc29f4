/* SPDX-License-Identifier: Apache-2.0 */
/* The forms that text in a configuration may have.
 *
 * Layer: daemon. Pure: nothing is looked up, resolved or opened. */
#pragma once

#include <stdbool.h>

#define HOST_MAX 253 /* bytes of a host's name (RFC 1035) */

/* http:// or https://, a host, perhaps a port; printable ASCII (RFC 3986). */
bool form_is_url(const char *text);
/* Absolute, and short enough to be one. */
bool form_is_path(const char *text);
/* A path, or a glob that matches one. */
bool form_is_path_glob(const char *text);
/* "127.0.0.1:9178", "[::1]:9178", "unix:/path": numbers and no names, since a name may mean
 * several addresses. */
bool form_is_listen(const char *text);
/* True where only this host can reach such an address. */
bool form_is_local(const char *listen);
/* A name, an IPv4 address or an IPv6 address in brackets; without a port. */
bool form_is_host(const char *text);
/* An address, or ADDRESS/BITS. */
bool form_is_network(const char *text);
/* A unit's name with its suffix (systemd.unit(5)). */
bool form_is_unit(const char *text);
/* The name of a service or a scope, or a glob for such; one without a type means a service. */
bool form_is_unit_glob(const char *text);
/* As /proc/PID/cgroup has it: from the root of the hierarchy, no "." or ".." in it. */
bool form_is_cgroup(const char *text);
bool form_is_user(const char *text);
/* A path, or a section's name. */
bool form_is_weights(const char *text);
/* What [KIND NAME] takes as a NAME. */
bool form_is_section_name(const char *text);
/* NAME=VALUE, neither empty. */
bool form_is_field(const char *text);
/* KIND:NAME, such as field:tenant. */
bool form_is_cohort(const char *text);
/* DURATION at PERCENTAGE. */
bool form_is_objective(const char *text);
/* 0, or COUNT/UNIT with s, min, h or d. */
bool form_is_rate(const char *text);
/* NAME: VALUE (RFC 9110), and no name that the sender itself must set. */
bool form_is_header(const char *text);
/* NAME=VALUE with the name of a label. */
bool form_is_label(const char *text);
bool form_is_label_name(const char *text);
bool form_is_metric_name(const char *text);
/* A log pattern is told from a misspelt word by the marks of its fields. */
bool form_is_log_pattern(const char *text);
/* Any bytes; behind "whsec_" only base64 (RFC 4648). */
bool form_is_token(const char *text);
bool form_is_pem(const char *text);
