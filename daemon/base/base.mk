# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libbase.a
libbase_a_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS) $(JANSSON_CFLAGS)
libbase_a_SOURCES = \
	daemon/base/buf.c daemon/base/buf.h \
	daemon/base/cleanup.h \
	daemon/base/clock.c daemon/base/clock.h \
	daemon/base/cursor.c daemon/base/cursor.h \
	daemon/base/file.c daemon/base/file.h \
	daemon/base/log.c daemon/base/log.h \
	daemon/base/map.c daemon/base/map.h \
	daemon/base/num.c daemon/base/num.h \
	daemon/base/text.c daemon/base/text.h

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test-base
TESTS += tests/unit/test-base
tests_unit_test_base_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_base_LDADD = libbase.a $(SYSTEMD_LIBS) $(CMOCKA_LIBS)
endif
