# SPDX-License-Identifier: Apache-2.0
"""Services that are units of a real systemd: what ends them, who asked for it, and what is told of it."""
import contextlib
import pathlib
import re
import time

import pytest

from harness.wait import eventually

LLAMA = "[service llama]\nunit = llama.service"
# Dies when it is told to, and says that it runs when a signal would be caught.
SERVER = "/bin/sh -c 'trap \"exit 0\" TERM; /opt/llama infinity & wait'"
UNIT = """[Unit]
Description=stands for a model server
[Service]
ExecStart={start}
{more}
[Install]
WantedBy=multi-user.target
"""


def _unit(machine, start="/opt/llama infinity", more="", name="llama.service"):
    machine.unit(name, UNIT.format(start=start, more=more))


@pytest.fixture(name="server")
def _server(machine):
    """A machine with an enabled llama.service that does not run yet."""
    machine.copy("/bin/sleep", "/opt/llama")
    _unit(machine)
    machine.run("systemctl enable llama.service")
    return machine


@pytest.fixture(name="running")
def _running(server):
    """...that runs, and is watched."""
    server.run("systemctl start llama.service")
    server.hook = server.told(LLAMA)
    server.main = server.show("MainPID", "llama.service")
    assert server.wait_service("llama")["processes"] == [int(server.main)]
    return server


def _watched(machine):
    """Its unit is disabled, and the daemon has asked systemd of it."""
    machine.run("systemctl disable llama.service")
    machine.hook = machine.told(LLAMA)
    eventually(lambda: "unit-state" in machine.unix.get("/services/llama").text, "what systemd says")


def _opened(machine):
    post, = machine.hook.wait("incident.opened", service="llama")
    return post.json["incident"]


def _reason(machine):
    return machine.wait_service("llama", "down")["reason"]


def _incidents_of_llama(machine):
    return [i for i in machine.incidents() if i["service"] == "llama"]


def _is_left_alone(machine):
    """Nothing was told of llama."""
    _is_quiet(machine, [])
    assert _incidents_of_llama(machine) == []


def _is_quiet(machine, told):
    """Once a later death was told, nothing is on its way that an earlier one should not have caused."""
    machine.run("systemd-run --unit=mark /opt/llama infinity")
    machine.configure(LLAMA, "[service mark]\nunit = mark.service\nexpected = yes",
                      f"[webhook oncall]\nurl = {machine.hook.url}")
    machine.run("systemctl reload modelwatchd.service")
    machine.wait_service("mark")
    machine.run("systemctl kill -s KILL mark.service")
    machine.hook.wait("incident.opened", service="mark")
    assert [(p.type, p.service) for p in machine.hook.posts] == [*told, ("incident.opened", "mark")]


def test_killed(running):
    running.run("systemctl kill -s KILL llama.service")
    assert _opened(running)["title"] == "llama is down: killed by SIGKILL"
    running.run("systemctl start llama.service")
    running.hook.wait("incident.resolved", service="llama")
    assert running.wait_service("llama")["processes"] == [int(running.show("MainPID", "llama.service"))]


@pytest.mark.parametrize("signal", ["TERM", "INT"])
def test_ended_by_somebody_else(running, signal):
    """What ends in order, but systemd was not asked for it."""
    running.run(f"kill -{signal} {running.main}")
    assert _opened(running)["title"] == f"llama is down: killed by SIG{signal}"


def test_crashes(server):
    _unit(server, "/bin/sh -c 'read x </run/go; kill -SEGV $$$$'", "ExecStartPre=/usr/bin/mkfifo /run/go")
    server.run("systemctl start llama.service")
    server.hook = server.told(LLAMA)
    server.wait_service("llama")
    server.run("echo >/run/go")
    assert "SIGSEGV" in _opened(server)["title"]
    assert server.show("ActiveState", "llama.service") == "failed"


def test_exits_with_a_status(server):
    _unit(server, "/bin/sh -c 'read x </run/go; exit 3'", "ExecStartPre=/usr/bin/mkfifo /run/go")
    server.run("systemctl start llama.service")
    server.hook = server.told(LLAMA)
    server.wait_service("llama")
    server.run("echo >/run/go")
    assert _opened(server)["title"] == "llama is down: exited with status 3"


