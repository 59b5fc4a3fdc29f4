# SPDX-License-Identifier: Apache-2.0
# The configuration: libconfig.a is what every role reads its slice with; libconfigload.a, for the
# supervisor and the command line alone, reads and checks the files.

noinst_LIBRARIES += libconfig.a
libconfig_a_SOURCES = \
	daemon/config.c daemon/config.h \
	daemon/config_model.h \
	daemon/config_slice.c \
	daemon/options.def

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test-config
TESTS += tests/unit/test-config
tests_unit_test_config_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_config_LDADD = libconfig.a libbase.a $(CMOCKA_LIBS)
endif
