# SPDX-License-Identifier: Apache-2.0
# The command line. What it prints is in libcli.a, so that tests read it without a daemon.
noinst_LIBRARIES += libcli.a
libcli_a_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS) $(JANSSON_CFLAGS)
libcli_a_SOURCES = \
	daemon/cli/client.c daemon/cli/client.h \
	daemon/cli/configuration.c \
	daemon/cli/host.c \
	daemon/cli/incident.c \
	daemon/cli/incidents.c \
	daemon/cli/invocation.c daemon/cli/invocation.h \
	daemon/cli/show.c daemon/cli/show.h \
	daemon/cli/status.c \
	daemon/cli/table.c daemon/cli/table.h \
	daemon/cli/verbs.c daemon/cli/verbs.h \
	daemon/cli/webhook.c \
	daemon/resolution.c daemon/resolution.h \
	daemon/time_in_text.c daemon/time_in_text.h

CLI_LIBS = libcli.a libfetch.a $(CONFIG_LOAD_LIBS) $(CURL_LIBS) $(SYSTEMD_LIBS) $(CRYPTO_LIBS)

bin_PROGRAMS += modelwatch
modelwatch_CFLAGS = $(AM_CFLAGS)
modelwatch_SOURCES = daemon/cli/main.c
modelwatch_LDADD = $(CLI_LIBS)

dist_man_MANS += packaging/man/modelwatch.1
bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = packaging/completions/bash/modelwatch

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test-cli tests/unit/test-cli-program
TESTS += tests/unit/test-cli tests/unit/test-cli-program
tests_unit_test_cli_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_cli_LDADD = $(CLI_LIBS) $(CMOCKA_LIBS)
tests_unit_test_cli_program_SOURCES = \
	tests/unit/test-cli-program.c tests/unit/server.c tests/unit/server.h
tests_unit_test_cli_program_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_cli_program_LDADD = libbase.a $(CMOCKA_LIBS)
endif
