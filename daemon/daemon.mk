# SPDX-License-Identifier: Apache-2.0
# What every role links (librole.a), the supervisor's parts (libsupervisor.a), and their programs.

include daemon/config.mk
include daemon/notify.mk

noinst_LIBRARIES += librole.a
librole_a_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS) $(SECCOMP_CFLAGS)
librole_a_SOURCES = \
	daemon/link.c daemon/link.h \
	daemon/message.c daemon/message.h daemon/messages.def \
	daemon/role.c daemon/role.h \
	daemon/roles.c daemon/roles.h daemon/roles.def \
	daemon/sandbox.c daemon/sandbox.h \
	daemon/sandbox_calls.c daemon/sandbox_calls.h \
	daemon/sandbox_files.c daemon/sandbox_files.h

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test-message
TESTS += tests/unit/test-message
tests_unit_test_message_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(SYSTEMD_CFLAGS)
tests_unit_test_message_LDADD = librole.a libbase.a $(SYSTEMD_LIBS) $(CMOCKA_LIBS)
endif

check_PROGRAMS += tests/fuzz/fuzz-message
TESTS += tests/fuzz/fuzz-message
tests_fuzz_fuzz_message_SOURCES = tests/fuzz/fuzz-message.c $(FUZZ_MAIN)
tests_fuzz_fuzz_message_LDADD = librole.a libbase.a $(SYSTEMD_LIBS)
tests_fuzz_fuzz_message_LDFLAGS = $(FUZZ_LINK)
EXTRA_DIST += tests/fuzz/corpus/message

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test-sandbox
TESTS += tests/unit/test-sandbox
tests_unit_test_sandbox_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_sandbox_LDADD = librole.a libbase.a $(SECCOMP_LIBS) $(CMOCKA_LIBS)
endif
