# SPDX-License-Identifier: Apache-2.0
"""Roles: what they may, that they are replaced, and that they keep secrets."""
import contextlib
import errno
import fcntl
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess

import pytest
from harness import places
from harness.daemon import command_line
from harness.wait import eventually

# What a role keeps, as DESIGN has it: capability(7) numbers.
CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE = 2, 19
KEPT = {"engine": (), "process": (CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE), "notify": (), "web": (),
        "units": ()}


def _status(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


@pytest.mark.skipif(os.getuid() != 0, reason="an ordinary user has no capabilities to keep")
@pytest.mark.parametrize("role", places.ROLES)
def test_rights(site, role):
    site.service("llama")
    site.webhook()
    site.start()
    site.wait_service("llama")
    status = _status(site.daemon.roles()[role])
    mask = sum(1 << number for number in KEPT[role])
    assert status["NoNewPrivs"] == "1"
    if not places.sanitized():
        assert status["Seccomp"] == "2"
    for kind in ("CapPrm", "CapEff"):
        assert int(status[kind], 16) == mask, f"{kind} {status[kind]}"
    # A bounding set can be cut by CAP_SETPCAP alone, which the supervisor has not kept for it.
    handed_on = sum(1 << number for numbers in KEPT.values() for number in numbers)
    assert int(status["CapBnd"], 16) & ~handed_on == 0
    assert int(status["CapInh"], 16) & ~mask == 0 and int(status["CapAmb"], 16) & ~mask == 0


@pytest.mark.skipif(os.getuid() != 0, reason="an ordinary user has no capabilities to give up")
def test_supervisor_keeps_what_it_hands_on(site):
    site.start()
    effective = int(_status(site.daemon.pid)["CapEff"], 16)
    dangerous = {"CAP_DAC_OVERRIDE": 1, "CAP_SYS_MODULE": 16, "CAP_SYS_RAWIO": 17,
                 "CAP_SYS_ADMIN": 21, "CAP_NET_ADMIN": 12, "CAP_SYS_BOOT": 22}
    assert not [name for name, bit in dangerous.items() if effective >> bit & 1]


def test_roles_are_programs_of_their_own(site):
    site.start()
    for role, pid in site.daemon.roles().items():
        assert command_line(pid)[0].endswith(f"modelwatch-{role}")
    libraries = {role: pathlib.Path(f"/proc/{pid}/maps").read_text()
                 for role, pid in site.daemon.roles().items()}
    assert "libcurl" in libraries["notify"]
    assert not any("libcurl" in libraries[r] for r in ("engine", "process", "web"))
    assert not any("libsqlite3" in libraries[r] for r in ("process", "notify"))
    assert not any("libmicrohttpd" in libraries[r] for r in ("engine", "process", "notify"))


def test_memory_is_nobody_elses(nobody_site):
    """No core dump, and no look at it by other processes of the same user: then /proc is root's."""
    nobody_site.start()
    for pid in (nobody_site.daemon.pid, *nobody_site.daemon.roles().values()):
        assert pathlib.Path(f"/proc/{pid}/environ").stat().st_uid == 0
        assert re.search(r"^Max core file size +0 +0 ",
                         pathlib.Path(f"/proc/{pid}/limits").read_text(), re.MULTILINE)


def test_open_files(site):
    """A descriptor is kept for each of the many processes that may be watched."""
    site.start()
    limits = {role: re.search(r"^Max open files +(\d+) +(\d+) ",
                              pathlib.Path(f"/proc/{pid}/limits").read_text(), re.MULTILINE)
              for role, pid in site.daemon.roles().items()}
    soft, hard = map(int, limits["process"].groups())
    assert soft == min(16384, hard) or soft > 16384
    assert limits["engine"].groups() == limits["web"].groups()
    assert int(limits["engine"].group(2)) == hard


def test_no_descriptor_of_the_starter(site):
    programs = site.directory / "programs"
    programs.mkdir()
    (programs / "modelwatchd").write_text(
        f'#!/bin/sh\nexec 9<{site.config}\nexec {places.BUILD}/modelwatchd "$@"\n')
    (programs / "modelwatchd").chmod(0o755)
    site.daemon.programs = programs
    site.start()
    for role, pid in site.daemon.roles().items():
        opened = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
        assert str(site.config) not in opened, role


def test_no_descriptor_too_many(site):
    """A role holds its channel, its loop and what it was given, nothing of another role."""
    site.webhook()
    site.start()
    roles = site.daemon.roles()
    for role in ("process", "notify"):
        opened = [os.readlink(f"/proc/{roles[role]}/fd/{fd}")
                  for fd in os.listdir(f"/proc/{roles[role]}/fd")]
        assert not [name for name in opened if "modelwatch.db" in name], role


@pytest.mark.parametrize("role", places.ROLES)
def test_killed_role_is_replaced(site, role):
    server = site.service("llama")
    hook = site.webhook()
    site.start()
    site.wait_service("llama")
    old = site.daemon.roles()[role]
    assert site.daemon.kill(role)
    eventually(lambda: site.daemon.roles().get(role) not in (None, old), f"another {role}")
    server.kill()
    hook.wait("incident.opened", service="llama")
    server.start()
    hook.wait("incident.resolved", service="llama")
    state = eventually(lambda: (r := site.role_states()[role])["state"] == "running" and r, role)
    assert state["restarts"] == 1 and state["pid"] == site.daemon.roles()[role]
    eventually(lambda: site.unix.get("/healthz").status == 200, "health")


def test_health_while_a_role_is_gone(site):
    """Stopped, `process` says nothing any more: the health page says so until it is replaced."""
    site.service("llama")
    site.start()
    site.wait_service("llama")
    old = site.daemon.roles()["process"]
    os.kill(old, signal.SIGSTOP)
    answer = eventually(lambda: (a := site.unix.get("/healthz")).status == 503 and a, "503")
    assert answer.json["status"] == "failing"
    assert any("process" in reason for reason in answer.json["reasons"])
    eventually(lambda: site.daemon.roles().get("process") not in (None, old), "replacement")
    eventually(lambda: site.unix.get("/healthz").status == 200, "health")
    assert site.unix.json("/healthz") == {"status": "ok", "reasons": []}


def test_services_nobody_looks_at(site):
    """A silent collector leaves its services in unknown state, with what they were and since when;
    its first word takes that back."""
    site.service("llama")
    site.start()
    site.wait_service("llama")
    os.kill(site.daemon.roles()["process"], signal.SIGSTOP)
    service = site.wait_service("llama", "unknown")
    assert service["reason"] == "up when modelwatch last looked" and service["since"]
    assert site.status()["status"] == "warning"
    for path in ("/", "/services/llama"):
        text = site.unix.get(path).text
        assert ">unknown</span>" in text.replace("</svg>", ">") and "last looked" in text
    site.wait_service("llama")


def test_deleted_database(site):
    """What is written to it is lost: that is said once, and another one is begun."""
    site.service("llama")
    site.start()
    site.wait_service("llama")
    for path in site.daemon.state.iterdir():
        path.unlink()
    site.daemon.wait_log("modelwatch.db was deleted or moved away")
    site.wait_service("llama")
    eventually(lambda: site.unix.get("/healthz").status == 200, "health")
    assert site.database.exists()
    assert site.daemon.log.count("deleted or moved away") == 1


def test_deleted_state_directory(site):
    """It is said, again and again, and the daemon stops as it should."""
    site.start()
    shutil.rmtree(site.daemon.state)
    site.daemon.wait_log("modelwatch.db was deleted or moved away")
    site.daemon.wait_log(f"{site.daemon.state}: No such file or directory", count=2)
    assert site.unix.get("/healthz").status == 503
    site.daemon.state.mkdir()
    site.daemon.stop()


@pytest.mark.parametrize("option", ["interval", "evaluate"])
def test_first_look_counts(site, option):
    """Long before the first samples and the first evaluation what the first look saw is believed,
    and still is when somebody else reads it or asks for it."""
    site.section("daemon", **{option: "1h"})
    site.service("llama")
    site.start()
    site.wait_service("llama")
    eventually(lambda: site.unix.get("/healthz").status == 200, "health")
    for role in ("web", "engine"):
        old = site.daemon.roles()[role]
        assert site.daemon.kill(role)
        eventually(lambda role=role, old=old: site.daemon.roles().get(role) not in (None, old),
                   f"another {role}")
        site.wait_service("llama")


@pytest.mark.parametrize("role", places.ROLES)
def test_hung_role_is_replaced(site, role):
    server = site.service("llama")
    hook = site.webhook()
    site.start()
    site.wait_service("llama")
    old = site.daemon.roles()[role]
    os.kill(old, signal.SIGSTOP)
    eventually(lambda: site.daemon.roles().get(role) not in (None, old), f"another {role}")
    assert not os.path.exists(f"/proc/{old}/exe") or command_line(old) == []
    server.kill()
    hook.wait("incident.opened", service="llama")


@pytest.mark.parametrize("number, said", [(signal.SIGUSR1, "SIGUSR1"),
                                          (signal.SIGRTMIN + 1, f"signal {signal.SIGRTMIN + 1}")])
def test_cause_of_an_end_is_said(site, number, said):
    """Also for signals that have no name."""
    site.start()
    os.kill(site.daemon.roles()["process"], number)
    site.daemon.wait_log(rf"role process \(pid \d+\) was killed by {said}$")
    eventually(lambda: site.role_states()["process"]["state"] == "running", "another process")


def test_a_replacement_that_failed_is_tried_again(site):
    """A reload whose new role does not start leaves the old one; the next reload replaces it, though
    the configuration is the same then."""
    site.daemon.programs = places.copy_programs(site.directory)
    program = site.daemon.programs / "modelwatch-web"
    site.start()
    before = site.daemon.roles()["web"]
    program.rename(program.with_suffix(".good"))
    program.symlink_to("/bin/false")
    site.section("page", allowed_host="gpu7.example.net")
    site.reload()
    site.daemon.wait_log("the replacement of role web failed: the one in force stays")
    assert site.daemon.roles()["web"] == before
    program.unlink()
    program.with_suffix(".good").rename(program)
    site.reload()
    assert site.tcp.get("/", Host="gpu7.example.net").status == 200
    eventually(lambda: site.daemon.roles().get("web") not in (None, before), "another web")


@pytest.mark.parametrize("role", [r for r in places.ROLES if r != "engine"])
def test_stop_with_a_hung_role(site, role):
    """It is killed; the engine stops in order all the same, and closes the database."""
    site.service("llama")
    site.start()
    site.wait_service("llama")
    os.kill(site.daemon.roles()[role], signal.SIGSTOP)
    site.daemon.stop()
    assert re.search(rf"role {role} \(pid \d+\) was killed by SIGKILL", site.daemon.log)
    assert not re.search(r"role engine \(pid \d+\) was killed", site.daemon.log)
    assert not site.database.with_name("modelwatch.db-wal").exists()


def test_stop_with_a_hung_engine(site):
    site.service("llama")
    site.start()
    site.wait_service("llama")
    roles = site.daemon.role_pids()
    os.kill(site.daemon.roles()["engine"], signal.SIGSTOP)
    site.daemon.stop()
    eventually(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in roles), "end of roles")


