/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of full precision that change little.
 *
 * Layer: schema. Pure; the reader is bounded and takes foreign bytes. The values of Gorilla (T. Pelkonen et
 * al., "Gorilla: A fast, scalable, in-memory time series database", VLDB 2015): the first one as its 64
 * bits, each other one as what differs (xor) from the one before:
 *
 *	0		nothing
 *	1 0		what differs lies within the window that was given last, whose bits follow
 *	1 1		6 bits: the window's zeros above; 6 bits: its width - 1; its bits follow */
#pragma once

#include "schema/bits.h"

void gorilla_write(const double values[], size_t count, struct bit_writer *w);

/* Reads COUNT values; where they are damaged R fails, and they are of no use. */
void gorilla_read(struct bit_reader *r, double ret[], size_t count);
