# SPDX-License-Identifier: Apache-2.0
# The shared words (libschema.a, no SQL) and the store (libstore.a, the only user of SQLite).
noinst_LIBRARIES += libschema.a
libschema_a_SOURCES = \
	schema/event.h \
	schema/records.c schema/records.h \
	schema/series.c schema/series.h

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test-series tests/unit/test-records
TESTS += tests/unit/test-series tests/unit/test-records
tests_unit_test_series_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_series_LDADD = libschema.a libbase.a $(CMOCKA_LIBS)
tests_unit_test_records_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_records_LDADD = libschema.a libbase.a $(CMOCKA_LIBS)
endif

check_PROGRAMS += tests/fuzz/fuzz-labels
TESTS += tests/fuzz/fuzz-labels
tests_fuzz_fuzz_labels_SOURCES = tests/fuzz/fuzz-labels.c $(FUZZ_MAIN)
tests_fuzz_fuzz_labels_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_labels_LDADD = libschema.a libbase.a
EXTRA_DIST += tests/fuzz/corpus/labels
