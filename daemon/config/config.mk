# SPDX-License-Identifier: Apache-2.0
# The configuration: libconfig.a is what every role reads its slice with; libconfigload.a, for the
# supervisor and the command line alone, reads and checks the files.

noinst_LIBRARIES += libconfig.a libconfigload.a
libconfig_a_SOURCES = \
	daemon/config/config.c daemon/config/config.h \
	daemon/config/form.c daemon/config/form.h \
	daemon/config/model.h \
	daemon/config/rule.c daemon/config/rule.h \
	daemon/config/slice.c \
	daemon/config/options.def

libconfigload_a_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
libconfigload_a_SOURCES = \
	daemon/config/check.c daemon/config/check.h \
	daemon/config/files.c daemon/config/files.h \
	daemon/config/host.c daemon/config/host.h \
	daemon/config/load.c \
	daemon/config/metric.c \
	daemon/config/problem.c daemon/config/problem.h \
	daemon/config/unused.c \
	daemon/config/secret.c daemon/config/secret.h \
	daemon/config/text.c daemon/config/text.h \
	daemon/config/value.c daemon/config/value.h \
	daemon/config/ini.c daemon/config/ini.h \
	daemon/paths.c daemon/paths.h

# What a program links that loads files.
CONFIG_LOAD_LIBS = libconfigload.a libconfig.a libalerts.a libschema.a libbase.a $(JANSSON_LIBS)

if HAVE_CMOCKA
CONFIG_TESTS = tests/unit/test-config tests/unit/test-ini tests/unit/test-config-load \
	tests/unit/test-config-manual tests/unit/test-config-mutations tests/unit/test-config-secret
check_PROGRAMS += $(CONFIG_TESTS)
TESTS += $(CONFIG_TESTS)
tests_unit_test_config_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_config_LDADD = libconfig.a libbase.a $(CMOCKA_LIBS)
tests_unit_test_ini_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_ini_LDADD = libconfigload.a libbase.a $(CMOCKA_LIBS)
tests_unit_test_config_load_SOURCES = \
	tests/unit/test-config-load.c tests/unit/config-files.c tests/unit/config-files.h
tests_unit_test_config_load_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_config_load_LDADD = $(CONFIG_LOAD_LIBS) $(CMOCKA_LIBS)
tests_unit_test_config_manual_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_config_manual_LDADD = libconfig.a libbase.a $(CMOCKA_LIBS)
tests_unit_test_config_mutations_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_config_mutations_LDADD = $(CONFIG_LOAD_LIBS) $(CMOCKA_LIBS)
tests_unit_test_config_secret_SOURCES = \
	tests/unit/test-config-secret.c tests/unit/config-files.c tests/unit/config-files.h
tests_unit_test_config_secret_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_config_secret_LDADD = $(CONFIG_LOAD_LIBS) $(CMOCKA_LIBS)
endif

check_PROGRAMS += tests/fuzz/fuzz-config tests/fuzz/fuzz-slice
TESTS += tests/fuzz/fuzz-config tests/fuzz/fuzz-slice
tests_fuzz_fuzz_config_SOURCES = tests/fuzz/fuzz-config.c $(FUZZ_MAIN)
tests_fuzz_fuzz_config_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_config_LDADD = $(CONFIG_LOAD_LIBS)
tests_fuzz_fuzz_slice_SOURCES = tests/fuzz/fuzz-slice.c $(FUZZ_MAIN)
tests_fuzz_fuzz_slice_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_slice_LDADD = libconfig.a libbase.a
EXTRA_DIST += tests/fuzz/corpus/config tests/fuzz/corpus/slice
examplesdir = $(docdir)/examples
dist_examples_DATA = packaging/modelwatch.conf
dist_man_MANS += packaging/man/modelwatch.conf.5
