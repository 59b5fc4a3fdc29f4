# SPDX-License-Identifier: Apache-2.0
# modelwatchd, the supervisor: its parts (libsupervisor.a), for tests, and the program.

noinst_LIBRARIES += libsupervisor.a
libsupervisor_a_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS)
libsupervisor_a_SOURCES = \
	daemon/supervisor/arguments.c daemon/supervisor/arguments.h \
	daemon/supervisor/instance.c daemon/supervisor/instance.h \
	daemon/supervisor/leaving.c daemon/supervisor/leaving.h \
	daemon/supervisor/listeners.c daemon/supervisor/listeners.h \
	daemon/supervisor/restart.c daemon/supervisor/restart.h \
	daemon/supervisor/slots.c \
	daemon/supervisor/supervisor.c daemon/supervisor/supervisor.h daemon/supervisor/private.h \
	daemon/supervisor/tell.c \
	daemon/supervisor/usage.c daemon/supervisor/usage.h

# What needs rights to be opened: by the supervisor, or before it.
noinst_LIBRARIES += libgrants.a
libgrants_a_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS)
libgrants_a_SOURCES = daemon/grants.c daemon/grants.h
GRANTS_LIBS = libgrants.a libconnector.a libprocfs.a libbase.a

pkglibexec_PROGRAMS += modelwatch-grant
modelwatch_grant_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS)
modelwatch_grant_SOURCES = daemon/grant.c
modelwatch_grant_LDADD = librole.a $(GRANTS_LIBS) $(SYSTEMD_LIBS)

sbin_PROGRAMS += modelwatchd
modelwatchd_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS)
modelwatchd_SOURCES = daemon/supervisor/main.c
modelwatchd_LDADD = libsupervisor.a $(CONFIG_LOAD_LIBS) librole.a $(GRANTS_LIBS) \
	$(SYSTEMD_LIBS) $(SECCOMP_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test-supervisor
TESTS += tests/unit/test-supervisor
tests_unit_test_supervisor_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_supervisor_LDADD = libsupervisor.a libprocfs.a libconfigload.a libbase.a $(SYSTEMD_LIBS) \
	$(CMOCKA_LIBS)
endif
