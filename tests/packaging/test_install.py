# SPDX-License-Identifier: Apache-2.0
"""The .deb: what it is, and what a host has after `dpkg -i`."""
import json
import re
import subprocess

import pytest
from host import SERVICE
from machine import DEB


def test_lintian_finds_no_error():
    done = subprocess.run(["lintian", "--fail-on", "error", "--allow-root", str(DEB)], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_installs_enabled_and_running(bare):
    bare.run("dpkg -i /root/modelwatch.deb")
    assert bare.run(f"systemctl is-enabled {SERVICE}").stdout == "enabled\n"
    status = bare.run("systemctl status modelwatchd").stdout
    assert "Active: active (running)" in status, status
    answer = bare.run("modelwatch status", check=False)
    assert answer.returncode == 0 and answer.stdout.startswith("ok, no open incident\n"), answer.stdout + answer.stderr
    assert bare.run("dpkg -V modelwatch").stdout == ""
    for path, owner in (("/var/lib/modelwatch", "modelwatch modelwatch 750"),
                        ("/var/lib/modelwatch/modelwatch.db", "modelwatch modelwatch 640"),
                        ("/run/modelwatch/http.sock", "modelwatch modelwatch 660"),
                        ("/etc/modelwatch/modelwatch.conf", "root root 644")):
        assert bare.run(f"stat -c '%U %G %a' {path}").stdout.strip() == owner, path


def test_starts_with_the_machine(machine):
    assert machine.run("systemctl --failed --no-legend").stdout == ""
    assert machine.run("curl -sS http://127.0.0.1:9178/healthz -o /dev/null -w '%{http_code}'").stdout == "200"
    assert machine.run("modelwatch doctor").returncode == 0


def test_example_of_the_manual_page_is_there(machine):
    machine.run("modelwatch check-config /usr/share/doc/modelwatch/examples/modelwatch.conf")


@pytest.mark.parametrize("words, offered, not_offered", [
    ("ac", ["ack"], ["status"]),
    ("ack 1 --", ["--json", "--message"], ["--all", "--version"]),
    ("incidents --", ["--all", "--json"], ["--message"]),
    ("test-webhook on", ["oncall"], ["other"]),
])
def test_completion(machine, words, offered, not_offered):
    machine.configure("[webhook oncall]\nurl = http://127.0.0.1:9/")
    machine.write("/etc/modelwatch/conf.d/more.conf", "[webhook other]\nurl = http://127.0.0.1:9/\n")
    count = len(words.split())
    found = machine.run("bash -c 'source /usr/share/bash-completion/completions/modelwatch; "
                        f"COMP_WORDS=(modelwatch {words}) COMP_CWORD={count}; _modelwatch; "
                        "printf \"%s\\n\" \"${COMPREPLY[@]}\"'").stdout.split()
    assert set(offered) <= set(found) and not set(not_offered) & set(found), found


def test_exposure_is_low(machine):
    report = json.loads(machine.run(f"systemd-analyze security --json=short {SERVICE}").stdout)
    worst = sorted((float(r["exposure"] or 0), r["name"]) for r in report if r["set"] is False)[::-1][:8]
    overall = machine.run(f"systemd-analyze security --no-pager {SERVICE}").stdout
    exposure = float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", overall)[1])
    assert exposure <= 2.5, worst


def test_has_two_capabilities(machine):
    for name in ("CapabilityBoundingSet", "AmbientCapabilities"):
        assert machine.show(name).split() == ["cap_dac_read_search", "cap_sys_ptrace"]
    pid = machine.show("MainPID")
    status = machine.run(f"cat /proc/{pid}/status").stdout
    both = 1 << 2 | 1 << 19  # as in linux/capability.h
    assert int(re.search(r"^CapBnd:\s*(\S+)", status, re.M)[1], 16) == both
    assert int(re.search(r"^CapEff:\s*(\S+)", status, re.M)[1], 16) == both


def _fanotify_groups(machine):
    """{name of a program of the service: how many groups of fanotify it has open}"""
    found = {}
    pids = machine.run(f"cat /sys/fs/cgroup/system.slice/{SERVICE}/cgroup.procs").stdout.split()
    for pid in pids:
        name = machine.run(f"cat /proc/{pid}/comm").stdout.strip()
        files = machine.run(f"ls -l /proc/{pid}/fd").stdout
        found[name] = found.get(name, 0) + len(re.findall(r"anon_inode:\[fanotify\]", files))
    return found


def test_has_the_group_of_file_events(machine):
    """Opened with rights that the service has not, kept by systemd, passed over a restart and a crash."""
    assert int(machine.show("NFileDescriptorStore")) >= 1
    assert sum(_fanotify_groups(machine).values()) >= 1
    for command in (f"systemctl restart {SERVICE}", f"systemctl kill --kill-whom=main -s KILL {SERVICE}"):
        before = machine.show("MainPID")
        machine.run(command)
        machine.wait_successor(before)
        assert int(machine.show("NFileDescriptorStore")) >= 1, command
        assert sum(_fanotify_groups(machine).values()) >= 1, command
        assert machine.run("modelwatch status", check=False).returncode == 0, command
