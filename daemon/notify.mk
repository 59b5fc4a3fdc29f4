# SPDX-License-Identifier: Apache-2.0
# HTTP requests out (libfetch.a, the only user of libcurl) and the role that delivers.
noinst_LIBRARIES += libfetch.a
libfetch_a_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS) $(CURL_CFLAGS)
libfetch_a_SOURCES = \
	daemon/fetch.c daemon/fetch.h

pkglibexec_PROGRAMS += modelwatch-notify
modelwatch_notify_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS)
modelwatch_notify_SOURCES = daemon/notify.c
modelwatch_notify_LDADD = libfetch.a librole.a libconfig.a libalerts.a libbase.a \
	$(CURL_LIBS) $(SYSTEMD_LIBS) $(SECCOMP_LIBS) $(CRYPTO_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test-fetch
TESTS += tests/unit/test-fetch
tests_unit_test_fetch_SOURCES = tests/unit/test-fetch.c tests/unit/server.c tests/unit/server.h
tests_unit_test_fetch_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(SYSTEMD_CFLAGS) $(CRYPTO_CFLAGS)
tests_unit_test_fetch_LDADD = libfetch.a libbase.a $(CURL_LIBS) $(SYSTEMD_LIBS) \
	-lssl $(CRYPTO_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test-notify
TESTS += tests/unit/test-notify
tests_unit_test_notify_SOURCES = tests/unit/test-notify.c $(ROLE_FIXTURE)
tests_unit_test_notify_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(SYSTEMD_CFLAGS)
tests_unit_test_notify_LDADD = librole.a libconfig.a libalerts.a libbase.a \
	$(SYSTEMD_LIBS) $(SECCOMP_LIBS) $(CRYPTO_LIBS) $(CMOCKA_LIBS)
endif
