# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libengine.a
libengine_a_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS) $(JANSSON_CFLAGS)
libengine_a_SOURCES = \
	daemon/engine/commands.c \
	daemon/engine/commit.c \
	daemon/engine/deliveries.c \
	daemon/engine/engine.h \
	daemon/engine/incidents.c \
	daemon/engine/ingest.c \
	daemon/engine/lock.c daemon/engine/lock.h \
	daemon/engine/moments.c \
	daemon/engine/peers.c \
	daemon/engine/rules.c \
	daemon/engine/services.c \
	daemon/engine/store_clock.h \
	daemon/engine/values.c daemon/engine/values.h

pkglibexec_PROGRAMS += modelwatch-engine
modelwatch_engine_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS)
modelwatch_engine_SOURCES = daemon/engine/main.c
modelwatch_engine_LDADD = libengine.a librole.a libconfig.a libalerts.a libstore.a libschema.a libbase.a \
	$(SYSTEMD_LIBS) $(SECCOMP_LIBS) $(SQLITE_LIBS) $(JANSSON_LIBS) $(CRYPTO_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test-engine
TESTS += tests/unit/test-engine
tests_unit_test_engine_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_engine_LDADD = libengine.a libschema.a libbase.a $(SYSTEMD_LIBS) $(CMOCKA_LIBS)
endif
