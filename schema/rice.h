/* SPDX-License-Identifier: Apache-2.0 */
/* Whole numbers near zero in few bits.
 *
 * Layer: schema. Pure; the reader is bounded and takes foreign bytes. Golomb-Rice codes (R. F. Rice, "Some
 * practical universal noiseless coding techniques", JPL 79-22, 1979), with the parameter of each block of 128
 * numbers. A number is coded as its zigzag: 0, -1, 1, -2, ... as 0, 1, 2, 3, ...
 *
 *	block:	3 bits	mode
 *		0	all are 0
 *		1	all are the one that follows, plain
 *		2	6 bits k; each: Rice(k)
 *		3	plain middle, 6 bits k; each less the middle: Rice(k)
 *		4	7 bits count, 6 bits j, 6 bits k; so often: Rice(j) zeros before it, Rice(k) itself
 *	plain:	6 bits width - 1; so many bits
 *	Rice(k): as many 0 bits as the number has from bit k on, a 1 bit, and k bits; or, where those are 20
 *		and more, 20 0 bits and 64 bits */
#pragma once

#include "schema/bits.h"

#define RICE_BLOCK 128

/* How a block is written in the fewest bits. */
struct rice_plan {
	unsigned bits; /* that it takes */
	uint8_t mode, k, j, count;
	int64_t middle; /* or the number that all are */
};

/* Of 1 to RICE_BLOCK numbers. */
struct rice_plan rice_plan(const int64_t numbers[], size_t count);
void rice_write(const struct rice_plan *plan, const int64_t numbers[], size_t count, struct bit_writer *w);

/* Reads the COUNT numbers of a block; where it is damaged R fails, and they are of no use. */
void rice_read(struct bit_reader *r, int64_t ret[], size_t count);