@contextlib.contextmanager
def _limited_memory(machine, unit, size):
    """A limit of a unit's memory, also on a host whose memory is with cgroups of version 1."""
    if "memory" in machine.path("/sys/fs/cgroup/cgroup.controllers").read_text().split():
        machine.run(f"systemctl set-property --runtime {unit} MemoryMax={size} MemorySwapMax=0")
        yield
        return
    group = pathlib.Path("/sys/fs/cgroup/memory") / f"modelwatch-test-oom-{id(machine):x}"
    group.mkdir()
    try:
        (group / "memory.limit_in_bytes").write_text(str(size))
        (group / "cgroup.procs").write_text(machine.outer_pid(machine.show("MainPID", unit)))
        yield
    finally:
        eventually(lambda: not (group / "cgroup.procs").read_text(), "an empty cgroup")
        group.rmdir()


def test_out_of_memory(server):
    # A shell that reads all of it into a variable.
    _unit(server, "/bin/sh -c 'read x </run/go; x=$(tr \"\\\\0\" x </dev/zero)'",
          "ExecStartPre=/usr/bin/mkfifo /run/go")
    server.run("systemctl start llama.service")
    server.hook = server.told(LLAMA)
    server.wait_service("llama")
    with _limited_memory(server, "llama.service", 16 << 20):
        server.run("echo >/run/go")
        assert "out of memory" in _opened(server)["title"]
        server.run("systemctl stop llama.service")


def test_fails_at_start(server):
    _unit(server, "/opt/missing")
    _watched(server)
    server.run("systemctl start llama.service", check=False)
    assert _opened(server)["title"] == "llama is down: llama.service failed: exit-code, status 203/EXEC"
    # systemd's own process, which could not become the program, never was the server.
    server.run("systemctl start llama.service", check=False)
    _is_quiet(server, [("incident.opened", "llama")])


def test_fails_before_it_starts(running):
    """A restart that does not come to its program."""
    _unit(running, more="ExecStartPre=/bin/false")
    running.run("systemctl restart llama.service", check=False)
    assert _opened(running)["title"] == "llama is down: llama.service failed: exit-code"


def test_fails_at_start_disabled(server):
    """Nobody expects it, but it was started, and failed."""
    _unit(server, more="ExecStartPre=/bin/false")
    _watched(server)
    server.run("systemctl start llama.service", check=False)
    assert _opened(server)["title"] == "llama is down: llama.service failed: exit-code"


def test_stopped_on_purpose(running):
    running.run("systemctl stop llama.service")
    assert _reason(running) == "stopped by systemd (SIGTERM)"
    eventually(lambda: running.run("modelwatch status", check=False).returncode == 1, "a warning")
    _is_left_alone(running)
    running.run("systemctl start llama.service")
    running.wait_service("llama")
    assert running.service_state("llama")["restarts"] == 0


def test_stopped_with_a_status(server):
    _unit(server, SERVER)
    server.run("systemctl start llama.service")
    server.hook = server.told(LLAMA)
    server.wait_service("llama")
    server.run("systemctl stop llama.service")
    assert _reason(server) == "stopped by systemd (status 0)"
    _is_left_alone(server)


def _needing(server, needs, gpu="Restart=no", start="/opt/llama infinity", **middle):
    """A running llama.service that needs others: gpu.service, and what is given by its name."""
    _unit(server, more=gpu, name="gpu.service")
    for name, more in middle.items():
        _unit(server, more=f"[Unit]\n{more}", name=f"{name}.service")
    _unit(server, start, f"[Unit]\n{needs}")
    server.run("systemctl daemon-reload; systemctl start gpu.service llama.service")
    server.hook = server.told(LLAMA)
    server.wait_service("llama")


AFTER = ["", "After=gpu.service"]
FAILED = "(by systemd: gpu.service failed)"


