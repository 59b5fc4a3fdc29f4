/* SPDX-License-Identifier: Apache-2.0 */
/* Room for bad times: a file of 1 MiB beside the database, DATABASE-reserve, that is given up when the
 * disk is full, so that what people must be told of can still be stored.
 *
 * Layer: schema. No SQL. */
#pragma once

/* Makes the reserve where it is not there: 0. -ENOSPC while there is no room for it and some more beside
 * it, so that it is not made of the very room that it gave up; or another -errno. */
int reserve_make(const char *database);

/* Gives it up. 0, also where there was none, or -errno. */
int reserve_release(const char *database);
