/* SPDX-License-Identifier: Apache-2.0 */
/* Which process listens to which TCP port, by /proc/PID/fd and /proc/PID/net.
 *
 * Layer: collectors. ROOT is a descriptor of /proc. Dear: the tables have a line for each connection
 * of the host. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SOCKETS_MAX 64 /* sockets that listen to the ports of one service */

/* The TCP ports that the process listens to, in its own network namespace: at most MAX. 0 or -errno. */
int proc_read_ports(int root, pid_t pid, uint16_t *ports, size_t max, size_t *ret_count);

/* The inodes of the sockets of our own network namespace that listen to one of the ports. */
size_t proc_find_sockets(int root, const uint16_t *ports, size_t count, uint64_t inodes[SOCKETS_MAX]);

/* True where the process has one of these sockets open. */
bool proc_has_socket(int root, pid_t pid, const uint64_t *inodes, size_t count);
