# SPDX-License-Identifier: Apache-2.0
"""Starting, refusing to start, reloading and stopping."""
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess

import pytest
from harness.places import ROLES, free_port
from harness.receiver import Hang
from harness.wait import DEADLINE, eventually

OK, USAGE, UNAVAILABLE, CONFIG = 0, 64, 69, 78


# Options and configuration.

def test_version_and_help(site):
    site.configure()
    assert "modelwatch" in site.run("--version").stdout
    assert "--check-config" in site.run("--help").stdout
    assert site.run("--no-such-option").returncode == USAGE


@pytest.mark.parametrize("line, complaint", [
    ("intervall = 1s", "interval"),
    ("interval = soon", "interval"),
    ("interval", "="),
    ("max-size = -1", "max-size"),
    ("discovery = perhaps", "discovery"),
])
def test_bad_configuration(site, line, complaint):
    site.configure()
    text = site.config.read_text() + f"[daemon]\n{line}\n"
    site.config.write_text(text)
    at = text.count("\n")
    for options in ((), ("--check-config",)):
        result = site.run(*options)
        assert result.returncode == CONFIG
        lines = [x for x in (result.stderr + result.stdout).splitlines()
                 if f"{site.config}:{at}: " in x]
        assert lines and complaint in lines[0], result.stderr


@pytest.mark.parametrize("variable, coloured", [
    ({}, True), ({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False)])
def test_colour_on_a_terminal(site, variable, coloured):
    site.config.write_text("[daemon]\nintervall = 1s\n")
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "JOURNAL_STREAM")}
    terminal, its_end = os.openpty()
    with open(terminal, "rb", buffering=0) as terminal:
        with open(its_end, "wb") as its_end:
            result = subprocess.run(site.daemon.command(), stderr=its_end, check=False,
                                    env={**environment, **variable}, timeout=DEADLINE)
            assert result.returncode == CONFIG
            said = terminal.read(65536)
    assert b"intervall" in said and (b"\x1b[" in said) is coloured


def test_every_error_at_once(site):
    site.config.write_text("[daemon]\nintervall = 1s\n\n[servce x]\nlisten-port = 1\n"
                           "[webhook w]\nurl = nothing\nsecret = literal\n")
    result = site.cli("check-config", str(site.config))
    assert result.returncode == 1
    said = result.stdout + result.stderr
    for line in (2, 4, 7, 8):
        assert f"{site.config}:{line}: " in said, said
    assert "interval" in said and "service" in said
    assert "literal" not in said.replace("literal secret", "").replace("a literal", "")


def test_check_config_of_a_good_one(site):
    site.service("llama")
    site.webhook()
    site.configure()
    result = site.run("--check-config")
    assert result.returncode == OK, result.stderr
    assert site.cli("check-config", str(site.config)).returncode == OK


def test_what_is_not_there_yet_is_a_warning(site):
    site.configure()
    text = site.config.read_text() + "[service x]\nuser = nosuch\n"
    site.config.write_text(text)
    warning = f"{site.config}:{text.count(chr(10))}: 'user': nosuch: there is no such user"
    for result in (site.run("--check-config"), site.cli("check-config", str(site.config))):
        assert result.returncode == OK and warning in result.stderr
    assert f"\nwarning: {warning}" in f"\n{result.stderr}"
    assert site.run("--check-config", "--log-level=error").stderr == ""
    site.daemon.start()
    assert warning in site.daemon.log
    assert site.daemon.log.count("there is no") == 1
    check, = eventually(lambda: [c for c in site.unix.json("/v1/doctor")["checks"]
                                 if c["subject"] == "service x"], "what doctor says of it")
    assert check["state"] == "limited" and "nosuch" in check["text"] and check["remedy"]
    assert "Nothing is limited" not in site.cli("doctor").stdout


def test_missing_configuration_file(site):
    result = site.run()
    assert result.returncode == CONFIG and str(site.config) in result.stderr


def test_secret_that_others_can_read(site):
    site.webhook()
    (site.directory / "oncall.secret").chmod(0o644)
    site.configure()
    result = site.run()
    assert result.returncode == CONFIG
    assert "oncall.secret" in result.stderr and f"{site.config}:" in result.stderr
    assert "a secret of the receiver" not in result.stderr


def test_drop_ins_and_masked_rules(site):
    server = site.service("llama")
    site.configure()
    (site.directory / "conf.d").mkdir()
    (site.directory / "conf.d" / "10-more.conf").write_text(
        f"[service second]\nexecutable = {server.path}2\nexpected = no\n")
    (site.directory / "rules.d").mkdir()
    for rules in ("service.conf",):
        (site.directory / "rules.d" / rules).symlink_to("/dev/null")
    site.daemon.start()
    site.wait_service("llama")
    assert site.service_state("second")
    server.kill()
    site.wait_service("llama", "down")
    assert site.incidents() == []