@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize("start,end", [("/opt/llama infinity", "killed by SIGTERM"), (SERVER, "exited with status 0")])
def test_loses_what_it_is_bound_to(server, after, start, end):
    """systemd stops it, but nobody asked for that."""
    _needing(server, f"BindsTo=gpu.service\n{after}", start=start)
    server.run("systemctl kill -s KILL gpu.service")
    assert _opened(server)["title"] == f"llama is down: {end} {FAILED}"
    server.run("systemctl start gpu.service llama.service")
    server.hook.wait("incident.resolved", service="llama")


def test_many_lose_what_they_are_bound_to(server):
    """systemd stops all of them at once, is busy with that, and says why all the same."""
    names = [f"llama{i}" for i in range(30)]
    _unit(server, name="gpu.service")
    _unit(server, more="[Unit]\nBindsTo=gpu.service\nAfter=gpu.service", name="llama@.service")
    server.run(f"systemctl start gpu.service {' '.join(f'llama@{name}' for name in names)}")
    server.hook = server.told(*(f"[service {name}]\nunit = llama@{name}.service\nexpected = yes" for name in names))
    for name in names:
        server.wait_service(name)
    server.run("systemctl kill -s KILL gpu.service")
    for name in names:
        assert server.wait_service(name, "down")["reason"] == f"killed by SIGTERM {FAILED}"


def test_loses_what_comes_back(server):
    _needing(server, "BindsTo=gpu.service", gpu="Restart=always\nRestartSec=1")
    server.run("systemctl disable llama.service; systemctl kill -s TERM gpu.service")
    assert _opened(server)["title"] == "llama is down: killed by SIGTERM (by systemd: gpu.service ended)"


@pytest.mark.parametrize("needs", ["Requires=middle.service", "BindsTo=middle.service\nAfter=middle.service"])
def test_loses_what_it_needs_is_bound_to(server, needs):
    _needing(server, needs, middle="BindsTo=gpu.service\nAfter=gpu.service")
    server.run("systemctl kill -s KILL gpu.service")
    assert _opened(server)["title"] == f"llama is down: killed by SIGTERM {FAILED}"


@pytest.mark.parametrize("stop", ["umount -l", "systemctl stop"])
def test_loses_a_mount(server, stop):
    """Who unmounts does not ask systemd for anything."""
    server.run("mkdir -p /models && mount -t tmpfs models /models")
    _needing(server, "BindsTo=models.mount\nAfter=models.mount")
    server.run(f"{stop} /models")
    if stop == "systemctl stop":
        assert _reason(server) == "stopped by systemd (SIGTERM)"
        _is_left_alone(server)
    else:
        assert _opened(server)["title"] == "llama is down: killed by SIGTERM (by systemd: models.mount ended)"


@pytest.mark.parametrize("gpu", ["", "SuccessExitStatus=1\nExecStop=/bin/true", "ExecStop=/bin/false"])
@pytest.mark.parametrize("after", AFTER)
def test_stopped_with_what_it_is_bound_to(server, after, gpu):
    _needing(server, f"BindsTo=gpu.service\n{after}", gpu=gpu)
    server.run("systemctl stop gpu.service", check=False)
    assert _reason(server) == "stopped by systemd (SIGTERM)"
    _is_left_alone(server)


@pytest.mark.parametrize("count", [2, 250])
def test_stopped_instances(server, count):
    """What is not enabled is unloaded as soon as it ends, and a glob means it no more. The bus takes 128 calls at
    once."""
    _unit(server, name="llama@.service")
    server.run(f"systemctl start $(seq -f llama@%g {count})")
    server.hook = server.told("[service llama]\nunit = llama@*.service")
    eventually(lambda: len(server.service_state("llama")["processes"]) == count, "all")
    server.run("systemctl stop 'llama@*.service'")
    assert _reason(server) == "stopped by systemd (SIGTERM)"
    _is_left_alone(server)
    assert "systemd cannot be asked" not in server.journal()