def test_sockets_come_and_go(site):
    """A unix socket that nobody listens to any more is not left behind."""
    more = site.directory / "more.sock"
    site.section("page", listen=[f"127.0.0.1:{site.port}", f"unix:{more}"])
    site.start()
    assert site.client(more).get("/v1/status").status == 200
    site.section("page", listen=f"127.0.0.1:{site.port}")
    site.reload()
    assert not more.exists() and site.unix.get("/v1/status").status == 200
    site.daemon.stop()
    assert not site.socket.exists()


def test_reload_with_an_address_in_use(site):
    """The old configuration stays, with its sockets, and nothing stays of the new one."""
    more = site.directory / "more.sock"
    site.start()
    before = site.daemon.roles()
    with socket.create_server(("127.0.0.1", places.free_port())) as taken:
        number = taken.getsockname()[1]
        site.section("page", listen=[f"unix:{more}", f"127.0.0.1:{number}"])
        site.reload()
        site.daemon.wait_log(f"cannot listen on 127.0.0.1:{number}")
    assert site.daemon.roles() == before and not more.exists()
    assert site.unix.get("/v1/status").status == 200 and site.tcp.get("/v1/status").status == 200


def test_socket_of_one_that_hangs(site):
    """Somebody listens there and accepts nobody, and its queue is full."""
    site.configure()
    with socket.socket(socket.AF_UNIX) as owner, contextlib.ExitStack() as clients:
        owner.bind(str(site.socket))
        owner.listen(0)
        full = False
        while not full:
            client = clients.enter_context(socket.socket(socket.AF_UNIX))
            client.setblocking(False)
            full = client.connect_ex(str(site.socket)) == errno.EAGAIN
        result = site.run()
    assert result.returncode == os.EX_UNAVAILABLE and str(site.socket) in result.stderr


