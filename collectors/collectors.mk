# SPDX-License-Identifier: Apache-2.0
# The socket of process events alone: the supervisor opens it.
noinst_LIBRARIES += libconnector.a
libconnector_a_SOURCES = collectors/process/connector.c collectors/process/connector.h

# The parsers of /proc alone: the supervisor reads what its roles use with them.
noinst_LIBRARIES += libprocfs.a
libprocfs_a_SOURCES = collectors/process/procfs.c collectors/process/procfs.h

# Which model server a process is: pure.
noinst_LIBRARIES += libdiscovery.a
libdiscovery_a_SOURCES = \
	collectors/process/command_line.c \
	collectors/process/discovery.c collectors/process/discovery.h \
	collectors/process/launch.c collectors/process/launch.h

noinst_LIBRARIES += libprocess.a
libprocess_a_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS)
libprocess_a_SOURCES = \
	collectors/process/bounded_read.c collectors/process/bounded_read.h \
	collectors/process/cgroup.c collectors/process/cgroup.h \
	collectors/process/collector.c collectors/process/collector.h \
	collectors/process/container.c collectors/process/container.h \
	collectors/process/container_names.c collectors/process/container_names.h \
	collectors/process/doctor.c collectors/process/doctor.h \
	collectors/process/events.c collectors/process/events.h \
	collectors/process/exits.c collectors/process/exits.h \
	collectors/process/grace.c collectors/process/grace.h \
	collectors/process/match.c collectors/process/match.h \
	collectors/process/memory.c collectors/process/memory.h \
	collectors/process/missing.c collectors/process/missing.h \
	collectors/process/model.h \
	collectors/process/pace.c collectors/process/pace.h \
	collectors/process/proc_reader.c collectors/process/proc_reader.h \
	collectors/process/proc_sockets.c collectors/process/proc_sockets.h \
	collectors/process/resume.c collectors/process/resume.h \
	collectors/process/sample.c collectors/process/sample.h \
	collectors/process/scan.c collectors/process/scan.h \
	collectors/process/search.c collectors/process/search.h \
	collectors/process/search_ports.c \
	collectors/process/search_servers.c \
	collectors/process/series.def \
	collectors/process/service.c collectors/process/service.h \
	collectors/process/stops.c collectors/process/stops.h \
	collectors/process/stuck.c collectors/process/stuck.h \
	collectors/process/tell.c collectors/process/tell.h \
	collectors/process/unit_list.c collectors/process/unit_list.h \
	collectors/process/unit_search.c collectors/process/unit_search.h \
	collectors/process/unit_words.c collectors/process/unit_words.h \
	collectors/process/units.c collectors/process/units.h \
	collectors/process/unseen.c collectors/process/unseen.h \
	collectors/process/wanted.c collectors/process/wanted.h \
	collectors/process/watch.c collectors/process/watch.h

# What systemd knows of units.
noinst_LIBRARIES += libunits.a
libunits_a_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS)
libunits_a_SOURCES = \
	collectors/units/calls.c \
	collectors/units/cause.c \
	collectors/units/decide.c collectors/units/decide.h \
	collectors/units/manager.c \
	collectors/units/model.h \
	collectors/units/needs.c collectors/units/needs.h \
	collectors/units/properties.c collectors/units/properties.h \
	collectors/units/unit.c \
	collectors/units/units.c collectors/units/units.h

if HAVE_CMOCKA
COLLECTOR_TESTS = \
	tests/unit/test-bounded-read \
	tests/unit/test-collector \
	tests/unit/test-collector-children \
	tests/unit/test-collector-events \
	tests/unit/test-collector-known \
	tests/unit/test-collector-memory \
	tests/unit/test-collector-ports \
	tests/unit/test-collector-search \
	tests/unit/test-collector-stuck \
	tests/unit/test-collector-unit-grace \
	tests/unit/test-collector-unit-limits \
	tests/unit/test-collector-unit-many \
	tests/unit/test-collector-unit-holds \
	tests/unit/test-collector-unit-missed \
	tests/unit/test-collector-unit-runs \
	tests/unit/test-collector-unit-words \
	tests/unit/test-collector-units \
	tests/unit/test-container \
	tests/unit/test-connector \
	tests/unit/test-discovery \
	tests/unit/test-exits \
	tests/unit/test-match \
	tests/unit/test-procfs \
	tests/unit/test-proc-sockets \
	tests/unit/test-units \
	tests/unit/test-units-cause
