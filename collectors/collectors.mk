# SPDX-License-Identifier: Apache-2.0
# The socket of process events alone: the supervisor opens it.
noinst_LIBRARIES += libconnector.a
libconnector_a_SOURCES = collectors/process/connector.c collectors/process/connector.h
noinst_LIBRARIES += libprocess.a
libprocess_a_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS)
libprocess_a_SOURCES = \
	collectors/process/collector.c collectors/process/collector.h \
	collectors/process/exits.c collectors/process/exits.h \
	collectors/process/match.c collectors/process/match.h \
	collectors/process/private.h \
	collectors/process/proc_reader.c collectors/process/proc_reader.h \
	collectors/process/procfs.c collectors/process/procfs.h \
	collectors/process/sample.c \
	collectors/process/scan.c \
	collectors/process/series.def \
	collectors/process/service.c

