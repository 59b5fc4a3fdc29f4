/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fault-vfs.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A VFS over the default one whose writes and syncs fail when told. */
struct fault_file {
	sqlite3_file base;
	sqlite3_file *real; /* behind this struct */
};
static struct {
	int countdown; /* the write or sync that fails: 1 the next, 0 none */
	int code;
	int times; /* so many fail; of: */
	int armed;
	sqlite3_vfs vfs;
} fault;

static sqlite3_file *real_file(sqlite3_file *file)
{
	return ((struct fault_file *) file)->real;
}

static int count_down(void)
{
	if (fault.countdown == 0 || --fault.countdown > 0)
		return SQLITE_OK;
	fault.countdown = --fault.times > 0 ? 1 : 0;
	return fault.code;
}

#define FORWARD(name, parameters, arguments)                                                       \
	static int fault_##name parameters                                                         \
	{                                                                                          \
		sqlite3_file *real = real_file(file);                                              \
                                                                                                   \
		return real->pMethods->name arguments;                                             \
	}
#define FORWARD_FAILING(name, parameters, arguments)                                               \
	static int fault_##name parameters                                                         \
	{                                                                                          \
		sqlite3_file *real = real_file(file);                                              \
		int code = count_down();                                                           \
                                                                                                   \
		return code != SQLITE_OK ? code : real->pMethods->name arguments;                  \
	}

FORWARD(xRead, (sqlite3_file * file, void *data, int size, sqlite3_int64 at),
	(real, data, size, at))
FORWARD_FAILING(xWrite, (sqlite3_file * file, const void *data, int size, sqlite3_int64 at),
	(real, data, size, at))
FORWARD_FAILING(xSync, (sqlite3_file * file, int flags), (real, flags))
FORWARD(xTruncate, (sqlite3_file * file, sqlite3_int64 size), (real, size))
FORWARD(xFileSize, (sqlite3_file * file, sqlite3_int64 *ret), (real, ret))
FORWARD(xLock, (sqlite3_file * file, int level), (real, level))
FORWARD(xUnlock, (sqlite3_file * file, int level), (real, level))
FORWARD(xCheckReservedLock, (sqlite3_file * file, int *ret), (real, ret))
FORWARD(xFileControl, (sqlite3_file * file, int op, void *argument), (real, op, argument))
FORWARD(xSectorSize, (sqlite3_file * file), (real))
FORWARD(xDeviceCharacteristics, (sqlite3_file * file), (real))
FORWARD(xShmMap, (sqlite3_file * file, int page, int size, int extend, void volatile **ret),
	(real, page, size, extend, ret))
FORWARD(xShmLock, (sqlite3_file * file, int offset, int n, int flags), (real, offset, n, flags))
FORWARD(xShmUnmap, (sqlite3_file * file, int delete_flag), (real, delete_flag))
FORWARD(xFetch, (sqlite3_file * file, sqlite3_int64 at, int size, void **ret),
	(real, at, size, ret))
FORWARD(xUnfetch, (sqlite3_file * file, sqlite3_int64 at, void *p), (real, at, p))
FORWARD(xClose, (sqlite3_file * file), (real))

static void fault_xShmBarrier(sqlite3_file *file)
{
	real_file(file)->pMethods->xShmBarrier(real_file(file));
}

static const sqlite3_io_methods fault_methods = {3, fault_xClose, fault_xRead, fault_xWrite,
	fault_xTruncate, fault_xSync, fault_xFileSize, fault_xLock, fault_xUnlock,
	fault_xCheckReservedLock, fault_xFileControl, fault_xSectorSize,
	fault_xDeviceCharacteristics, fault_xShmMap, fault_xShmLock, fault_xShmBarrier,
	fault_xShmUnmap, fault_xFetch, fault_xUnfetch};

static int fault_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
	sqlite3_vfs *real = vfs->pAppData;
	struct fault_file *f = (struct fault_file *) file;
	int code;

	f->real = (sqlite3_file *) (f + 1);
	code = real->xOpen(real, name, f->real, flags, out);
	f->base.pMethods = code == SQLITE_OK ? &fault_methods : NULL;
	return code;
}

void fault_install(void)
{
	sqlite3_vfs *real = sqlite3_vfs_find(NULL), *vfs = &fault.vfs;

	*vfs = *real;
	vfs->zName = "fault";
	vfs->pNext = NULL;
	vfs->pAppData = real;
	vfs->szOsFile = (int) sizeof(struct fault_file) + real->szOsFile;
	vfs->xOpen = fault_open;
	assert_int_equal(sqlite3_vfs_register(vfs, 1), SQLITE_OK);
}

void fault_remove(void)
{
	sqlite3_vfs_unregister(&fault.vfs);
}

void fault_arm(int nth, int code, int times)
{
	fault.countdown = nth;
	fault.code = code;
	fault.times = times;
	fault.armed = times;
}

bool fault_disarm(void)
{
	bool never = fault.countdown > 0 && fault.times == fault.armed;

	fault.countdown = 0;
	return never;
}