def test_stopped_long_after_a_failure(server):
    """What it needs failed, and was no reason to stop it; then somebody does."""
    _needing(server, "Requires=gpu.service")
    server.run("systemctl kill -s KILL gpu.service")
    eventually(lambda: server.show("ActiveState", "gpu.service") == "failed", "a failure")
    server.run("systemctl stop llama.service")
    assert _reason(server) == "stopped by systemd (SIGTERM)"
    _is_left_alone(server)


def test_names_its_unit(running):
    """Whoever is woken need not read the configuration to know what to look at."""
    running.run("systemctl kill -s KILL llama.service")
    alert, = running.hook.wait("incident.opened", service="llama")[0].json["alerts"]
    assert {"name": "unit", "text": "llama.service"} in alert["evidence"]
    shown = running.run("modelwatch incident 1").stdout
    assert "systemctl status llama.service" in shown and "journalctl -u llama.service -n 50" in shown


def test_restarted_on_purpose(running):
    for _ in range(4):
        running.run("systemctl restart llama.service")
    pid = int(running.show("MainPID", "llama.service"))
    eventually(lambda: running.service_state("llama")["processes"] == [pid], "its successor")
    _is_left_alone(running)


def test_stop_that_fails(server):
    """It does not heed the request and is killed: no stop in order."""
    _unit(server, "/bin/sh -c 'trap \"\" TERM; /opt/llama infinity & while :; do wait; done'",
          "TimeoutStopSec=1\nSendSIGKILL=yes")
    server.run("systemctl start llama.service")
    server.hook = server.told(LLAMA)
    server.wait_service("llama")
    server.run("systemctl stop llama.service")
    assert _opened(server)["title"] == "llama is down: killed by SIGKILL when asked to stop (by systemd: timeout)"


def test_never_ready(server):
    _unit(server, more="Type=notify\nTimeoutStartSec=2")
    _watched(server)
    server.run("systemctl start llama.service", check=False)
    assert _opened(server)["title"] == "llama is down: killed by SIGTERM (by systemd: timeout)"


def test_watchdog(server):
    _unit(server, more="Type=exec\nWatchdogSec=1\nLimitCORE=0")
    server.run("systemctl start llama.service")
    server.hook = server.told(LLAMA)
    server.wait_service("llama")
    assert _opened(server)["title"] == "llama is down: killed by SIGABRT (by systemd: watchdog timeout)"


def test_forgotten_failure(server):
    """A failure that systemd is told to forget is no success."""
    _unit(server, more="ExecStartPre=/bin/false")
    _watched(server)
    server.run("systemctl start llama.service", check=False)
    assert _opened(server)["title"] == "llama is down: llama.service failed: exit-code"
    server.run("systemctl reset-failed llama.service")
    eventually(lambda: "inactive (dead)" in server.unix.get("/services/llama").text, "what systemd says now")
    assert _reason(server) == "llama.service failed: exit-code"


def test_meanwhile(running):
    """What happens while the daemon does not run: systemd knows."""
    _unit(running, name="other.service")
    running.run("systemctl start other.service")
    sections = [LLAMA, "[service other]\nunit = other.service", f"[webhook oncall]\nurl = {running.hook.url}"]
    running.configure(*sections)
    running.run("systemctl reload modelwatchd.service")
    running.wait_service("other")
    running.run("systemctl stop modelwatchd.service")
    running.run("systemctl stop llama.service; systemctl kill -s KILL other.service")
    running.run("systemctl start modelwatchd.service")
    post, = running.hook.wait("incident.opened", service="other")
    assert post.json["incident"]["title"] == "other is down: killed by SIGKILL"
    assert _reason(running) == "stopped by systemd (SIGTERM)"
    assert _incidents_of_llama(running) == []


def test_stopped_for_too_long(server):
    server.run("systemctl start llama.service")
    server.hook = server.told(LLAMA + "\nstop-grace = 1s")
    server.wait_service("llama")
    server.run("systemctl stop llama.service")
    assert _opened(server)["title"] == "llama is down: stopped by systemd (SIGTERM)"


