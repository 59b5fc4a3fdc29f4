/* SPDX-License-Identifier: Apache-2.0 */
/* Who was killed for lack of memory.
 *
 * Layer: collectors; of this folder alone. */
#pragma once

#include "collectors/process/model.h"

/* Keeps the file open in which the cgroup of a main process counts kills, while descriptors suffice; where it
 * has none the host's count has to do. */
void memory_begin(struct process *p);
/* Closes it; may be called again, and without a beginning. */
void memory_end(struct process *p);
/* Looks at the kernel's kills for lack of memory, now and then. */
void memory_watch(struct collector *c);
/* Whether one of them explains the SIGKILL of this main process just seen. */
enum out_of_memory memory_claim_kill(struct process *p);
/* Bytes that the cgroup (of version 2) of a main process, perhaps a zombie, ever held; 0 where unknown. */
uint64_t memory_cgroup_peak(struct process *p);
