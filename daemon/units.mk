# SPDX-License-Identifier: Apache-2.0
# The role that asks systemd.
pkglibexec_PROGRAMS += modelwatch-units
modelwatch_units_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS)
modelwatch_units_SOURCES = daemon/units.c
modelwatch_units_LDADD = libunits.a librole.a libconfig.a libschema.a libprocess.a libbase.a \
	$(SYSTEMD_LIBS) $(SECCOMP_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test-units-role
TESTS += tests/unit/test-units-role
tests_unit_test_units_role_SOURCES = tests/unit/test-units-role.c \
	tests/unit/fake-systemd.c tests/unit/fake-systemd.h $(ROLE_FIXTURE)
tests_unit_test_units_role_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_units_role_LDADD = librole.a libconfig.a libschema.a libbase.a $(SYSTEMD_LIBS) \
	$(SECCOMP_LIBS) $(CMOCKA_LIBS)
endif
