# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libbase.a
libbase_a_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS) $(JANSSON_CFLAGS)
libbase_a_SOURCES = \
	daemon/base/buf.c daemon/base/buf.h \
	daemon/base/calendar.c daemon/base/calendar.h \
	daemon/base/cleanup.h \
	daemon/base/clock.c daemon/base/clock.h \
	daemon/base/cursor.c daemon/base/cursor.h \
	daemon/base/file.c daemon/base/file.h \
	daemon/base/glob.c daemon/base/glob.h \
	daemon/base/log.c daemon/base/log.h \
	daemon/base/map.c daemon/base/map.h \
	daemon/base/mustache.c daemon/base/mustache.h \
	daemon/base/mustache_nodes.h daemon/base/mustache_render.c \
	daemon/base/num.c daemon/base/num.h \
	daemon/base/text.c daemon/base/text.h

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test-base
TESTS += tests/unit/test-base
tests_unit_test_base_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_base_LDADD = libbase.a $(SYSTEMD_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test-calendar
TESTS += tests/unit/test-calendar
tests_unit_test_calendar_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_calendar_LDADD = libbase.a $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test-mustache
TESTS += tests/unit/test-mustache
tests_unit_test_mustache_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_mustache_LDADD = libbase.a $(JANSSON_LIBS) $(CMOCKA_LIBS)
endif
EXTRA_DIST += tests/unit/mustache-spec

check_PROGRAMS += tests/fuzz/fuzz-mustache
TESTS += tests/fuzz/fuzz-mustache
tests_fuzz_fuzz_mustache_SOURCES = tests/fuzz/fuzz-mustache.c $(FUZZ_MAIN)
tests_fuzz_fuzz_mustache_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_mustache_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_mustache_LDADD = libbase.a $(JANSSON_LIBS)
EXTRA_DIST += tests/fuzz/corpus/mustache

check_PROGRAMS += tests/fuzz/fuzz-calendar
TESTS += tests/fuzz/fuzz-calendar
tests_fuzz_fuzz_calendar_SOURCES = tests/fuzz/fuzz-calendar.c $(FUZZ_MAIN)
tests_fuzz_fuzz_calendar_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_calendar_LDADD = libbase.a
EXTRA_DIST += tests/fuzz/corpus/calendar