# Resources.

def test_port_in_use(site):
    with socket.create_server(("127.0.0.1", site.port)):
        site.configure()
        result = site.run()
        assert result.returncode == UNAVAILABLE and str(site.port) in result.stderr


def test_state_directory_is_made(site):
    site.daemon.state.rmdir()
    site.daemon.runtime.rmdir()
    site.start()
    assert stat.S_IMODE(site.daemon.state.stat().st_mode) == 0o750
    assert stat.S_IMODE(site.database.stat().st_mode) == 0o640
    assert stat.S_IMODE(site.socket.stat().st_mode) == 0o660


def test_state_directory_that_cannot_be_made(site):
    site.daemon.state = pathlib.Path("/proc/modelwatch/state")
    site.configure()
    result = site.run()
    assert result.returncode == UNAVAILABLE and "/proc/modelwatch" in result.stderr


def test_state_directory_is_a_file(site):
    site.daemon.state.rmdir()
    site.daemon.state.write_text("")
    site.configure()
    result = site.run()
    assert result.returncode == UNAVAILABLE and str(site.daemon.state) in result.stderr
    site.daemon.state.unlink()


@pytest.mark.parametrize("change", ["PRAGMA user_version = 9999",
                                    "PRAGMA application_id = 1234567"],
                         ids=["newer", "foreign"])
def test_other_schema_is_left_alone(site, change):
    site.start()
    site.daemon.stop()
    connection = sqlite3.connect(site.database)
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute(change)
    connection.commit()
    connection.close()
    before = site.database.read_bytes()
    result = site.run()
    assert result.returncode == UNAVAILABLE and "modelwatch.db" in result.stderr
    assert site.database.read_bytes() == before
    assert not [p for p in site.daemon.state.iterdir() if "-wal" in p.name]


def test_damaged_database_is_left_alone(site):
    site.configure()
    site.database.write_bytes(b"no database at all " * 1000)
    before = site.database.read_bytes()
    result = site.run()
    assert result.returncode == UNAVAILABLE and site.database.read_bytes() == before
    line, = [line for line in result.stderr.splitlines() if "damaged" in line]
    assert line.count(str(site.database)) == 1


def test_twice_on_one_state_directory(site):
    site.service("llama")
    site.start()
    site.wait_service("llama")
    other = site.config.with_name("other.conf")
    other.write_text(site.config.read_text().replace(str(site.port), str(free_port())))
    site.daemon.config, site.daemon.runtime = other, site.directory / "other-run"
    result = site.run()
    site.daemon.runtime = site.directory / "run"
    assert result.returncode == UNAVAILABLE
    waiting, refusal = [x for x in result.stderr.splitlines() if str(site.daemon.state) in x]
    assert f"(pid {site.daemon.pid}) uses the state directory" in waiting
    assert f"(pid {site.daemon.pid}) still uses the state directory" in refusal
    assert site.wait_service("llama") and site.daemon.running
    assert set(site.daemon.roles()) >= set(ROLES)


def test_start_directly_after_kill_of_the_supervisor(site):
    """The roles see that the supervisor is gone, end, and make room."""
    server = site.service("llama")
    hook = site.webhook()
    site.start()
    site.wait_service("llama")
    roles = site.daemon.role_pids()
    site.daemon.kill()
    site.daemon.start()
    eventually(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in roles), "end of roles")
    server.kill()
    hook.wait("incident.opened", service="llama")


# Towards systemd.

def test_ready_and_stopping(site):
    site.start()
    notify = site.daemon.notify
    assert notify.values("READY") == ["1"]
    site.daemon.stop()
    assert notify.values("STOPPING") == ["1"]


def test_not_ready_when_it_cannot_start(site):
    site.config.write_text("[nonsense]\n")
    site.daemon.launch()
    assert site.daemon.wait_exit() == CONFIG
    assert not site.daemon.notify.values("READY")


def test_watchdog(site):
    site.daemon.environment = {"WATCHDOG_USEC": "400000"}
    site.start()
    eventually(lambda: len(site.daemon.notify.values("WATCHDOG")) >= 3, "three pings")


def test_reloading(site):
    site.start()
    site.reload()
    notify = site.daemon.notify
    states = [m for m in notify.messages if "RELOADING" in m or "READY" in m]
    assert ["RELOADING" in m for m in states] == [False, True, False]
    assert states[1]["MONOTONIC_USEC"].isdigit()


# Reload.

def test_reload_without_change_restarts_nothing(site):
    site.service("llama")
    site.start()
    roles = site.daemon.roles()
    site.reload()
    assert site.daemon.roles() == roles


