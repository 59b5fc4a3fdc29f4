/* SPDX-License-Identifier: Apache-2.0 */
/* What processes use.
 *
 * Layer: collectors; of this folder alone. */
#pragma once

#include "collectors/process/model.h"

void sample_all(struct collector *c);
/* 0; -ESRCH where it is gone or dead. */
int sample_process(struct process *p);