def test_stopped_for_too_long_by_a_daemon_that_does_not_stay(server):
    """The time counts from the stop, not from the start of whoever watches."""
    server.run("systemctl start llama.service")
    server.hook = server.told(LLAMA + "\nstop-grace = 15s")
    server.wait_service("llama")
    server.run("systemctl stop llama.service")
    server.wait_service("llama", "down")

    def looked(since):
        line, = re.findall(r"^modelwatch_collector_last_success\S* (\S+)", server.unix.get("/metrics").text, re.M)
        return float(line) > since

    def pages_after_another_start():
        server.run("systemctl restart modelwatchd.service")
        start = time.time()
        eventually(lambda: looked(start + 1), "a second of its life")
        return server.hook.posts
    eventually(pages_after_another_start, "a page", deadline=180)
    assert _opened(server)["title"] == "llama is down: stopped by systemd (SIGTERM)"


def test_stopped_while_nobody_looked(running):
    """A stop that the daemon sees, and then its own restart."""
    running.run("systemctl stop llama.service")
    _reason(running)
    running.run("systemctl restart modelwatchd.service")
    running.wait_service("llama", "down")
    _is_left_alone(running)


@pytest.fixture(name="loading")
def _loading(server):
    """Runs, as systemd sees it, and does not listen before there is /run/loaded."""
    _unit(server, "/usr/bin/perl -MIO::Socket::INET -e 'select undef, undef, undef, 0.1 until -e \"/run/loaded\"; "
                  "my $$s = IO::Socket::INET->new(Listen => 1, LocalPort => 8000); sleep 1000'")
    server.run("systemctl start llama.service")
    return server


def test_loads_before_it_listens(loading):
    loading.hook = loading.told(LLAMA + "\nlisten-port = 8000")
    eventually(lambda: "unit-state" in loading.unix.get("/services/llama").text, "what systemd says")
    assert loading.service_state("llama")["state"] == "unknown"
    loading.run("touch /run/loaded")
    loading.wait_service("llama")
    _is_left_alone(loading)


def test_loads_for_too_long(loading):
    loading.hook = loading.told(LLAMA + "\nlisten-port = 8000\nstop-grace = 1s")
    pid = loading.show("MainPID", "llama.service")
    assert _opened(loading)["title"] == \
        f"llama is down: process {pid} is of its unit, but does not listen to its port"


def test_missing_after_boot(server):
    server.hook = server.told(LLAMA)
    assert _opened(server)["title"] == "llama is down: llama.service is inactive (dead)"


def test_no_such_unit(machine):
    machine.hook = machine.told(LLAMA)
    assert _opened(machine)["title"] == "llama is down: there is no unit llama.service"


def test_not_enabled(server):
    """Nobody expects it: not before it runs, and not after a stop, however long ago."""
    server.run("systemctl disable llama.service")
    server.hook = server.told(LLAMA + "\nstop-grace = 0s")
    assert eventually(lambda: server.service_state("llama")["reason"], "a reason") == "not expected"
    assert server.service_state("llama")["state"] == "unknown"
    server.run("systemctl start llama.service")
    server.wait_service("llama")
    server.run("systemctl stop llama.service")
    server.wait_service("llama", "down")
    eventually(lambda: server.run("modelwatch status", check=False).returncode == 0, "no trouble")
    _is_left_alone(server)


def test_enabled_later(server):
    """Whoever enables it has not started it yet."""
    _watched(server)
    server.run("systemctl enable llama.service")
    assert _reason(server) == "llama.service is inactive (dead)"
    server.run("systemctl start llama.service")
    server.wait_service("llama")
    _is_left_alone(server)


def test_restarted_by_systemd(server):
    _unit(server, more="Restart=always\nRestartSec=0")
    server.run("systemctl start llama.service")
    server.hook = server.told(LLAMA)
    server.wait_service("llama")
    server.run("systemctl kill -s KILL llama.service")
    server.hook.wait("incident.opened", service="llama")
    server.hook.wait("incident.resolved", service="llama")
    assert server.wait_service("llama")["restarts"] == 1


