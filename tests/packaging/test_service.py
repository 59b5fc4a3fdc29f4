# SPDX-License-Identifier: Apache-2.0
"""The service as systemctl and the journal show it: reload, stop, start, crash."""
from host import SERVICE

from harness.wait import eventually

WATCHED = "[service llama]\npid-file = /run/llama.pid"


def test_reload_takes_a_changed_configuration(machine):
    pid = machine.show("MainPID")
    machine.configure(WATCHED)
    machine.run(f"systemctl reload {SERVICE}")
    machine.wait_incident("llama")
    assert machine.show("MainPID") == pid
    assert machine.show("ActiveState") == "active"


def test_bad_configuration_leaves_the_old_one(machine):
    machine.configure(WATCHED)
    machine.run(f"systemctl reload {SERVICE}")
    machine.wait_incident("llama")
    pid = machine.show("MainPID")
    machine.configure("[service llama]\npid-fiel = /run/llama.pid\nuser = root")
    assert machine.run(f"systemctl reload {SERVICE}", check=False).returncode == 1
    complaint = "/etc/modelwatch/modelwatch.conf:6: "
    shown = "Watching. The configuration on disk is refused: " + complaint
    eventually(lambda: machine.show("StatusText").startswith(shown), "the complaint in the status")
    assert complaint in machine.journal() and complaint in machine.run("modelwatch doctor").stdout
    assert machine.show("MainPID") == pid and machine.show("ActiveState") == "active"
    assert machine.service_state("llama")["name"] == "llama"
    assert machine.run("modelwatch check-config", check=False).returncode == 1
    machine.configure(WATCHED)
    machine.run(f"systemctl reload {SERVICE}")
    eventually(lambda: machine.show("StatusText") == "Watching.", "no complaint")


def test_reload_takes_what_the_daemon_alone_may_read(machine):
    """A credential, and files of root's and of the daemon's own: the check of a reload refuses none of them, and
    shows none."""
    machine.write("/etc/modelwatch/credential", "whsec_Y3JlZGVudGlhbA==\n", 0o600)
    machine.write("/etc/modelwatch/root", "whsec_b2Ygcm9vdCdz\n", 0o600)
    machine.write("/etc/modelwatch/own", "whsec_b2Ygb3VyIG93bg==\n", 0o600)
    machine.run("chown modelwatch: /etc/modelwatch/own")
    machine.write(f"/etc/systemd/system/{SERVICE}.d/secret.conf",
                  "[Service]\nLoadCredential=hook:/etc/modelwatch/credential\n")
    machine.run("systemctl daemon-reload")
    hooks = [f"[webhook {name}]\nurl = http://127.0.0.1:9/\nsecret = {secret}" for name, secret in (
        ("a", "credential:hook"), ("b", "file:/etc/modelwatch/root"), ("c", "file:/etc/modelwatch/own"))]
    machine.configure(*hooks)
    machine.run(f"systemctl restart {SERVICE}")
    machine.configure(WATCHED, *hooks)
    machine.run(f"systemctl reload {SERVICE}")
    machine.wait_incident("llama")
    assert machine.show("StatusText") == "Watching." and machine.show("ActiveState") == "active"
    assert "whsec_" not in machine.journal()


def test_bad_configuration_does_not_start(machine):
    machine.configure("[service llama]\npid-fiel = /run/llama.pid")
    assert machine.run(f"systemctl restart {SERVICE}", check=False).returncode != 0
    assert machine.show("ActiveState") == "failed"
    assert machine.show("ExecMainStatus") == "78"
    assert machine.show("NRestarts") == "0"
    assert "/etc/modelwatch/modelwatch.conf:6: " in machine.run(f"systemctl status {SERVICE}", check=False).stdout
    machine.configure()
    machine.run(f"systemctl start {SERVICE}")
    assert machine.show("ActiveState") == "active"


def test_stop_and_start(machine):
    machine.configure(WATCHED)
    machine.run(f"systemctl restart {SERVICE}")
    number = machine.wait_incident("llama")["id"]
    machine.run(f"systemctl stop {SERVICE}")
    assert machine.show("ActiveState") == "inactive" and machine.show("Result") == "success"
    assert machine.run("pgrep -u modelwatch", check=False).stdout == ""
    stopped = machine.run("modelwatch status", check=False)
    assert stopped.returncode == 3 and stopped.stderr, stopped
    machine.run(f"systemctl start {SERVICE}")
    assert machine.wait_incident("llama")["id"] == number
    assert len(machine.incidents()) == 1


def test_crash_is_survived(machine):
    machine.configure(WATCHED)
    machine.run(f"systemctl restart {SERVICE}")
    number = machine.wait_incident("llama")["id"]
    before = machine.show("MainPID")
    machine.run(f"kill -9 {before}")
    machine.wait_successor(before)
    assert machine.wait_incident("llama")["id"] == number
    assert len(machine.incidents()) == 1
    assert "NRestarts=1" in machine.run(f"systemctl show {SERVICE}").stdout


def test_journal_explains(bare):
    """dpkg itself has taken the catalogue in; each message of ours that is explained names its manual page."""
    bare.run("dpkg -i /root/modelwatch.deb")
    bare.configure("[service llama]\npid-fiel = /run/llama.pid")
    bare.run(f"systemctl reload {SERVICE}", check=False)
    eventually(lambda: "conf:6: " in bare.journal(), "the complaint in the journal")
    bare.run(f"systemctl stop {SERVICE}")
    ids = set(bare.run("journalctl --output cat --output-fields MESSAGE_ID -t modelwatchd").stdout.split())
    known = bare.run("journalctl --list-catalog").stdout
    assert len(ids) >= 3 and all(i in known for i in ids), ids
    explained = bare.journal(f"--catalog --unit {SERVICE}")
    for line in ("Subject: The monitoring of model servers has begun", "Documentation: man:modelwatchd(8)",
                 "Subject: The configuration has an error", "Documentation: man:modelwatch.conf(5)"):
        assert f"\u2591\u2591 {line}\n" in explained, explained