check_PROGRAMS += $(COLLECTOR_TESTS)
TESTS += $(COLLECTOR_TESTS)
tests_unit_test_bounded_read_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_bounded_read_LDADD = libprocess.a libprocfs.a libbase.a $(CMOCKA_LIBS)
tests_unit_test_collector_SOURCES = \
	tests/unit/test-collector.c tests/unit/collector-fixture.c tests/unit/collector-fixture.h
tests_unit_test_collector_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(SYSTEMD_CFLAGS)
tests_unit_test_collector_LDADD = libprocess.a libprocfs.a libdiscovery.a libconnector.a libschema.a libbase.a \
	$(SYSTEMD_LIBS) $(CMOCKA_LIBS) -lm
tests_unit_test_collector_children_SOURCES = \
	tests/unit/test-collector-children.c tests/unit/collector-fixture.c
tests_unit_test_collector_children_CFLAGS = $(tests_unit_test_collector_CFLAGS)
tests_unit_test_collector_children_LDADD = $(tests_unit_test_collector_LDADD)
tests_unit_test_collector_events_SOURCES = \
	tests/unit/test-collector-events.c tests/unit/collector-fixture.c
tests_unit_test_collector_events_CFLAGS = $(tests_unit_test_collector_CFLAGS)
tests_unit_test_collector_events_LDADD = $(tests_unit_test_collector_LDADD)
tests_unit_test_collector_known_SOURCES = \
	tests/unit/test-collector-known.c tests/unit/collector-fixture.c
tests_unit_test_collector_known_CFLAGS = $(tests_unit_test_collector_CFLAGS)
tests_unit_test_collector_known_LDADD = $(tests_unit_test_collector_LDADD)
tests_unit_test_collector_memory_SOURCES = \
	tests/unit/test-collector-memory.c tests/unit/collector-fixture.c
tests_unit_test_collector_memory_CFLAGS = $(tests_unit_test_collector_CFLAGS)
tests_unit_test_collector_memory_LDADD = $(tests_unit_test_collector_LDADD)
tests_unit_test_collector_ports_SOURCES = \
	tests/unit/test-collector-ports.c tests/unit/collector-fixture.c
tests_unit_test_collector_ports_CFLAGS = $(tests_unit_test_collector_CFLAGS)
tests_unit_test_collector_ports_LDADD = $(tests_unit_test_collector_LDADD)
tests_unit_test_collector_search_SOURCES = \
	tests/unit/test-collector-search.c tests/unit/collector-fixture.c
tests_unit_test_collector_search_CFLAGS = $(tests_unit_test_collector_CFLAGS)
tests_unit_test_collector_search_LDADD = $(tests_unit_test_collector_LDADD)
tests_unit_test_collector_unit_grace_SOURCES = \
	tests/unit/test-collector-unit-grace.c tests/unit/collector-fixture.c tests/unit/said.h
tests_unit_test_collector_unit_grace_CFLAGS = $(tests_unit_test_collector_CFLAGS)
tests_unit_test_collector_unit_grace_LDADD = $(tests_unit_test_collector_LDADD)
tests_unit_test_collector_unit_limits_SOURCES = \
	tests/unit/test-collector-unit-limits.c tests/unit/collector-fixture.c tests/unit/said.h
tests_unit_test_collector_unit_limits_CFLAGS = $(tests_unit_test_collector_CFLAGS)
tests_unit_test_collector_unit_limits_LDADD = $(tests_unit_test_collector_LDADD)
tests_unit_test_collector_unit_many_SOURCES = \
	tests/unit/test-collector-unit-many.c tests/unit/collector-fixture.c tests/unit/said.h
tests_unit_test_collector_unit_many_CFLAGS = $(tests_unit_test_collector_CFLAGS)
tests_unit_test_collector_unit_many_LDADD = $(tests_unit_test_collector_LDADD)
tests_unit_test_collector_unit_holds_SOURCES = \
	tests/unit/test-collector-unit-holds.c tests/unit/collector-fixture.c tests/unit/said.h
tests_unit_test_collector_unit_holds_CFLAGS = $(tests_unit_test_collector_CFLAGS)
tests_unit_test_collector_unit_holds_LDADD = $(tests_unit_test_collector_LDADD)
tests_unit_test_collector_unit_missed_SOURCES = \
	tests/unit/test-collector-unit-missed.c tests/unit/collector-fixture.c tests/unit/said.h
