# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libengine.a
libengine_a_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS) $(JANSSON_CFLAGS)
libengine_a_SOURCES = \
	daemon/engine/commands.c \
	daemon/engine/commit.c \
	daemon/engine/deliveries.c \
	daemon/engine/engine.h \
	daemon/engine/events.c \
	daemon/engine/facts.c \
	daemon/engine/full_disk.c \
	daemon/engine/handover.c \
	daemon/engine/incidents.c \
	daemon/engine/ingest.c \
	daemon/engine/lock.c daemon/engine/lock.h \
	daemon/engine/moments.c \
	daemon/engine/peers.c \
	daemon/engine/processes.c \
	daemon/engine/program.c daemon/engine/program.h \
	daemon/engine/restarts.c \
	daemon/engine/role_states.c \
	daemon/engine/rules.c \
	daemon/engine/services.c \
	daemon/engine/store_clock.h \
	daemon/engine/trouble.c \
	daemon/engine/turns.c \
	daemon/engine/undeliverable.c \
	daemon/engine/units.c \
	daemon/engine/values.c daemon/engine/values.h \
	daemon/engine/webhooks.c

pkglibexec_PROGRAMS += modelwatch-engine
modelwatch_engine_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS)
modelwatch_engine_SOURCES = daemon/engine/main.c
modelwatch_engine_LDADD = libengine.a librole.a libconfig.a libalerts.a libstore.a libschema.a libbase.a \
	$(SYSTEMD_LIBS) $(SECCOMP_LIBS) $(SQLITE_LIBS) $(JANSSON_LIBS) $(CRYPTO_LIBS)

if HAVE_CMOCKA
ENGINE_TESTS = tests/unit/test-engine tests/unit/test-engine-faults tests/unit/test-engine-journal \
	tests/unit/test-engine-limits tests/unit/test-engine-tell tests/unit/test-engine-trust tests/unit/test-engine-units
check_PROGRAMS += $(ENGINE_TESTS)
TESTS += $(ENGINE_TESTS)
tests_unit_test_engine_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_engine_LDADD = libengine.a libschema.a libbase.a $(SYSTEMD_LIBS) $(CMOCKA_LIBS)
# The engine itself, in front of a disk that fails.
tests_unit_test_engine_faults_SOURCES = tests/unit/test-engine-faults.c \
	tests/unit/engine-fixture.c tests/unit/engine-fixture.h $(ROLE_FIXTURE) \
	tests/unit/config-files.c tests/unit/config-files.h \
	tests/unit/fault-vfs.c tests/unit/fault-vfs.h
tests_unit_test_engine_faults_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS) $(SQLITE_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_engine_faults_LDADD = libengine.a librole.a libconfigload.a libconfig.a libalerts.a \
	libstore.a libschema.a libbase.a $(SYSTEMD_LIBS) $(SECCOMP_LIBS) $(SQLITE_LIBS) $(JANSSON_LIBS) \
	$(CRYPTO_LIBS) $(CMOCKA_LIBS)
# And what it logs.
tests_unit_test_engine_journal_SOURCES = tests/unit/test-engine-journal.c \
	tests/unit/engine-fixture.c tests/unit/engine-fixture.h $(ROLE_FIXTURE) \
	tests/unit/config-files.c tests/unit/config-files.h
tests_unit_test_engine_journal_CFLAGS = $(tests_unit_test_engine_faults_CFLAGS)
tests_unit_test_engine_journal_LDFLAGS = -Wl,--wrap=clock_monotonic -Wl,--wrap=log_write
tests_unit_test_engine_journal_LDADD = $(tests_unit_test_engine_faults_LDADD)
tests_unit_test_engine_limits_SOURCES = tests/unit/test-engine-limits.c \
	tests/unit/engine-fixture.c tests/unit/engine-fixture.h $(ROLE_FIXTURE) \
	tests/unit/config-files.c tests/unit/config-files.h
tests_unit_test_engine_limits_CFLAGS = $(tests_unit_test_engine_faults_CFLAGS)
tests_unit_test_engine_limits_LDADD = $(tests_unit_test_engine_faults_LDADD)
tests_unit_test_engine_tell_SOURCES = tests/unit/test-engine-tell.c \
	tests/unit/engine-fixture.c tests/unit/engine-fixture.h $(ROLE_FIXTURE) \
	tests/unit/config-files.c tests/unit/config-files.h
tests_unit_test_engine_tell_CFLAGS = $(tests_unit_test_engine_faults_CFLAGS)
tests_unit_test_engine_tell_LDFLAGS = -Wl,--wrap=clock_monotonic
tests_unit_test_engine_tell_LDADD = $(tests_unit_test_engine_faults_LDADD)
# And with peers that were taken over.
tests_unit_test_engine_trust_SOURCES = tests/unit/test-engine-trust.c \
	tests/unit/engine-fixture.c tests/unit/engine-fixture.h $(ROLE_FIXTURE) \
	tests/unit/config-files.c tests/unit/config-files.h
tests_unit_test_engine_trust_CFLAGS = $(tests_unit_test_engine_faults_CFLAGS)
tests_unit_test_engine_trust_LDADD = $(tests_unit_test_engine_faults_LDADD)
# And between `units` and `process`.
tests_unit_test_engine_units_SOURCES = tests/unit/test-engine-units.c \
	tests/unit/engine-fixture.c tests/unit/engine-fixture.h $(ROLE_FIXTURE) \
	tests/unit/config-files.c tests/unit/config-files.h
tests_unit_test_engine_units_CFLAGS = $(tests_unit_test_engine_faults_CFLAGS)
tests_unit_test_engine_units_LDADD = $(tests_unit_test_engine_faults_LDADD)
endif
