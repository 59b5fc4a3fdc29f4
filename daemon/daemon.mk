# SPDX-License-Identifier: Apache-2.0
# What every role links (librole.a), and the programs.

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
