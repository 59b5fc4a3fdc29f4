# SPDX-License-Identifier: Apache-2.0
# The socket of process events alone: the supervisor opens it.
noinst_LIBRARIES += libconnector.a
libconnector_a_SOURCES = collectors/process/connector.c collectors/process/connector.h

# Which model server a process is: pure.
noinst_LIBRARIES += libdiscovery.a
libdiscovery_a_SOURCES = \
	collectors/process/command_line.c \
	collectors/process/discovery.c collectors/process/discovery.h \
	collectors/process/launch.c collectors/process/launch.h

noinst_LIBRARIES += libprocess.a
libprocess_a_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS)
libprocess_a_SOURCES = \
	collectors/process/collector.c collectors/process/collector.h \
	collectors/process/exits.c collectors/process/exits.h \
	collectors/process/glob.c collectors/process/glob.h \
	collectors/process/match.c collectors/process/match.h \
	collectors/process/private.h \
	collectors/process/proc_reader.c collectors/process/proc_reader.h \
	collectors/process/proc_sockets.c collectors/process/proc_sockets.h \
	collectors/process/procfs.c collectors/process/procfs.h \
	collectors/process/sample.c \
	collectors/process/scan.c \
	collectors/process/search.c \
	collectors/process/series.def \
	collectors/process/service.c \
	collectors/process/tell.c \
	collectors/process/watch.c

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test-discovery
TESTS += tests/unit/test-discovery
tests_unit_test_discovery_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_discovery_LDADD = libdiscovery.a libbase.a $(CMOCKA_LIBS)
endif