def test_hung_predecessor_is_ended(site):
    """However often it is replaced: it is killed, and no zombie stays of it."""
    site.webhook("one")
    site.start()
    old = site.daemon.roles()["notify"]
    os.kill(old, signal.SIGSTOP)
    site.webhook("two")
    site.reload()
    site.webhook("three")
    site.reload()
    eventually(lambda: not os.path.exists(f"/proc/{old}"), "its end")
    server = site.service("llama")
    site.reload()
    site.wait_service("llama")
    server.kill()
    site.receivers["three"].wait("incident.opened", service="llama")


def test_leaving_role_that_hangs_is_killed(site):
    """It was replaced and asked to go, and nobody asks again."""
    site.webhook("one")
    site.start()
    old = site.daemon.roles()["notify"]
    os.kill(old, signal.SIGSTOP)
    site.webhook("two")
    site.reload()
    assert site.daemon.roles()["notify"]
    eventually(lambda: not os.path.exists(f"/proc/{old}"), "its end")
    assert site.role_states()["notify"]["restarts"] == 0


def test_slow_start_of_the_engine(site):
    """systemd is told to wait, as long as the engine needs."""
    site.configure()
    with open(site.daemon.state / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        site.daemon.launch()
        engine = eventually(lambda: site.daemon.roles().get("engine"), "engine")
        os.kill(engine, signal.SIGSTOP)
    eventually(lambda: site.daemon.notify.values("EXTEND_TIMEOUT_USEC"), "more time")
    os.kill(engine, signal.SIGCONT)
    site.daemon.wait_ready()
    assert site.daemon.roles()["engine"] == engine


def test_role_that_dies_again_and_again(site):
    """Backoff, not a busy loop, and no end of the daemon."""
    server = site.service("llama")
    hook = site.webhook()
    site.start()
    site.wait_service("llama")
    killed = [None]
    for _ in range(5):
        killed.append(eventually(lambda: (pid := site.daemon.roles().get("process"))
                                 not in killed and pid, "process"))
        os.kill(killed[-1], signal.SIGKILL)
    server.kill()
    hook.wait("incident.opened", service="llama")
    eventually(lambda: site.role_states()["process"]["restarts"] == 5, "five restarts counted")


def test_process_role_misses_nothing(site):
    """A service that dies while nobody looks is found when somebody looks again."""
    server = site.service("llama")
    hook = site.webhook()
    site.start()
    site.wait_service("llama")
    os.kill(site.daemon.roles()["process"], signal.SIGSTOP)
    server.kill()
    site.daemon.kill("process")
    post, = hook.wait("incident.opened", service="llama")
    assert post.json["alerts"][0]["rule"] == "ServiceDown"
    assert len(site.incidents()) == 1


# Secrets.

SECRETS = {"url": "path-that-is-secret-1", "secret": "signing-key-secret-2",
           "header": "header-secret-3"}


def test_secrets_stay_secret(site):
    """Not in logs, not in the API or on pages, not where `ps` looks, not in the database."""
    server = site.service("llama")
    hook = site.webhook(secret=SECRETS["secret"], header=f"X-Key: {SECRETS['header']}")
    hook.path = f"/{SECRETS['url']}"
    site.section("webhook", "oncall", url=site.secret("oncall.url", hook.url))
    down = site.webhook("down", secret=None)
    down.down()
    site.section("webhook", "down", url=site.secret(
        "down.url", f"http://user:{SECRETS['url']}@127.0.0.1:{down.port}/{SECRETS['url']}"))
    site.start()
    site.wait_service("llama")
    server.kill()
    post, = hook.wait("incident.opened", service="llama")
    assert post.headers["x-key"] == SECRETS["header"]
    number = post.json["incident"]["id"]
    eventually(lambda: any(n["last_error"] for n in site.incident(number)["notifications"]
                           if n["webhook"] == "down"), "the failure")
    shown = [site.daemon.log, post.body.decode()]
    for path in ("/", "/services/llama", f"/incidents/{number}", "/metrics", "/v1/status",
                 f"/v1/incidents/{number}", "/v1/doctor", "/v1/discover", "/healthz"):
        shown.append(site.unix.get(path).text)
    for command in (("status",), ("doctor",), ("incident", str(number)), ("test-webhook", "down"),
                    ("test-webhook", "oncall"), ("check-config", str(site.config))):
        result = site.cli(*command)
        shown += [result.stdout, result.stderr]
    for pid in (site.daemon.pid, *site.daemon.role_pids()):
        for name in ("cmdline", "environ"):
            shown.append(pathlib.Path(f"/proc/{pid}/{name}").read_bytes().decode("latin-1"))
    site.reload()
    shown.append(site.daemon.log)
    site.daemon.stop()
    shown += [p.read_bytes().decode("latin-1") for p in site.daemon.state.iterdir()]
    for what, secret in SECRETS.items():
        assert not [text[:200] for text in shown if secret in text], what


def test_credentials(site):
    """credential:NAME reads $CREDENTIALS_DIRECTORY/NAME."""
    server = site.service("llama")
    hook = site.webhook(secret="from a credential")
    credentials = site.directory / "credentials"
    credentials.mkdir(mode=0o700)
    (credentials / "key").write_text("from a credential\n")
    (credentials / "key").chmod(0o400)
    site.section("webhook", "oncall", secret="credential:key")
    site.daemon.environment = {"CREDENTIALS_DIRECTORY": str(credentials)}
    site.start()
    site.wait_service("llama")
    server.kill()
    hook.wait("incident.opened", service="llama")


def test_engine_without_its_memory(site):
    """The database is gone and the engine, too: the next one learns whom it is to hear of."""
    server = site.service("llama")
    hook = site.webhook()
    site.start()
    site.wait_service("llama")
    for path in site.daemon.state.glob("modelwatch.db*"):
        path.unlink()
    site.daemon.kill("engine")
    site.wait_service("llama")
    server.kill()
    post, = hook.wait("incident.opened", service="llama")
    assert "SIGKILL" in post.json["incident"]["title"]


def test_more_processes_than_events_are_queued(site):
    """Each of five services has as many main processes as are told of."""
    sleepers = []
    for number in range(5):
        program = site.directory / f"sleeper-{number}"
        shutil.copy("/bin/sleep", program)
        site.section("service", f"s{number}", executable=program)
        sleepers += [subprocess.Popen([program, "600"]) for _ in range(900)]
    try:
        site.service("llama")
        site.start()
        pid = site.daemon.roles()["process"]

        def all_told():
            return site.query("SELECT count(*) AS n FROM process")[0]["n"] == 4501
        eventually(all_told, "all main processes")
        assert site.daemon.roles()["process"] == pid
    finally:
        for sleeper in sleepers:
            sleeper.kill()
        for sleeper in sleepers:
            sleeper.wait()