def test_reload_with_an_error_keeps_the_old(site):
    server = site.service("llama")
    hook = site.webhook()
    site.start()
    site.wait_service("llama")
    roles = site.daemon.roles()
    good = site.config.read_text()
    site.config.write_text(good + "[service broken]\nlisten-port = many\n")
    at = site.config.read_text().count("\n")
    os.kill(site.daemon.pid, signal.SIGHUP)
    site.daemon.wait_log(rf"modelwatch\.conf:{at}: ")
    assert site.daemon.roles() == roles
    server.kill()
    hook.wait("incident.opened", service="llama")
    site.config.write_text(good)


def test_reload_with_another_webhook(site):
    server = site.service("llama")
    old = site.webhook("old")
    site.start()
    site.wait_service("llama")
    before = site.daemon.roles()
    del site.sections["webhook", "old"]
    new = site.webhook("new", secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    site.reload()
    after = site.daemon.roles()
    assert after["engine"] == before["engine"] and after["notify"] != before["notify"]
    server.kill()
    new.wait("incident.opened", service="llama")
    assert old.posts == []


def test_reload_that_takes_a_process_from_its_service(site):
    """What becomes of it afterwards is nobody's exit, told neither at once nor by the next start."""
    old = site.service("llama")
    site.service("other")
    hook = site.webhook()
    site.start()
    site.wait_service("llama")
    site.wait_service("other")
    new = site.server("new")
    new.start()
    site.section("service", "llama", executable=new.path)
    site.reload()
    eventually(lambda: site.service_state("llama")["processes"] == [new.pid], "the new process")
    assert {row["pid"] for row in site.query("SELECT pid FROM process WHERE service = 'llama'")
            } == {new.pid}
    site.daemon.stop()
    old.kill()
    site.daemon.start()
    site.wait_service("llama")
    site.wait_service("other")
    told = {row["type"] for row in site.query("SELECT type FROM event WHERE service = 'llama'")}
    assert told == {"process-started", "process-released"}
    assert hook.posts == [] and site.incidents() == []


def test_more_services_than_series(site):
    site.configure()
    text = site.config.read_text()
    sections = "".join(f"[service s{i}]\nlisten-port = {i + 1}\n" for i in range(900))
    site.config.write_text(text + sections)
    result = site.run("--check-config")
    assert result.returncode == OK and "max-series" in result.stderr, result.stderr
    site.config.write_text(text + "[daemon]\nmax-series = 30000\n" + sections)
    result = site.run("--check-config")
    assert result.returncode == OK and result.stderr == ""


def test_many_services(site):
    """As many as there may be sections."""
    site.configure()
    text = site.config.read_text() + "[daemon]\nmax-series = 60000\n"
    text += "".join(f"[service s{i}]\npid-file = /run/s{i}.pid\n" for i in range(1800))
    site.config.write_text(text)
    site.daemon.start()
    eventually(lambda: site.unix.get("/healthz").status == 200, "health")
    eventually(lambda: {s["state"] for s in site.status()["services"]} == {"down"}, "all of them")
    assert len(site.status()["services"]) == 1800


def test_reload_with_other_services(site):
    first = site.service("first")
    hook = site.webhook()
    site.start()
    site.wait_service("first")
    before = site.daemon.roles()
    second = site.service("second")
    site.reload()
    site.wait_service("second")
    assert site.daemon.roles()["engine"] == before["engine"]
    second.kill()
    hook.wait("incident.opened", service="second")
    del site.sections["service", "first"]
    site.reload()
    eventually(lambda: site.service_state("first") is None, "first forgotten")
    first.kill()
    second.start()
    hook.wait("incident.resolved", service="second")
    assert [i["service"] for i in site.incidents()] == ["second"]


def test_reload_while_an_incident_is_open(site):
    server, hook = site.start_and_kill()
    site.section("service", "llama", expected="yes")
    site.section("daemon", interval="250ms")
    site.reload()
    server.start()
    hook.wait("incident.resolved")
    assert len({p.id for p in hook.posts}) == 2


# Stop.

def test_stop_with_a_receiver_that_hangs(site):
    """It does not wait for the receiver, and what was not told is told after the next start."""
    server = site.service("llama")
    hook = site.webhook(timeout="300s")
    hook.script(Hang())
    site.start()
    site.wait_service("llama")
    server.kill()
    first = hook.wait_posts(1)[0]
    site.daemon.stop()
    row, = site.query("SELECT * FROM incident")
    assert row["service"] == "llama"
    site.daemon.start()
    post, = hook.wait("incident.opened")
    assert post.id == first.id


def test_sigint_stops_too(site):
    site.start()
    os.kill(site.daemon.pid, signal.SIGINT)
    assert site.daemon.wait_exit() == OK


def test_database_is_whole_after_stop(site):
    site.service("llama")
    site.start()
    site.wait_service("llama")
    site.daemon.stop()
    copy = site.directory / "copy.db"
    shutil.copy(site.database, copy)
    connection = sqlite3.connect(copy)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()
