/* SPDX-License-Identifier: Apache-2.0 */
/* Eight bytes at a time (Kounavis and Berry, "A systematic approach to building high performance
 * software-based CRC generators", 2005): table k takes a byte that k more bytes follow. The CRC is
 * linear, so an entry is the sum (xor) of the entries of its bits, and a table writes itself from
 * those eight. */
#include "schema/crc32c.h"

#include <endian.h>
#include <string.h>

#define BIT(i, bit, entry) (((i) & (bit)) ? UINT32_C(entry) : 0)
#define E1(i, a, b, c, d, e, f, g, h)                                                              \
	(BIT(i, 1, a) ^ BIT(i, 2, b) ^ BIT(i, 4, c) ^ BIT(i, 8, d) ^ BIT(i, 16, e) ^               \
		BIT(i, 32, f) ^ BIT(i, 64, g) ^ BIT(i, 128, h))
#define E4(i, ...)                                                                                 \
	E1(i, __VA_ARGS__), E1((i) + 1, __VA_ARGS__), E1((i) + 2, __VA_ARGS__),                    \
		E1((i) + 3, __VA_ARGS__)
#define E16(i, ...)                                                                                \
	E4(i, __VA_ARGS__), E4((i) + 4, __VA_ARGS__), E4((i) + 8, __VA_ARGS__),                    \
		E4((i) + 12, __VA_ARGS__)
#define E64(i, ...)                                                                                \
	E16(i, __VA_ARGS__), E16((i) + 16, __VA_ARGS__), E16((i) + 32, __VA_ARGS__),               \
		E16((i) + 48, __VA_ARGS__)
#define TABLE(...)                                                                                 \
	{                                                                                          \
		E64(0, __VA_ARGS__), E64(64, __VA_ARGS__), E64(128, __VA_ARGS__),                  \
			E64(192, __VA_ARGS__)                                                      \
	}

static const uint32_t tables[8][256] = {
	TABLE(0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf,
		0x105ec76f, 0x20bd8ede, 0x417b1dbc, 0x82f63b78),
	TABLE(0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8,
		0x3fc5f181, 0x7f8be302, 0xff17c604, 0xfbc3faf9),
	TABLE(0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5,
		0x70a27d8a, 0xe144fb14, 0xc76580d9, 0x8b277743),
	TABLE(0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6,
		0xe964b13d, 0xd725148b, 0xaba65fe7, 0x52a0c93f),
	TABLE(0x38116fac, 0x7022df58, 0xe045beb0, 0xc5670b91,
		0x8f2261d3, 0x1ba8b557, 0x37516aae, 0x6ea2d55c),
	TABLE(0xef306b19, 0xdb8ca0c3, 0xb2f53777, 0x6006181f,
		0xc00c303e, 0x85f4168d, 0x0e045beb, 0x1c08b7d6),
	TABLE(0x68032cc8, 0xd0065990, 0xa5e0c5d1, 0x4e2dfd53,
		0x9c5bfaa6, 0x3d5b83bd, 0x7ab7077a, 0xf56e0ef4),
	TABLE(0x493c7d27, 0x9278fa4e, 0x211d826d, 0x423b04da,
		0x847609b4, 0x0d006599, 0x1a00cb32, 0x34019664),
};

/* Of what CRC is the sum of, followed by DATA. */
static uint32_t extend(uint32_t crc, const void *data, size_t size)
{
	const uint8_t *bytes = data;

	crc = ~crc;
	for (; size >= 8; bytes += 8, size -= 8) {
		uint64_t word;

		memcpy(&word, bytes, sizeof(word));
		word = le64toh(word) ^ crc;
		crc = 0;
		for (unsigned k = 0; k < 8; k++)
			crc ^= tables[7 - k][word >> (8 * k) & 0xff];
	}
	for (; size > 0; bytes++, size--)
		crc = crc >> 8 ^ tables[0][(crc ^ *bytes) & 0xff];
	return ~crc;
}

uint32_t crc32c(const void *data, size_t size)
{
	return extend(0, data, size);
}

uint32_t crc32c_keyed(int64_t key, const void *data, size_t size)
{
	uint64_t bytes = htole64((uint64_t) key);

	return extend(crc32c(&bytes, sizeof(bytes)), data, size);
}
