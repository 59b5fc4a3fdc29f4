/* SPDX-License-Identifier: Apache-2.0 */
/* Containers, by the control groups that their managers make for them.
 *
 * Layer: collectors. Pure. A group names its container by id (Docker, Podman, containerd, CRI-O, with
 * systemd's scopes or without) or by name (systemd-nspawn and machinectl, LXC). Reference:
 * systemd.io/CGROUP_DELEGATION, and for machines' names systemd-escape(1). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define CONTAINER_NAME_MAX 256 /* with its end */
#define CONTAINER_ID	   64  /* digits of an id */

/* A container that a control group lies in. */
struct container {
	const char *parent; /* path of the group above its own, with its last slash: in the bytes given */
	size_t parent_size;
	bool has_id; /* NAME is its id */
	char name[CONTAINER_NAME_MAX];
};

/* The outermost container that the group PATH lies in; false where there is none. */
bool container_of_group(const char *path, size_t size, struct container *ret);

/* True where people give the beginning of an id: 12 to 64 hexadecimal digits. */
bool container_is_id(const char *given);

/* The name, in the arguments of a process, of the container ID that it watches over as Podman's conmon; NULL
 * where it is no such process. */
const char *container_monitored(const char *const *arguments, size_t count, const char *id);
