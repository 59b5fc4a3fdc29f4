# SPDX-License-Identifier: Apache-2.0
# The shared words (libschema.a, no SQL) and the store (libstore.a, the only user of SQLite).
noinst_LIBRARIES += libschema.a
libschema_a_SOURCES = \
	schema/event.c schema/event.h \
	schema/known.c schema/known.h \
	schema/records.c schema/records.h \
	schema/sample.c schema/sample.h \
	schema/series.c schema/series.h \
	schema/sink.h \
	schema/unit.c schema/unit.h

EXTRA_DIST += schema/metrics.def

# For those who write receivers.
schemadir = $(pkgdatadir)/schema
dist_schema_DATA = schema/webhook.schema.json

# The schema's files, in order, as C strings: the library carries them.
MIGRATIONS = schema/001_initial.sql schema/002_untold.sql schema/003_program.sql \
	schema/004_flapping.sql
EXTRA_DIST += $(MIGRATIONS)
CLEANFILES += schema/migrations.c
schema/migrations.c: $(MIGRATIONS) schema/schema.mk
	$(AM_V_GEN)$(MKDIR_P) schema && { \
		echo '#include "schema/migrate.h"'; \
		echo 'const char *const migrations[] = {'; \
		for file in $(MIGRATIONS); do \
			sed -e 's/[\\"]/\\&/g' -e 's/.*/"&\\n"/' "$(srcdir)/$$file" && echo ',' || exit 1; \
		done; \
		echo '};'; \
		echo 'const int migration_count = sizeof(migrations) / sizeof(migrations[0]);'; \
	} >$@.tmp && mv $@.tmp $@

noinst_LIBRARIES += libstore.a
libstore_a_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS) $(JANSSON_CFLAGS)
libstore_a_SOURCES = \
	schema/bits.c schema/bits.h \
	schema/catalogue.c schema/catalogue.h \
	schema/change.c schema/change.h \
	schema/chunk.c schema/chunk.h \
	schema/column.c schema/column.h \
	schema/crc32c.c schema/crc32c.h \
	schema/database.c schema/database.h \
	schema/decimal.c schema/decimal.h \
	schema/gather.c schema/gather.h \
	schema/gorilla.c schema/gorilla.h \
	schema/head.c schema/head.h \
	schema/migrate.c schema/migrate.h \
	schema/query.c schema/query.h \
	schema/reserve.c schema/reserve.h \
	schema/rice.c schema/rice.h \
	schema/rows.c schema/rows.h \
	schema/statements.def \
	schema/store.c schema/store.h schema/store_internal.h \
	schema/store_expire.c \
	schema/store_put.c \
	schema/store_read.c schema/store_read.h \
	schema/store_read_samples.c \
	schema/store_samples.c \
	schema/tick.c schema/tick.h
nodist_libstore_a_SOURCES = schema/migrations.c

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test-unit
TESTS += tests/unit/test-unit
tests_unit_test_unit_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_unit_LDADD = libschema.a libbase.a $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test-event
TESTS += tests/unit/test-event
tests_unit_test_event_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_event_LDADD = libschema.a libbase.a $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test-series tests/unit/test-records
TESTS += tests/unit/test-series tests/unit/test-records
tests_unit_test_series_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_series_LDADD = libschema.a libbase.a $(CMOCKA_LIBS)
tests_unit_test_records_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_records_LDADD = libschema.a libbase.a $(CMOCKA_LIBS)

# How values are coded.
CODEC_TESTS = tests/unit/test-chunk tests/unit/test-column tests/unit/test-gather tests/unit/test-head
CODEC_TEST_LIBS = libstore.a libschema.a libbase.a $(CMOCKA_LIBS) -lm
check_PROGRAMS += $(CODEC_TESTS)
TESTS += $(CODEC_TESTS)
tests_unit_test_chunk_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_chunk_LDADD = $(CODEC_TEST_LIBS)
tests_unit_test_column_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_column_LDADD = $(CODEC_TEST_LIBS)
tests_unit_test_gather_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_gather_LDADD = $(CODEC_TEST_LIBS)
tests_unit_test_head_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_head_LDADD = $(CODEC_TEST_LIBS)

# The store's own tests look into its files and fail its system calls, so they use SQLite, too.
STORE_TESTS = tests/unit/test-store tests/unit/test-store-faults tests/unit/test-store-long \
	tests/unit/test-store-migrate tests/unit/test-store-open \
	tests/unit/test-store-samples tests/unit/test-tick
STORE_TEST_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS) $(CMOCKA_CFLAGS)
STORE_TEST_LIBS = libstore.a libschema.a libbase.a $(SQLITE_LIBS) $(JANSSON_LIBS) $(CMOCKA_LIBS)
STORE_FIXTURE = tests/unit/store_fixture.c tests/unit/store_fixture.h
check_PROGRAMS += $(STORE_TESTS)
TESTS += $(STORE_TESTS)
tests_unit_test_store_SOURCES = tests/unit/test-store.c $(STORE_FIXTURE)
tests_unit_test_store_CFLAGS = $(STORE_TEST_CFLAGS)
tests_unit_test_store_LDADD = $(STORE_TEST_LIBS)
tests_unit_test_store_faults_SOURCES = tests/unit/test-store-faults.c $(STORE_FIXTURE) \
	tests/unit/fault-vfs.c tests/unit/fault-vfs.h