def test_template(server):
    _unit(server, name="llama@.service")
    server.run("systemctl start llama@1.service llama@2.service")
    server.hook = server.told("[service llama]\nunit = llama@*.service")
    pids = sorted(int(server.show("MainPID", f"llama@{i}.service")) for i in (1, 2))
    eventually(lambda: sorted(server.service_state("llama")["processes"]) == pids, "both")
    server.run("systemctl kill -s KILL llama@1.service")
    eventually(lambda: server.service_state("llama")["processes"] == pids[1:], "one")
    assert server.service_state("llama")["state"] == "up"
    server.run("systemctl kill -s KILL llama@2.service")
    assert _opened(server)["title"] == "llama is down: killed by SIGKILL"
    server.run("systemctl start llama@3.service")
    server.hook.wait("incident.resolved", service="llama")


def test_scope(server):
    server.run("systemd-run --scope --unit=llama /opt/llama infinity >/dev/null 2>&1 & "
               "until systemctl is-active --quiet llama.scope; do sleep 0.01; done")
    server.hook = server.told("[service llama]\nunit = llama.scope")
    pid, = server.wait_service("llama")["processes"]
    server.run(f"kill -KILL {pid}")
    assert _opened(server)["title"] == "llama is down: killed by SIGKILL"


def test_forks_into_the_background(server):
    _unit(server, "/bin/sh -c '/opt/llama infinity & exit 0'", "Type=forking\nGuessMainPID=no")
    server.run("systemctl start llama.service")
    assert server.show("MainPID", "llama.service") == "0"
    server.hook = server.told(LLAMA)
    server.wait_service("llama")
    server.run("systemctl stop llama.service")
    assert _reason(server) == "stopped by systemd (SIGTERM)"
    _is_left_alone(server)


def test_container(server):
    """What is executed beside its first process, as a health check, is neither an end nor a restart of it."""
    digits = "0123456789abcdef" * 4
    group = f"/sys/fs/cgroup/system.slice/docker-{digits}.scope"
    server.run(f"mkdir -p {group}")
    server.write("/root/enter", f"#!/bin/sh\necho $$ >{group}/cgroup.procs\nexec \"$@\"\n", 0o755)
    server.run("systemd-run --unit=shim unshare --pid --fork /root/enter /opt/llama infinity")
    server.hook = server.told(f"[service llama]\ncontainer = {digits[:12]}")
    pid, = server.wait_service("llama")["processes"]
    for _ in range(4):
        server.run("systemd-run --wait /root/enter sleep 0.5")
    assert server.service_state("llama")["processes"] == [pid]
    assert server.service_state("llama")["restarts"] == 0
    server.run(f"kill -KILL {pid}")
    assert _opened(server)["title"] == "llama is down: killed by SIGKILL"


def test_without_a_bus(running):
    """It goes away and comes back: what runs is watched meanwhile, and what happened is known afterwards."""
    running.run("systemctl stop dbus.socket dbus.service")
    eventually(lambda: "system bus" in running.run("modelwatch doctor", check=False).stdout, "doctor's word")
    answer = eventually(lambda: running.unix.get("/healthz").status == 503 and running.unix.get("/healthz"), "a reason")
    assert "nobody serves the system bus" in answer.text and "Start dbus.service." in answer.text
    answer = running.run("modelwatch status", check=False)
    assert answer.returncode == 1 and "nobody serves the system bus" in answer.stdout
    assert running.service_state("llama")["processes"] == [int(running.main)]
    running.run("systemctl kill -s KILL llama.service")
    assert _opened(running)["title"] == "llama is down: killed by SIGKILL"
    running.run("systemctl start dbus.socket dbus.service")
    eventually(lambda: "system bus" not in running.run("modelwatch doctor", check=False).stdout, "doctor's word")
    eventually(lambda: running.unix.get("/healthz").status == 200, "health")
    running.run("systemctl start llama.service")
    running.hook.wait("incident.resolved", service="llama")


def test_what_is_known(running):
    facts = running.run("curl -s --unix-socket /run/modelwatch/http.sock http://localhost/services/llama").stdout
    assert "active (running)" in facts and "unit-file" in facts and "enabled" in facts
