# SPDX-License-Identifier: Apache-2.0
"""Where things are: the source tree, the build folder, free ports, a directory for each test."""
import itertools
import os
import pathlib
import pwd
import re
import shutil
import socket
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("BUILD") or SOURCE / "build").resolve()
SCHEMA = SOURCE / "schema" / "webhook.schema.json"

ROLES = ("engine", "process", "notify", "web")
PROGRAMS = ("modelwatchd", "modelwatch") + tuple(f"modelwatch-{role}" for role in ROLES)

# Below the kernel's ephemeral ports, so that nothing takes a port between two uses of it; each test
# process has a range of its own.
_FIRST_PORT, _PORTS_EACH = int(os.environ.get("MW_TEST_PORTS", "20000")), 400
_worker = int(re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "")) or 0)
_ports = itertools.cycle(range(_FIRST_PORT + _worker * _PORTS_EACH,
                               _FIRST_PORT + (_worker + 1) * _PORTS_EACH))


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
