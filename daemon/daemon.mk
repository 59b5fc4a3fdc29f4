# SPDX-License-Identifier: Apache-2.0
# What every role links (librole.a), and the parts of the daemon.

include daemon/config/config.mk
include daemon/supervisor/supervisor.mk
include daemon/notify.mk
include daemon/process.mk
include daemon/units.mk
include daemon/engine/engine.mk

noinst_LIBRARIES += librole.a
librole_a_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS) $(SECCOMP_CFLAGS)
librole_a_SOURCES = \
	daemon/journal.c daemon/journal.h daemon/journal.def \
	daemon/link.c daemon/link.h \
	daemon/message.c daemon/message.h daemon/messages.def \
	daemon/role.c daemon/role.h \
	daemon/roles.c daemon/roles.h daemon/roles.def \
	daemon/sandbox.c daemon/sandbox.h \
	daemon/sandbox_calls.c daemon/sandbox_calls.h \
	daemon/sandbox_files.c daemon/sandbox_files.h \
	daemon/trim.c daemon/trim.h

if HAVE_CMOCKA
# A test as the supervisor of a role, or as the roles around the engine.
ROLE_FIXTURE = tests/unit/role-fixture.c tests/unit/role-fixture.h tests/unit/server.c tests/unit/server.h
DAEMON_TESTS = tests/unit/test-journal tests/unit/test-message tests/unit/test-sandbox
check_PROGRAMS += $(DAEMON_TESTS)
TESTS += $(DAEMON_TESTS)
# As the journal itself.
tests_unit_test_journal_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(SYSTEMD_CFLAGS)
tests_unit_test_journal_LDFLAGS = -Wl,--wrap=sd_journal_sendv
tests_unit_test_journal_LDADD = librole.a libbase.a $(SYSTEMD_LIBS) $(CMOCKA_LIBS)
tests_unit_test_message_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(SYSTEMD_CFLAGS)
tests_unit_test_message_LDADD = librole.a libbase.a $(SYSTEMD_LIBS) $(CMOCKA_LIBS)
tests_unit_test_sandbox_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_sandbox_LDADD = librole.a libbase.a $(SECCOMP_LIBS) $(CMOCKA_LIBS)
endif

check_PROGRAMS += tests/fuzz/fuzz-message
TESTS += tests/fuzz/fuzz-message
tests_fuzz_fuzz_message_SOURCES = tests/fuzz/fuzz-message.c $(FUZZ_MAIN)
tests_fuzz_fuzz_message_LDADD = librole.a libbase.a $(SYSTEMD_LIBS)
tests_fuzz_fuzz_message_LDFLAGS = $(FUZZ_LINK)
EXTRA_DIST += tests/fuzz/corpus/message
