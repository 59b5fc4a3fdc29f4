/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (Castagnoli), as iSCSI uses it: RFC 3720, appendix B.4.
 *
 * Layer: schema. SQLite's own check of a file sees nothing of what stands inside a blob. */
#pragma once

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(const void *data, size_t size);
/* Of the key that DATA is kept by, 8 bytes little-endian, followed by DATA: it is damaged elsewhere, too. */
uint32_t crc32c_keyed(int64_t key, const void *data, size_t size);
