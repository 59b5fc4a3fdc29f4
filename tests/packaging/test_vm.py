# SPDX-License-Identifier: Apache-2.0
"""What the service is given under systemd on a host of its own, and what it learns by that: the kernel's news
of every end, before systemd's and before any look; and ends by memory that a unit's limit allows."""
import re

import pytest
from host import SERVICE
from vm import VirtualMachine

from harness.wait import eventually

pytestmark = pytest.mark.xdist_group("vm")  # one boot for all of them

SLEEPER, EATER = "/opt/llama infinity", "x=$(tr \"\\\\0\" x </dev/zero)"
# Each is a unit, and a service of that name.
UNITS = {
    "booted": SLEEPER, "restarted": SLEEPER, "crashed": SLEEPER,
    "dumps": "/bin/sh -c 'read x </run/dumps; kill -SEGV $$$$'",
    "eats": f"/bin/sh -c 'read x </run/eats; {EATER}'",
    "leads": f"/bin/sh -c 'trap \"exit 0\" TERM; read x </run/leads; ({EATER}); while :; do sleep 1; done'",
}
UNIT = """[Service]
ExecStartPre=/usr/bin/mkfifo /run/%p
ExecStart={start}
WorkingDirectory=/tmp
LimitCORE=infinity
MemoryMax=16M
MemorySwapMax=0
"""
DENIED = 1 << 12 | 1 << 21  # CAP_NET_ADMIN, CAP_SYS_ADMIN of linux/capability.h
CONNECTOR = "11"  # NETLINK_CONNECTOR of linux/netlink.h


@pytest.fixture(scope="module", name="booted")
def _booted():
    machine = VirtualMachine()
    try:
        machine.run("install /bin/sleep /opt/llama; install /bin/sleep /opt/alone")
        for name, start in UNITS.items():
            machine.write(f"/etc/systemd/system/{name}.service", UNIT.format(start=start))
        machine.configure(*(f"[service {name}]\nunit = {name}.service" for name in UNITS),
                          "[service alone]\nexecutable = /opt/alone")
        machine.run(f"systemctl daemon-reload; systemctl start {' '.join(UNITS)}; systemctl reload {SERVICE}")
        yield machine
    finally:
        machine.close()


@pytest.fixture(name="vm")
def _vm(request, booted):
    yield booted
    report = getattr(request.node, "report_call", None)
    if report is None or not report.passed:
        print(booted.describe())


def _processes(vm):
    """{name of a program of the service: (its status, its descriptors)}, as /proc shows both."""
    text = vm.run(f"for p in $(cat /sys/fs/cgroup/system.slice/{SERVICE}/cgroup.procs); do "
                  "cat /proc/$p/status; ls -l /proc/$p/fd; echo; done").stdout
    return {re.search(r"^Name:\s*(\S+)", part, re.M)[1]: part for part in text.split("\n\n")[:-1]}


def _connectors(vm):
    """The inodes of sockets that are subscribed to process events."""
    rows = [row.split() for row in vm.run("cat /proc/net/netlink").stdout.splitlines()]
    return {row[-1] for row in rows if row[1] == CONNECTOR and row[3] == "00000001"}


def _check_grants(vm):
    """What the granting program opened is with systemd and with the role that reads it, and no right is."""
    assert vm.show("NFileDescriptorStore") == "3"
    checks = vm.run("modelwatch doctor").stdout
    assert checks.startswith("Nothing is limited.\n") and "ok  process-events: " in checks, checks
    processes = _processes(vm)
    assert {"modelwatchd", "modelwatch-proc", "modelwatch-engi"} <= set(processes), processes
    for status in processes.values():
        for kind, held in re.findall(r"^(Cap\w+):\s*(\w+)", status, re.M):
            assert int(held, 16) & DENIED == 0, (kind, status)
        assert re.search(r"^Uid:\s*(\d+)", status, re.M)[1] != "0", status
    reader = processes["modelwatch-proc"]
    assert len(_connectors(vm) & set(re.findall(r"socket:\[(\d+)\]", reader))) == 2, reader
    assert "anon_inode:[fanotify]" in reader


def _title(vm, service):
    return vm.wait_incident(service)["title"]


def _kill(vm, name):
    vm.wait_service(name)
    vm.run(f"systemctl kill -s KILL {name}.service")
    assert _title(vm, name) == f"{name} is down: killed by SIGKILL"


def test_granted_at_boot(vm):
    _check_grants(vm)
    _kill(vm, "booted")


@pytest.mark.parametrize("name, command", [
    ("restarted", f"systemctl restart {SERVICE}"),
    ("crashed", f"systemctl kill --kill-whom=main -s KILL {SERVICE}")])
def test_granted_anew(vm, name, command):
    before = vm.show("MainPID")
    vm.run(command)
    vm.wait_successor(before)
    _check_grants(vm)
    _kill(vm, name)


def test_process_without_a_unit(vm):
    """Nothing but the kernel tells of it: how it began, and how it ended."""
    vm.run("/opt/alone infinity >/dev/null 2>&1 & echo $! >/run/alone.pid")
    vm.wait_service("alone")
    vm.run("kill -ABRT $(cat /run/alone.pid)")
    assert _title(vm, "alone") == "alone is down: killed by SIGABRT"


def test_dumps_core(vm):
    vm.wait_service("dumps")
    vm.run("echo >/run/dumps")
    assert _title(vm, "dumps") == "dumps is down: dumped core on SIGSEGV"
    eventually(lambda: vm.show("Result", "dumps.service") == "core-dump", "systemd's word")


def test_out_of_memory(vm):
    vm.wait_service("eats")
    vm.run("echo >/run/eats")
    assert _title(vm, "eats") == "eats is down: killed by SIGKILL (out of memory)"
    eventually(lambda: vm.show("Result", "eats.service") == "oom-kill", "systemd's word")
    metrics = vm.run("curl -sS http://127.0.0.1:9178/metrics").stdout
    exits, = re.findall(r'^modelwatch_service_exits_total\{(.*service="eats".*)\} 1$', metrics, re.M)
    assert 'reason="oom"' in exits, exits


def test_worker_out_of_memory(vm):
    """systemd stops what is left of the unit, and the main process leaves in order."""
    vm.wait_service("leads")
    vm.run("echo >/run/leads")
    assert _title(vm, "leads") == "leads is down: exited with status 0 (out of memory)"
    eventually(lambda: vm.show("Result", "leads.service") == "oom-kill", "systemd's word")
