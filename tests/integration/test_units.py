# SPDX-License-Identifier: Apache-2.0
"""The role that asks systemd: it runs where a service has a unit, and does without a bus."""
import pytest
from harness.wait import eventually


@pytest.fixture(name="busless")
def _busless(site, monkeypatch):
    """A site on a host without a system bus."""
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={site.directory}/no-bus")
    return site


def _is_healthy(site):
    return site.unix.get("/healthz").status == 200


def _reasons_of_systemd(site):
    answer = site.unix.get("/healthz")
    assert answer.status == 503
    return [x for x in answer.json["reasons"] if x.startswith("systemd cannot be asked since 2")]


def test_needed_by_a_unit_alone(busless):
    site = busless
    site.start()
    assert "units" not in site.daemon.roles() and "units" not in site.role_states()
    site.section("service", "llama", unit="llama.service", expected="no")
    site.reload()
    eventually(lambda: site.role_states().get("units", {}).get("state") == "running", "the role")
    pid = site.daemon.roles()["units"]
    eventually(lambda: "there is no system bus" in site.cli("doctor").stdout, "doctor's word")
    del site.sections["service", "llama"]
    site.reload()
    eventually(lambda: "units" not in site.role_states(), "no such role")
    eventually(lambda: pid not in site.daemon.role_pids(), "its end")
    assert "system bus" not in site.cli("doctor").stdout
    eventually(lambda: _is_healthy(site), "health")


def test_what_is_not_seen_is_told(busless):
    """Wherever somebody looks, what cannot be seen is no peace."""
    site = busless
    site.section("service", "llama", unit="llama.service", expected="no")
    site.start()
    reason, = eventually(lambda: _reasons_of_systemd(site), "systemd's reason")
    assert "there is no system bus" in reason
    status = site.status()
    assert status["status"] == "warning" and status["systemd"] == reason
    answer = site.cli("status")
    assert answer.returncode == 1 and "there is no system bus" in answer.stdout
    assert answer.stdout.startswith("WARNING, systemd cannot be asked, ")
    assert "there is no system bus" in site.unix.get("/").text
    site.daemon.kill("engine")
    eventually(lambda: site.role_states()["engine"]["restarts"] == 1, "another engine")
    assert eventually(lambda: _reasons_of_systemd(site), "the same reason") == [reason]
    del site.sections["service", "llama"]
    site.reload()
    eventually(lambda: _is_healthy(site), "health")
    assert site.status()["systemd"] is None


def test_restarted_like_any_other(busless):
    site = busless
    site.section("service", "llama", unit="llama*", expected="no")
    site.start()
    eventually(lambda: "there is no system bus" in site.cli("doctor").stdout, "doctor's word")
    site.daemon.kill("units")
    eventually(lambda: site.role_states()["units"]["restarts"] == 1, "another one")
    eventually(lambda: site.role_states()["units"]["state"] == "running", "another one that runs")


def test_forgotten_after_the_configuration(busless):
    """A role that an earlier daemon had, and that nobody needs, is nothing that fails."""
    site = busless
    site.section("service", "llama", unit="llama.service", expected="no")
    site.start()
    eventually(lambda: "units" in site.role_states(), "the role")
    site.daemon.stop()
    del site.sections["service", "llama"]
    site.start()
    eventually(lambda: "units" not in site.role_states(), "no such role")
    eventually(lambda: _is_healthy(site), "health")