tests_unit_test_collector_unit_missed_CFLAGS = $(tests_unit_test_collector_CFLAGS)
tests_unit_test_collector_unit_missed_LDADD = $(tests_unit_test_collector_LDADD)
tests_unit_test_collector_unit_runs_SOURCES = \
	tests/unit/test-collector-unit-runs.c tests/unit/collector-fixture.c tests/unit/said.h
tests_unit_test_collector_unit_runs_CFLAGS = $(tests_unit_test_collector_CFLAGS)
tests_unit_test_collector_unit_runs_LDADD = $(tests_unit_test_collector_LDADD)
tests_unit_test_collector_unit_words_SOURCES = \
	tests/unit/test-collector-unit-words.c tests/unit/collector-fixture.c tests/unit/said.h
tests_unit_test_collector_unit_words_CFLAGS = $(tests_unit_test_collector_CFLAGS)
tests_unit_test_collector_unit_words_LDADD = $(tests_unit_test_collector_LDADD)
tests_unit_test_collector_units_SOURCES = \
	tests/unit/test-collector-units.c tests/unit/collector-fixture.c tests/unit/said.h
tests_unit_test_collector_units_CFLAGS = $(tests_unit_test_collector_CFLAGS)
tests_unit_test_collector_units_LDADD = $(tests_unit_test_collector_LDADD)
tests_unit_test_container_SOURCES = \
	tests/unit/test-container.c tests/unit/collector-fixture.c
tests_unit_test_container_CFLAGS = $(tests_unit_test_collector_CFLAGS)
tests_unit_test_container_LDADD = $(tests_unit_test_collector_LDADD)
tests_unit_test_collector_stuck_SOURCES = \
	tests/unit/test-collector-stuck.c tests/unit/collector-fixture.c
tests_unit_test_collector_stuck_CFLAGS = $(tests_unit_test_collector_CFLAGS)
tests_unit_test_collector_stuck_LDADD = $(tests_unit_test_collector_LDADD)
tests_unit_test_connector_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_connector_LDADD = libconnector.a libbase.a $(CMOCKA_LIBS)
tests_unit_test_discovery_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_discovery_LDADD = libdiscovery.a libbase.a $(CMOCKA_LIBS)
tests_unit_test_exits_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_exits_LDADD = libprocess.a libprocfs.a libbase.a $(CMOCKA_LIBS)
tests_unit_test_match_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_match_LDADD = libprocess.a libprocfs.a libbase.a $(CMOCKA_LIBS)
tests_unit_test_procfs_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_procfs_LDADD = libprocess.a libprocfs.a libbase.a $(CMOCKA_LIBS)
tests_unit_test_units_SOURCES = \
	tests/unit/test-units.c tests/unit/units-fixture.c tests/unit/units-fixture.h \
	tests/unit/fake-systemd.c tests/unit/fake-systemd.h
tests_unit_test_units_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(SYSTEMD_CFLAGS)
tests_unit_test_units_LDADD = libunits.a libschema.a libprocess.a libbase.a $(SYSTEMD_LIBS) $(CMOCKA_LIBS)
tests_unit_test_units_cause_SOURCES = \
	tests/unit/test-units-cause.c tests/unit/units-fixture.c tests/unit/units-fixture.h \
	tests/unit/fake-systemd.c tests/unit/fake-systemd.h
tests_unit_test_units_cause_CFLAGS = $(tests_unit_test_units_CFLAGS)
tests_unit_test_units_cause_LDADD = $(tests_unit_test_units_LDADD)
tests_unit_test_proc_sockets_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_proc_sockets_LDADD = libprocess.a libprocfs.a libbase.a $(CMOCKA_LIBS)
endif

check_PROGRAMS += tests/fuzz/fuzz-proc tests/fuzz/fuzz-connector
TESTS += tests/fuzz/fuzz-proc tests/fuzz/fuzz-connector
tests_fuzz_fuzz_proc_SOURCES = tests/fuzz/fuzz-proc.c $(FUZZ_MAIN)
tests_fuzz_fuzz_proc_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_proc_LDADD = libprocess.a libprocfs.a libbase.a
tests_fuzz_fuzz_connector_SOURCES = tests/fuzz/fuzz-connector.c $(FUZZ_MAIN)
tests_fuzz_fuzz_connector_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_connector_LDADD = libconnector.a libbase.a
EXTRA_DIST += tests/fuzz/corpus/proc tests/fuzz/corpus/connector
