# SPDX-License-Identifier: Apache-2.0
"""From one build to the next, away, back and away for good: what stays and what does not."""
import pytest
from host import SERVICE
from machine import DEB, later_build

from harness.wait import eventually

LLAMA = "[service llama]\npid-file = /run/llama.pid"
MISTRAL = "[service mistral]\nexecutable = /opt/mistral"
# The samples, but for those of the last second: a moment's row grows while roles report.
TICKS = "SELECT * FROM tick WHERE time_ms < (SELECT max(time_ms) - 1000 FROM tick) ORDER BY time_ms"
MARKER = "/usr/share/modelwatch/marker"


@pytest.fixture(scope="session")
def successor(tmp_path_factory):
    """The package of a later build, with one more file."""
    return later_build(tmp_path_factory.mktemp("successor"), [MARKER])


@pytest.fixture
def watching(machine):
    """A machine with an open incident that a webhook was told of, and a service that is up."""
    machine.run("cp /bin/sleep /opt/mistral && systemd-run --unit=mistral /opt/mistral infinity")
    machine.hook = machine.told(LLAMA, MISTRAL)
    machine.hook.wait("incident.opened", service="llama")
    machine.wait_service("mistral")
    machine.number = machine.wait_incident("llama")["id"]
    return machine


def _timeline(machine):
    return [(e["time"], e["text"]) for e in machine.unix.json(f"/v1/incidents/{machine.number}")["timeline"]]


def test_upgrade_keeps_what_is_known(watching, successor):
    timeline, before = _timeline(watching), watching.show("MainPID")
    samples = eventually(lambda: watching.query(TICKS), "samples")
    watching.copy(successor, "/root/later.deb")
    watching.run("dpkg -i --force-confold /root/later.deb")
    assert watching.path(MARKER).exists()
    assert watching.show("MainPID") not in (before, "0") and watching.show("ActiveState") == "active"
    assert watching.wait_incident("llama")["id"] == watching.number
    assert _timeline(watching)[:len(timeline)] == timeline
    assert len(watching.incidents()) == 1
    assert watching.query(TICKS)[:len(samples)] == samples
    # What is told next shows that nothing was told twice before it.
    watching.run("systemctl kill -s KILL mistral")
    watching.hook.wait("incident.opened", service="mistral")
    assert [(p.type, p.service) for p in watching.hook.posts] == [
        ("incident.opened", "llama"), ("incident.opened", "mistral")]


def test_death_during_the_upgrade_is_told(watching, successor):
    """dpkg has unpacked the new programs; the daemon does not run while the service dies."""
    watching.copy(successor, "/root/later.deb")
    watching.write("/etc/systemd/system/modelwatchd.service.d/kill.conf",
                   "[Service]\nExecStartPre=+/bin/systemctl kill -s KILL mistral\n")
    watching.run("systemctl daemon-reload && dpkg -i --force-confold /root/later.deb")
    post, = watching.hook.wait("incident.opened", service="mistral")
    assert "unobserved" in str(post.json["alerts"]), post.json
    assert watching.wait_incident("llama")["id"] == watching.number


def test_remove_keeps_state_and_configuration(watching):
    timeline = _timeline(watching)
    watching.run("dpkg -r modelwatch")
    assert watching.run(f"systemctl is-active {SERVICE}", check=False).stdout.strip() in ("inactive", "unknown")
    assert watching.show("LoadState") in ("not-found", "masked")
    assert watching.run("pgrep -u modelwatch", check=False).stdout == ""
    assert not watching.path("/usr/sbin/modelwatchd").exists()
    assert watching.path("/etc/modelwatch/modelwatch.conf").exists()
    assert watching.path("/var/lib/modelwatch/modelwatch.db").exists()
    assert watching.run("systemctl --failed --no-legend").stdout == ""
    watching.copy(DEB, "/root/modelwatch.deb")
    watching.run("dpkg -i --force-confold /root/modelwatch.deb")
    assert watching.run(f"systemctl is-enabled {SERVICE}").stdout == "enabled\n"
    assert watching.wait_incident("llama")["id"] == watching.number
    assert _timeline(watching)[:len(timeline)] == timeline


def test_purge_leaves_nothing(watching):
    watching.write("/etc/modelwatch/conf.d/ours.conf", "# ours\n")
    watching.run("dpkg -P modelwatch")
    for path in ("/var/lib/modelwatch", "/etc/modelwatch/modelwatch.conf", "/run/modelwatch",
                 "/etc/systemd/system/multi-user.target.wants/modelwatchd.service",
                 "/var/lib/systemd/deb-systemd-helper-enabled/modelwatchd.service.dsh-also"):
        assert not watching.path(path).exists(), path
    assert watching.path("/etc/modelwatch/conf.d/ours.conf").exists()
    assert watching.run("dpkg -l modelwatch", check=False).returncode == 1
    # Files of the user may be elsewhere.
    assert watching.run("getent passwd modelwatch").stdout.startswith("modelwatch:")


def test_upgrade_says_that_the_configuration_is_refused(machine, successor):
    """The new daemon does not start with it: who upgrades is told so, and why."""
    machine.configure("[service llama]\npid-fiel = /run/llama.pid")
    machine.copy(successor, "/root/later.deb")
    done = machine.run("dpkg -i --force-confold /root/later.deb")
    said = done.stdout + done.stderr
    assert "/etc/modelwatch/modelwatch.conf:6: " in said and "modelwatchd does not start with it" in said, said
    assert machine.run("dpkg -s modelwatch").stdout.count("\nStatus: install ok installed\n") == 1


def test_disabled_stays_disabled(machine, successor):
    machine.run(f"systemctl disable --now {SERVICE}")
    machine.copy(successor, "/root/later.deb")
    machine.run("dpkg -i /root/later.deb")
    assert machine.run(f"systemctl is-enabled {SERVICE}", check=False).stdout == "disabled\n"
