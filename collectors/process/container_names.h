/* SPDX-License-Identifier: Apache-2.0 */
/* The names of Podman's containers, whose control groups tell their ids alone: the process that watches over
 * one (conmon) has its name among its arguments, and is in a group beside the container's, where nobody else
 * can put one that says otherwise. Docker's are known to Docker alone.
 *
 * Layer: collectors; of this folder alone. */
#pragma once

#include "collectors/process/container.h"
#include "collectors/process/model.h"

/* True where a process of those control groups is in the container: GIVEN is a name, or begins its id.
 * CGROUPS is the text of /proc/PID/cgroup. */
bool container_names_match(struct collector *c, const char *given, const char *cgroups, size_t size);