tests_unit_test_store_faults_CFLAGS = $(STORE_TEST_CFLAGS)
tests_unit_test_store_faults_LDADD = $(STORE_TEST_LIBS)
tests_unit_test_store_long_SOURCES = tests/unit/test-store-long.c $(STORE_FIXTURE)
tests_unit_test_store_long_CFLAGS = $(STORE_TEST_CFLAGS)
tests_unit_test_store_long_LDADD = $(STORE_TEST_LIBS)
tests_unit_test_store_migrate_SOURCES = tests/unit/test-store-migrate.c $(STORE_FIXTURE)
tests_unit_test_store_migrate_CFLAGS = $(STORE_TEST_CFLAGS)
tests_unit_test_store_migrate_LDADD = $(STORE_TEST_LIBS)
tests_unit_test_store_open_SOURCES = tests/unit/test-store-open.c $(STORE_FIXTURE)
tests_unit_test_store_open_CFLAGS = $(STORE_TEST_CFLAGS)
tests_unit_test_store_open_LDADD = $(STORE_TEST_LIBS)
tests_unit_test_store_samples_SOURCES = tests/unit/test-store-samples.c $(STORE_FIXTURE)
tests_unit_test_store_samples_CFLAGS = $(STORE_TEST_CFLAGS)
tests_unit_test_store_samples_LDADD = $(STORE_TEST_LIBS)
tests_unit_test_tick_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_tick_LDADD = libstore.a libschema.a libbase.a $(CMOCKA_LIBS)
endif

check_PROGRAMS += tests/fuzz/fuzz-labels tests/fuzz/fuzz-tick
TESTS += tests/fuzz/fuzz-labels tests/fuzz/fuzz-tick
tests_fuzz_fuzz_labels_SOURCES = tests/fuzz/fuzz-labels.c $(FUZZ_MAIN)
tests_fuzz_fuzz_labels_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_labels_LDADD = libschema.a libbase.a
tests_fuzz_fuzz_tick_SOURCES = tests/fuzz/fuzz-tick.c $(FUZZ_MAIN)
tests_fuzz_fuzz_tick_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_tick_LDADD = libstore.a libschema.a libbase.a
EXTRA_DIST += tests/fuzz/corpus/labels tests/fuzz/corpus/tick

CODEC_FUZZ = tests/fuzz/fuzz-chunk tests/fuzz/fuzz-column tests/fuzz/fuzz-head
check_PROGRAMS += $(CODEC_FUZZ)
TESTS += $(CODEC_FUZZ)
tests_fuzz_fuzz_chunk_SOURCES = tests/fuzz/fuzz-chunk.c $(FUZZ_MAIN)
tests_fuzz_fuzz_chunk_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_chunk_LDADD = libstore.a libschema.a libbase.a -lm
tests_fuzz_fuzz_column_SOURCES = tests/fuzz/fuzz-column.c $(FUZZ_MAIN)
tests_fuzz_fuzz_column_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_column_LDADD = libstore.a libschema.a libbase.a -lm
tests_fuzz_fuzz_head_SOURCES = tests/fuzz/fuzz-head.c $(FUZZ_MAIN)
tests_fuzz_fuzz_head_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_head_LDADD = libstore.a libschema.a libbase.a -lm
EXTRA_DIST += tests/fuzz/corpus/chunk tests/fuzz/corpus/column tests/fuzz/corpus/head

check_PROGRAMS += tests/fuzz/fuzz-unit
TESTS += tests/fuzz/fuzz-unit
tests_fuzz_fuzz_unit_SOURCES = tests/fuzz/fuzz-unit.c $(FUZZ_MAIN)
tests_fuzz_fuzz_unit_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_unit_LDADD = libschema.a libbase.a
EXTRA_DIST += tests/fuzz/corpus/unit

check_PROGRAMS += tests/fuzz/fuzz-known
TESTS += tests/fuzz/fuzz-known
tests_fuzz_fuzz_known_SOURCES = tests/fuzz/fuzz-known.c $(FUZZ_MAIN)
tests_fuzz_fuzz_known_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_known_LDADD = libschema.a libbase.a
EXTRA_DIST += tests/fuzz/corpus/known

EXTRA_PROGRAMS = tests/bench/store
CLEANFILES += $(EXTRA_PROGRAMS)
tests_bench_store_SOURCES = tests/bench/store.c
tests_bench_store_LDADD = libstore.a libschema.a libbase.a $(SQLITE_LIBS) $(JANSSON_LIBS)
