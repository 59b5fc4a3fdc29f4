# SPDX-License-Identifier: Apache-2.0
"""Where things are: the source tree, the build folder, free ports, a directory for each test."""
import itertools
import os
import pathlib
import pwd
import shutil
import socket
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("BUILD") or SOURCE / "build").resolve()
SCHEMA = SOURCE / "schema" / "webhook.schema.json"

ROLES = ("engine", "process", "notify", "web")
UNITS = "units"  # runs where a service has 'unit'
PROGRAMS = ("modelwatchd", "modelwatch") + tuple(
    f"modelwatch-{role}" for role in (*ROLES, UNITS))

# Below the kernel's ephemeral ports, so that nothing takes a port between two uses of it.
_FIRST_PORT, _PORTS_EACH, _RANGES = 20000, 400, 30


def _own_range():
    """A range of ports for this process, whoever else runs tests on this machine: the name of an
    abstract socket, held until the process ends, is the claim to it."""
    for number in range(_RANGES):
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0modelwatch-test-ports-{number}")
        except OSError:
            claim.close()
            continue
        first = _FIRST_PORT + number * _PORTS_EACH
        return claim, itertools.cycle(range(first, first + _PORTS_EACH))
    raise RuntimeError("no free range of ports")


_claim, _ports = _own_range()


def free_port():
    """A TCP port that nobody listens on and no other test is given."""
    for port in itertools.islice(_ports, _PORTS_EACH):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


def sanitized():
    """Whether the build under test has the sanitizers in it."""
    return b"__asan_init" in (BUILD / "modelwatchd").read_bytes()


def as_user(user, command):
    """The command, run by that user without any group but the user's own."""
    account = pwd.getpwnam(user)
    return ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}",
            "--clear-groups", *command]


def temporary_directory(prefix="mw-"):
    """A new directory that every user can enter. The caller removes it."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix=prefix))
    directory.chmod(0o755)
    return directory


def copy_programs(directory):
    """Copies of what was built that any user can run, wherever the build folder is."""
    programs = directory / "programs"
    (programs / "packaging").mkdir(parents=True)
    for name in PROGRAMS:
        shutil.copy(BUILD / name, programs / name)
    shutil.copytree(SOURCE / "packaging" / "rules.d", programs / "packaging" / "rules.d")
    for path in [programs, *programs.rglob("*")]:
        path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o444))
    return programs
