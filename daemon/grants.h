/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's event sources that it takes more rights to open than to read: who has the rights opens
 * them, who has none gets the descriptors.
 *
 * Layer: daemon. Under systemd modelwatch-grant opens them with all rights before the daemon starts, and
 * systemd's descriptor store (sd_pid_notify_with_fds(3), FDSTORE) hands them over; started by hand, the
 * supervisor opens them itself and gives the rights up. */
#pragma once

/* As systemd's store and the roles know them. */
enum grant {
	GRANT_PROCESS_EVENTS, /* "proc-events": every exec and exit (connector.h) */
	GRANT_PROCESS_EXITS,  /* "proc-exits": the ends of chosen processes */
	GRANT_FILE_EVENTS,    /* "fanotify": who opens chosen files; a group without marks (fanotify(7)) */
	GRANTS,
};

const char *grant_name(enum grant grant);

/* A descriptor, closed on exec, or -errno: -EPERM without the right. */
int grant_open(enum grant grant);

/* Those that systemd hands over, and what can be opened of the others; -errno stands for the rest. To be
 * called once, before anything else takes descriptors from systemd. */
void grants_take(int fds[static GRANTS]);
