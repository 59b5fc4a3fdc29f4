# SPDX-License-Identifier: Apache-2.0
"""What every program of the service can and cannot do, tried under the real unit.

Each program is replaced by one of the same objects that makes the calls of probe.c when its sandbox is
complete. ALLOWED says who may do what; all else has to be refused. Calls that are allowed show that the
probe itself works."""
import re

import pytest
from host import SERVICE

from harness.places import BUILD, SOURCE
from harness.wait import eventually

# Memory of its own, and nothing of the host.
NOTHING = {"make-memory-file"}

# What the sandbox leaves to each, the row of roles.def and the unit together.
ALLOWED = {
    # Starts the others with the unit's rights: the state and runtime directories are writable, the rest of the
    # host is not, and the two capabilities that it hands on read everything.
    "supervisor": NOTHING | {
        "accept", "add-key", "be-dumpable", "connect-bus", "connect-tcp", "datagram-socket", "execute",
        "listen-tcp", "make-process", "make-runtime-file", "make-state-file", "make-temporary-file",
        "make-thread", "open-parent-to-read", "raise-limit", "read-database", "read-memory-of-parent",
        "read-passwords", "read-users", "remove-state-file", "type-into-terminal", "write-database"},
    # The state directory.
    "engine": NOTHING | {"make-state-file", "read-database", "remove-state-file", "write-database"},
    # Reads whatever is a file, /proc/PID/mem too, by its capabilities; changes nothing, connects to nothing.
    "process": NOTHING | {"make-thread", "open-parent-to-read", "read-database", "read-passwords", "read-users"},
    # The system bus.
    "units": NOTHING | {"connect-bus"},
    # The network, and what name resolution needs: threads, its sockets and files in /etc.
    "notify": NOTHING | {"connect-bus", "connect-tcp", "make-thread", "read-users", "datagram-socket"},
    # Accepted connections; the database, read-only.
    "web": NOTHING | {"accept", "read-database"},
}

# The unit leaves it to the kernel's setting (kernel.io_uring_disabled).
_DEPENDS = {("supervisor", "uring")}

# How a call is refused: by seccomp and for want of a capability, by Landlock and file modes, by read-only file
# systems, by the unit's address families.
REFUSALS = {"EPERM", "EACCES", "EROFS", "EAFNOSUPPORT"}


def _roles():
    table = (SOURCE / "daemon" / "roles.def").read_text()
    return re.findall(r'^ROLE\(\w+, "(\w+)"', table, re.M)


@pytest.fixture
def probed(machine):
    """{program: {call: what came of it}} of a service whose programs try all of probe.c."""
    programs = {"modelwatchd": "/usr/sbin"} | {f"modelwatch-{r}": "/usr/libexec/modelwatch" for r in _roles()}
    machine.configure("[service llama]\nunit = llama.service")
    machine.run(f"systemctl stop {SERVICE}")
    for name, folder in programs.items():
        built, = BUILD.glob(f"deb/modelwatch-*/build/{name}-probed")
        machine.copy(built, f"{folder}/{name}")
    machine.run(f"systemctl start {SERVICE}")

    def results():
        lines = [line.split()[1:] for line in machine.journal(f"--unit {SERVICE} --output cat").splitlines()
                 if line.startswith("probe ")]
        over = {program for program, call, *result in lines if call == "over"}
        assert over == {"supervisor", *_roles()}, over
        return [line for line in lines if line[1] != "over"]
    found = {}
    for program, call, result in eventually(results, "the results of all programs"):
        found.setdefault(program, {})[call] = result
    machine.found = found
    return machine


def test_every_role_has_a_row():
    assert set(ALLOWED) == {"supervisor", *_roles()}


def test_each_can_do_its_work_alone(probed):
    calls = set(re.findall(r'^\t\{"([\w-]+)", \w+\},$', (SOURCE / "tests/packaging/probe.c").read_text(), re.M))
    assert set.union(*ALLOWED.values()) <= calls and len(calls) > 40
    wrong = []
    for program, results in probed.found.items():
        assert set(results) == calls, program
        for call, result in results.items():
            expected = {"ok"} if call in ALLOWED[program] else REFUSALS
            if result not in expected and (program, call) not in _DEPENDS:
                wrong.append(f"{program}: {call}: {result}")
    assert not wrong, "\n".join(wrong)
    # And it goes on with its work.
    assert probed.show("ActiveState") == "active" and probed.show("NRestarts") == "0"
    assert all(role["restarts"] == 0 for role in probed.unix.json("/v1/status")["roles"])
