/* SPDX-License-Identifier: Apache-2.0 */
/* The bytewise table method. The CRC is linear, so an entry of the table is the sum (xor) of the
 * entries of its bits, and the table writes itself from those eight. */
#include "schema/crc32c.h"

#define BIT(i, bit, entry) (((i) & (bit)) ? UINT32_C(entry) : 0)
#define E1(i)                                                                                      \
	(BIT(i, 1, 0xf26b8303) ^ BIT(i, 2, 0xe13b70f7) ^ BIT(i, 4, 0xc79a971f) ^                   \
		BIT(i, 8, 0x8ad958cf) ^ BIT(i, 16, 0x105ec76f) ^ BIT(i, 32, 0x20bd8ede) ^          \
		BIT(i, 64, 0x417b1dbc) ^ BIT(i, 128, 0x82f63b78))
#define E4(i)  E1(i), E1((i) + 1), E1((i) + 2), E1((i) + 3)
#define E16(i) E4(i), E4((i) + 4), E4((i) + 8), E4((i) + 12)
#define E64(i) E16(i), E16((i) + 16), E16((i) + 32), E16((i) + 48)

static const uint32_t table[256] = {E64(0), E64(64), E64(128), E64(192)};

uint32_t crc32c(const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < size; i++)
		crc = crc >> 8 ^ table[(crc ^ bytes[i]) & 0xff];
	return ~crc;
}
