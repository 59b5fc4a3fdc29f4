/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a process is in a container that a service is found by. Whoever has control groups of his own names
 * groups in them as he likes: a user (beneath user-UID.slice), who counts where the service is to be that
 * user's, and what is in a container, of which the outermost one counts alone.
 *
 * The control groups of Podman's containers tell their ids alone: the process that watches over one (conmon)
 * has its name among its arguments, and is in a group beside the container's. Docker's names are known to
 * Docker alone.
 *
 * Layer: collectors; of this folder alone. */
#pragma once

#include "collectors/process/container.h"
#include "collectors/process/model.h"

/* True where a process of those control groups is in the container of the service: GIVEN is a name, or begins
 * its id. CGROUPS is the text of /proc/PID/cgroup. */
bool container_names_match(struct collector *c, const struct service_match *m, const char *given,
	const char *cgroups, size_t size);
