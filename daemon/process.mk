# SPDX-License-Identifier: Apache-2.0
# The role of the process collector.
pkglibexec_PROGRAMS += modelwatch-process
modelwatch_process_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS)
modelwatch_process_SOURCES = daemon/process.c \
	daemon/process_services.c daemon/process_services.h
modelwatch_process_LDADD = libprocess.a libprocfs.a libdiscovery.a libconnector.a librole.a libconfig.a libschema.a libbase.a \
	$(SYSTEMD_LIBS) $(SECCOMP_LIBS) -lm

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test-process-role
TESTS += tests/unit/test-process-role
tests_unit_test_process_role_SOURCES = tests/unit/test-process-role.c $(ROLE_FIXTURE)
tests_unit_test_process_role_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_process_role_LDADD = librole.a libconfig.a libschema.a libbase.a $(SYSTEMD_LIBS) \
	$(SECCOMP_LIBS) $(CMOCKA_LIBS)
endif
