# SPDX-License-Identifier: Apache-2.0
# Unit tests and fuzz targets are registered in the .mk of the folder that they test; what they share
# is here.

# A fuzz target is tests/fuzz/fuzz-NAME.c with LLVMFuzzerTestOneInput(). `make check` replays its corpus
# tests/fuzz/corpus/NAME/; configured with --enable-fuzzing it is a libFuzzer program.
if FUZZING
FUZZ_MAIN =
FUZZ_LINK = $(AM_LDFLAGS) -fsanitize=fuzzer
else
FUZZ_MAIN = tests/fuzz/replay.c
FUZZ_LINK = $(AM_LDFLAGS)
endif

AM_TESTS_ENVIRONMENT = \
	srcdir='$(srcdir)'; export srcdir; \
	top_builddir='$(top_builddir)'; export top_builddir;

# The process that integration tests and benches watch: plain and static, so that a copy under any name
# runs by itself.
check_PROGRAMS += tests/integration/served
tests_integration_served_SOURCES = tests/integration/served.c
tests_integration_served_CFLAGS = -std=gnu17 $(MW_WARNINGS)
tests_integration_served_LDFLAGS = -static

# `make integration` runs the real daemon; PYTEST_ARGS chooses and configures.
PYTEST_ARGS = -n 4
.PHONY: integration
integration: all $(check_PROGRAMS)
	cd '$(abs_top_srcdir)' && BUILD='$(abs_top_builddir)' PYTHONDONTWRITEBYTECODE=1 \
	/usr/bin/python3 -m pytest -p no:cacheprovider -q -rs --dist loadgroup \
	tests/integration tests/browser $(PYTEST_ARGS)

# `make packaging-tests` installs the packages in booted machines, as root. packages-to-test makes what they
# stand on: the packages, the machines' file systems, and the watched process.
.PHONY: packages-to-test packaging-tests
packages-to-test: deb rpm tests/integration/served
	$(MAKE) -C deb/$(distdir)/build probed-programs
	'$(srcdir)/tests/packaging/roots' deb/modelwatch_*.deb roots
packaging-tests: packages-to-test
	cd '$(abs_top_srcdir)' && BUILD='$(abs_top_builddir)' PYTHONDONTWRITEBYTECODE=1 \
	/usr/bin/python3 -m pytest -p no:cacheprovider -q -rs tests/packaging $(PYTEST_ARGS)

# NAME-probed: what makes NAME and has a sandbox, linked with calls that this has to refuse.
.PHONY: probed-programs only-programs
PROBE = tests/packaging/probe.$(OBJEXT)
probed-programs: $(PROBE)
	rm -f *-probed
	$(MAKE) EXEEXT=-probed only-programs \
		LDFLAGS='$(LDFLAGS) $(PROBE) -Wl,--wrap=sandbox_enter,--wrap=sd_event_loop'
CLEANFILES += $(PROBE) *-probed
only-programs: $(sbin_PROGRAMS) $(filter-out modelwatch-grant%,$(pkglibexec_PROGRAMS))
$(PROBE): $(srcdir)/tests/packaging/probe.c
	$(MKDIR_P) tests/packaging
	$(COMPILE) $(SYSTEMD_CFLAGS) -c -o $@ $(srcdir)/tests/packaging/probe.c

EXTRA_DIST += \
	tests/run tests/check-layers tests/check-files tests/check-exports tests/check-journal tests/fuzz/run \
	tests/unit/random.h \
	tests/bench/footprint tests/bench/measure.py tests/bench/search-ports tests/bench/time-to-page \
	tests/bench/units \
	tests/bench/upgrade \
	tests/browser/chromium.py tests/browser/conftest.py tests/browser/test_pages.py \
	tests/integration/conftest.py \
	tests/integration/harness/__init__.py tests/integration/harness/client.py \
	tests/integration/harness/daemon.py tests/integration/harness/fixtures.py \
	tests/integration/harness/places.py tests/integration/harness/receiver.py \
	tests/integration/harness/server.py tests/integration/harness/silent_file.py \
	tests/integration/harness/site.py \
	tests/integration/harness/wait.py tests/integration/harness/webhook.py \
	tests/integration/test_demo.py tests/integration/test_discover.py \
	tests/integration/test_exits.py tests/integration/test_find.py \
	tests/integration/test_full_disk.py tests/integration/test_http.py \
	tests/integration/test_https.py tests/integration/test_kill_anytime.py \
	tests/integration/test_ordinary_user.py tests/integration/test_people.py \
	tests/integration/test_quickstart.py tests/integration/test_readme.py \
	tests/integration/test_reload.py \
	tests/integration/test_road.py tests/integration/test_roles.py \
	tests/integration/test_start_stop.py tests/integration/test_stuck.py tests/integration/test_webhooks.py \
	tests/packaging/conftest.py tests/packaging/host.py tests/packaging/machine.py \
	tests/packaging/probe.c tests/packaging/roots \
	tests/packaging/test_install.py tests/packaging/test_persons.py \
	tests/packaging/test_rpm.py tests/packaging/test_sandbox.py tests/packaging/test_service.py \
	tests/packaging/test_units.py tests/packaging/test_upgrade.py tests/packaging/test_vm.py \
	tests/packaging/vm.py
